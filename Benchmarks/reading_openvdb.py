"""OpenVDB as a store of a distance field that is asked for points.

What always holds here:
- Only its own trilinear sampler is measured (openvdb_points.cpp); it has no other way of reading.
"""

from __future__ import annotations

import time

import numpy as np
from cell_stores import BytesRead
from openvdb_points import Server
from reading_stores import POINTS, Store, seconds_of


class OpenVDB(Store):
    """A dense grid that is read as a whole before its first point: a part of every cold read."""

    name = "OpenVDB, trilinear"
    ways = POINTS
    tolerance = 1e-3  # weighs in binary32
    holds_all = True
    _server: Server | None = None

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        Server.write(self.folder, self.signal.samples())

    def open(self) -> None:
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def points(self, points: np.ndarray) -> np.ndarray:
        self._server = self._server or Server(self.folder)
        return self._server.values(points)

    def bytes_read(self) -> BytesRead:
        return BytesRead.of(self._server.pid) if self._server is not None else BytesRead(0, 0)

    def processor_seconds(self) -> float:
        served = seconds_of(self._server.pid) if self._server is not None else 0
        return time.process_time() + served

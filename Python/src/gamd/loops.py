"""A client for whatever event loop asks, made when it first asks.

What always holds here:
- It can be pickled and it survives fork: only the socket's path goes along.
- A loop that is closed takes its connection along, at the latest when another loop asks.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from .async_client import AsyncClient
from .wire import default_socket


class LoopClients:
    """Where a daemon is, and an AsyncClient for each event loop of this process."""

    def __init__(self, socket: str | os.PathLike[str] | None = None) -> None:
        self.path = os.fspath(socket) if socket is not None else default_socket()
        self._process = os.getpid()
        self._clients: dict[asyncio.AbstractEventLoop, asyncio.Task[AsyncClient]] = {}

    async def get(self) -> AsyncClient:
        """The running loop's client; connects the first time, and where a connection has ended."""
        if self._process != os.getpid():
            self._process, self._clients = os.getpid(), {}
        self._drop_closed()
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None or (found.done() and not _is_usable(found)):
            found = loop.create_task(AsyncClient(self.path).connect())
            self._clients[loop] = found
        return await asyncio.shield(found)

    def close(self) -> None:
        """Closes the connections; those of other loops from within their loops."""
        self._drop_closed()
        clients, self._clients = self._clients, {}
        for loop, task in clients.items():
            if task.done() and _is_usable(task):
                loop.call_soon_threadsafe(task.result().close_soon)

    def _drop_closed(self) -> None:
        for loop in [loop for loop in list(self._clients) if loop.is_closed()]:
            task = self._clients.pop(loop, None)
            if task is not None and task.done() and _is_usable(task):
                task.result().close_soon()

    def __getstate__(self) -> str:
        return self.path

    def __setstate__(self, path: Any) -> None:
        LoopClients.__init__(self, path)


def _is_usable(task: asyncio.Task[AsyncClient]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().is_open

"""gamd itself as a tool: file <-> .gam through `gamctl`, without the daemon.

What always holds here:
- A put with effort 0 uses the shipped priors only, and recalls and compares what it wrote.
- The time inside is what gamctl says its networks took, without start-up, adapters and files.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from gamd_process import BINARIES, PLUGIN_MANIFESTS
from kinds import Source
from tool import ProcessTool

PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]


class GamFile(ProcessTool):
    is_ours = True
    packed_suffix = ".gam"
    plain_suffix = ".raw"

    def __init__(self, size: str, effort: int) -> None:
        self.size, self.effort = size, effort
        self.name = f"gam {size} effort {effort}"
        self.encodes_once = effort > 0
        #: Energy after every kept round of the last fit, in bits per sample.
        self.energy_rounds: list[float] = []

    def takes(self, source: Source) -> bool:
        return True

    def encode_command(self, path: Path, packed: Path) -> list:
        options = ["--size", self.size, "--effort", self.effort, "--threads", 1, "--json"]
        return [BINARIES / "gamctl", "encode", path, packed, *options, *PLUGINS]

    def decode_command(self, packed: Path, plain: Path) -> list:
        options = ["--raw", "--threads", 1, "--json"]
        return [BINARIES / "gamctl", "decode", packed, plain, *options, *PLUGINS]

    def inside_seconds(self, output: bytes) -> float:
        report = json.loads(output)
        self.energy_rounds = report["energyRounds"]
        return report["codecSeconds"]

    def is_exact(self, source: Source, folder: Path) -> bool:
        return self.plain(folder).read_bytes() == np.ascontiguousarray(source.samples).tobytes()

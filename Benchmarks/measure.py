"""Times tools on files in paired rounds and checks what they decode.

What always holds here:
- In a round every tool handles a file before the next file begins: drift of the machine hits all.
- No figure without proof: a peer that does not give a file back is left out for that file, with a
  line on stderr; ours stops the run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from readers import npy_array, png_samples, wav_sound
from tools import Tool


@dataclass(frozen=True)
class Row:
    file: str
    suffix: str
    tool: str
    raw_bytes: int
    bytes: int
    encode_seconds: float | None = None
    decode_seconds: float | None = None

    @property
    def group(self) -> str:
        """What is added up: the folder of the file, and its kind."""
        return f"{Path(self.file).parent}/*{self.suffix}"


def original_samples(path: Path) -> np.ndarray:
    data = path.read_bytes()
    if path.suffix == ".png":
        return png_samples(data)
    return npy_array(data) if path.suffix == ".npy" else wav_sound(data).samples


def measure(files: list[Path], root: Path, tools: list[Tool], rounds: int) -> list[Row]:
    rows = []
    for number, path in enumerate(files):
        print(f"[{number + 1}/{len(files)}] {path.relative_to(root)}", file=sys.stderr, flush=True)
        samples = original_samples(path)
        fitting = [tool for tool in tools if tool.takes(path, samples)]
        with tempfile.TemporaryDirectory(prefix="gamd-bench-") as folder:
            scratch, name = Path(folder), str(path.relative_to(root))
            exact = [tool for tool in fitting if is_exact(tool, path, samples, scratch)]
            times = time_tools(path, exact, scratch, rounds)
            for tool, seconds in zip(exact, times):
                size = tool.packed(scratch).stat().st_size
                rows.append(Row(name, path.suffix, tool.name, samples.nbytes, size, *seconds))
    return rows


def is_exact(tool: Tool, path: Path, samples: np.ndarray, folder: Path) -> bool:
    """Whether the tool gives the file back; this first run also warms the caches."""
    try:
        tool.encode(path, folder)
        tool.decode(folder)
        exact, why = tool.is_exact(folder, path, samples), "other samples came back"
    except RuntimeError as error:
        exact, why = False, str(error).strip()
    if not exact:
        if tool.is_ours:
            raise RuntimeError(f"{tool.name} on {path}: {why}")
        print(f"{tool.name} left out for {path.name}: {why}", file=sys.stderr)
    return exact


def time_tools(
    path: Path, tools: list[Tool], folder: Path, rounds: int
) -> list[tuple[float, float]]:
    """Median encode and decode seconds of each tool on one file."""
    encode: list[list[float]] = [[] for _ in tools]
    decode: list[list[float]] = [[] for _ in tools]
    for _ in range(rounds):
        for index, tool in enumerate(tools):
            encode[index].append(tool.encode(path, folder))
            decode[index].append(tool.decode(folder))
    return [
        (statistics.median(packing), statistics.median(unpacking))
        for packing, unpacking in zip(encode, decode)
    ]

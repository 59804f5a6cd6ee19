"""Runs the Python listings of a page one after the other, as one program: run_examples.py PAGE.

What always holds here:
- Names made by one listing are there for the next, as a reader expects it.
- A listing whose library is not installed is left out and named; any other failure ends the run
  with the page and the line in the traceback.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

OPTIONAL = {"torch", "zarr", "fsspec", "xarray"}


def listings(page: Path) -> list[tuple[int, str]]:
    """The first line and the text of every listing."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in found]


def main(page: Path) -> int:
    names: dict[str, Any] = {"__name__": "__main__"}
    done = left_out = 0
    for line, source in listings(page):
        code = compile("\n" * line + source, str(page), "exec")
        try:
            exec(code, names)
            done += 1
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in OPTIONAL:
                raise
            left_out += 1
            print(f"{page.name}:{line + 1}: left out, {error.name} is not installed")
    print(f"{page.name}: {done} listings ran, {left_out} left out")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

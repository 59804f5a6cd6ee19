"""Puts the reports of the last runs into the papers, between their marks.

What always holds here:
- Text outside the marks `<!-- begin NAME -->` and `<!-- end NAME -->` is never touched, nothing is
  put there by hand: every figure between marks is one that a run has written.
- A report that was not made leaves its old text in place, and is named.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Paper, name of the marks, report below the folder of the runs.
REPORTS = (
    ("performance.md", "targets", "targets.md"),
    ("performance.md", "scaling", "scaling.md"),
    ("performance.md", "cell", "cell.md"),
    ("performance.md", "reading-picture", "reading-picture.md"),
    ("performance.md", "reading-volume", "reading-volume.md"),
    ("performance.md", "reading-sound", "reading-sound.md"),
    ("performance.md", "reading-distances", "reading-distances.md"),
    ("performance.md", "reading-points", "reading-points.md"),
    ("performance.md", "reading-loader", "reading-loader.md"),
    ("performance.md", "effort", "effort.md"),
    ("performance.md", "prior", "prior.md"),
    ("measurements.md", "comparison", "compare.md"),
)
PLOTS = "plots"
#: A third of the bytes, and nothing of the lines lost.
COLOURS = 48


def replaced(paper: str, name: str, text: str) -> str:
    """The paper with new text between the marks of a name."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(marked.findall(paper)) != 1:
        raise ValueError(f"the paper needs one pair of marks {begin} and {end}")
    return marked.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", paper)


def body(report: str) -> str:
    """A report below its title, its headings one level lower."""
    lines = report.strip().splitlines()
    return "\n".join("#" + line if line.startswith("##") else line for line in lines[1:])


def publish(runs: Path, docs: Path) -> list[str]:
    """Names of the reports that are missing."""
    missing = []
    for paper, name, report in REPORTS:
        if not (runs / report).exists():
            missing.append(report)
            continue
        path = docs / paper
        path.write_text(replaced(path.read_text(), name, body((runs / report).read_text())))
    (docs / PLOTS).mkdir(exist_ok=True)
    for plot in runs.glob("*.png"):
        with Image.open(plot) as picture:
            few = picture.convert("RGB").quantize(COLOURS)
            few.save(docs / PLOTS / plot.name, optimize=True)
    return missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="?", default=Path(".build/bench"))
    arguments = parser.parse_args()
    for report in publish(arguments.runs, DOCS):
        print(f"no {report} in {arguments.runs}: its old text stays", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

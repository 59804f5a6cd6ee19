"""Makes the man pages: man_pages.py BUILD_FOLDER OUTPUT_FOLDER

What always holds here:
- Commands and options come from the programs themselves (--experimental-dump-help), options of
  gamd.toml from Config/gamd.toml: a page cannot tell of something that is not there.
- What only people know lies in Tools/man/, in the language of man(7).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "Tools" / "man"


def escaped(text: str) -> str:
    """Text as man(7) wants it: no control lines by accident, real hyphens and backslashes."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^(['.])", r"\\&\1", text)


def name_of(argument: dict) -> str:
    """-o, --output <output>"""
    if argument["kind"] == "positional":
        return f"\\fI{escaped(argument['valueName'])}\\fR"
    names = []
    for name in sorted(argument["names"], key=lambda n: len(n["name"])):
        dash = "--" if name["kind"] == "long" else "-"
        names.append(f"\\fB{escaped(dash + name['name'])}\\fR")
    value = f" \\fI{escaped(argument['valueName'])}\\fR" if argument["kind"] == "option" else ""
    return ", ".join(names) + value


def options(arguments: list[dict]) -> list[str]:
    lines = []
    for argument in arguments:
        if not argument.get("shouldDisplay", True):
            continue
        default = argument.get("defaultValue")
        about = argument.get("abstract", "")
        if default is not None and "efault" not in about:
            about += f" Default: {default}."
        lines += [".TP", name_of(argument), escaped(about)]
    return lines


def synopsis(path: str, command: dict) -> str:
    parts = [f"\\fB{escaped(path)}\\fR"]
    for argument in command.get("arguments", []):
        if argument["kind"] == "positional":
            value = f"\\fI{escaped(argument['valueName'])}\\fR"
            parts.append(f"[{value}]" if argument["isOptional"] else value)
    return " ".join(parts) + " [\\fIoptions\\fR]"


def commands(path: str, command: dict) -> list[str]:
    """Every command below `command`, in the order the program lists them."""
    lines = []
    for sub in command.get("subcommands", []):
        if sub["commandName"] == "help":
            continue
        name = f"{path} {sub['commandName']}"
        if not sub.get("subcommands"):
            lines += [f".SS {escaped(name)}", synopsis(name, sub), ".PP"]
            lines.append(escaped(sub.get("abstract", "")))
            if sub.get("discussion"):
                lines += [".PP", escaped(sub["discussion"])]
            lines += options(sub.get("arguments", []))
        lines += commands(name, sub)
    return lines


def settings() -> list[str]:
    """One entry per option of Config/gamd.toml, with the comment above it."""
    lines, comment, started = [], [], False
    for line in (ROOT / "Config" / "gamd.toml").read_text().splitlines():
        if line.startswith("["):
            started = True
            comment = []
            lines.append(f".SS {escaped(line)}")
        elif line.startswith("#") and started:
            comment.append(line.lstrip("# "))
        elif "=" in line and started:
            lines += [".TP", f"\\fB{escaped(line)}\\fR", escaped(" ".join(comment))]
            comment = []
    return lines


def dump(program: Path) -> dict:
    done = subprocess.run([program, "--experimental-dump-help"], capture_output=True, check=True)
    return json.loads(done.stdout)["command"]


def make(build: Path, output: Path) -> None:
    gamd, gamctl = dump(build / "gamd"), dump(build / "gamctl")
    inserts = {
        "gamd.8": {"OPTIONS": options(gamd["arguments"])},
        "gamctl.1": {"COMMANDS": commands("gamctl", gamctl)},
        "gamd.toml.5": {"SETTINGS": settings()},
        "gamd-plugin.7": {},
    }
    output.mkdir(parents=True, exist_ok=True)
    for page, parts in inserts.items():
        text = (PAGES / page).read_text()
        for name, lines in parts.items():
            text = text.replace(f"@{name}@", "\n".join(lines))
        (output / page).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    make(Path(sys.argv[1]), Path(sys.argv[2]))

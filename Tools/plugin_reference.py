"""Prints docs/plugin-reference.md: what gam_plugin.h says, in the order a reader looks for it.

What always holds: every declaration of the header appears with the comment it has there; nothing is
written here that the header does not say.
"""

from __future__ import annotations

import re
from pathlib import Path

HEADER = Path(__file__).resolve().parents[1] / "Sources/CGAMPlugin/include/gam_plugin.h"
OPENING = """# Plugin reference

Made from `gam_plugin.h` by `make plugin-reference`; the header is the specification.
[plugins.md](plugins.md) explains, [plugin-tutorial.md](plugin-tutorial.md) builds one.
"""


def prose(comment: str) -> str:
    """A C comment as text."""
    body = re.sub(r"^/\*+|\*/$", "", comment.strip()).strip()
    return "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.splitlines())


def blocks(text: str) -> list[tuple[str, str]]:
    """Comment and declaration, in order; a declaration without a comment has an empty one."""
    start = text.index("#define GAM_ABI_MAJOR")
    end = text.rindex("#ifdef __cplusplus")
    found, comment, lines = [], "", []
    depth = 0
    for line in text[start:end].splitlines():
        if not line.strip() and depth == 0:
            if lines:
                found.append((comment, "\n".join(lines)))
                comment, lines = "", []
            continue
        depth += line.count("{") - line.count("}")
        lines.append(line)
        whole = "\n".join(lines)
        if whole.lstrip().startswith("/*") and whole.rstrip().endswith("*/"):
            comment, lines = whole, []
    if lines:
        found.append((comment, "\n".join(lines)))
    return found


def title(code: str) -> str:
    for pattern in [r"typedef struct (\w+) \{", r"typedef struct (\w+) \1;", r"\(\*(\w+)\)\("]:
        names = re.findall(pattern, code)
        if names:
            return "`" + "`, `".join(dict.fromkeys(names if "{" not in code else names[:1])) + "`"
    names = re.findall(r"\b(GAM_[A-Z0-9_]+)\b\s*(?:=| )", code)
    return f"`{names[0]}`" + (" ..." if len(names) > 1 else "") if names else "declarations"


def main() -> None:
    text = HEADER.read_text()
    opening = re.search(r"/\*\n(.*?)\*/", text, re.S)
    parts = [OPENING, "## What always holds\n", prose(opening[0]).split("What always holds\n")[1]]
    for comment, code in blocks(text):
        parts.append(f"\n## {title(code)}\n")
        if comment:
            parts.append(prose(comment) + "\n")
        parts.append(f"```c\n{code}\n```")
    print("\n".join(parts))


if __name__ == "__main__":
    main()

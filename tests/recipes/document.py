"""A document as sections, each with its blocks in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"```(\w*)$")
_FILE = re.compile(r"`([\w.-]+\.(?:json|yml|sql|py))`[^`]*$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, text, line, and the name of its file."""

    kind: str
    text: str
    line: int
    file: str | None = None


def fill(path: Path, outputs: dict[int, str]) -> None:
    """Replace the shown outputs, by the line number of each block."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for number in sorted(outputs, reverse=True):
        end = lines.index("```\n", number)
        lines[number:end] = [outputs[number]]
    path.write_text("".join(lines), encoding="utf-8")


def sections(path: Path) -> dict[str, list[Block]]:
    """Return a document's blocks by heading; a subheading is a section of its own."""
    found: dict[str, list[Block]] = {}
    heading = upper = before = ""
    opened: tuple[str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened and line == "```":
            kind, at = opened
            file = _FILE.search(before)
            text = "".join(f"{line}\n" for line in inside)
            found[heading].append(Block(kind, text, at, file[1] if file else None))
            opened, inside, before = None, [], ""
        elif opened:
            inside.append(line)
        elif fence:
            opened = (fence[1], number)
        elif line.startswith("## "):
            heading = upper = line[3:].strip()
            found[heading] = []
        elif line.startswith("### "):
            heading = f"{upper} › {line[4:].strip()}"
            found[heading] = []
        elif line.strip():
            before = line
    return found

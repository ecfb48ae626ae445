"""What the command line asks an undo for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UndoRequest:
    """What the command line asks for; ``is_plan`` writes nothing."""

    run: str
    is_plan: bool = False
    unsubscribes: bool = False
    creates: bool = False

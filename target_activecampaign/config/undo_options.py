"""The options of an undo on the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UndoOptions:
    """The options of an undo. ``run`` is the id of the run to undo.

    With ``is_plan``, the undo writes nothing. ``unsubscribes`` allows the undo to subscribe people
    again, ``creates`` allows it to delete records that the run created.
    """

    run: str
    is_plan: bool = False
    unsubscribes: bool = False
    creates: bool = False

"""The counts of an audience in a run, for the run report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class AudienceReport:
    """Counts of an audience in a run.

    * ``members``: the members before the run.
    * ``leavers``: the members who are not in the input. Of these, ``left`` have left.
    * ``revoked``: how many leavers lost each grant, by the grant's text.
    * ``kept``: how many leavers kept a grant, by the reason.
    * ``reason``: why no one may leave; None if people may leave.
    """

    members: int = 0
    leavers: int = 0
    left: int = 0
    revoked: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON, without values of people."""
        return {
            "members": self.members,
            "leaving": self.leavers,
            "left": self.left,
            "taken_back": dict(self.revoked.most_common(100)),
            "kept": dict(self.kept),
            "reason": self.reason,
        }

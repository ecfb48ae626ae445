"""What became of an audience in one run, for the run report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class AudienceReport:
    """What became of an audience: its members before, those who left, and what they lost.

    ``kept`` counts why leavers kept something. ``reason`` says why no one may leave, None where
    people may.
    """

    members: int = 0
    leavers: int = 0
    left: int = 0
    revoked: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON, without anybody's values."""
        return {
            "members": self.members,
            "leaving": self.leavers,
            "left": self.left,
            "taken_back": dict(self.revoked.most_common(100)),
            "kept": dict(self.kept),
            "reason": self.reason,
        }

"""Whether ActiveCampaign refuses a request because the record already exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import InvalidRequest

#: ActiveCampaign has no code of its own for that: one of these words is in the code or the text.
WORDS = ("duplicate", "already", "exists", "taken")


def is_duplicate(problem: InvalidRequest) -> bool:
    """Return whether ActiveCampaign refuses the request because the record already exists."""
    texts = " ".join(f"{reason.code} {reason.text}" for reason in problem.reasons).lower()
    return any(word in texts for word in WORDS)

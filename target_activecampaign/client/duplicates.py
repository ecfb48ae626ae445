"""Recognizes refusals of records that already exist."""

from __future__ import annotations

from tap_activecampaign_unified.client import InvalidRequest

#: Such a refusal has no error code of its own. Its code or its text has one of these words.
WORDS = ("duplicate", "already", "exists", "taken")


def is_duplicate(problem: Exception) -> bool:
    """Return whether ActiveCampaign refused a request because the record already exists."""
    if not isinstance(problem, InvalidRequest):
        return False
    texts = " ".join(f"{reason.code} {reason.text}" for reason in problem.reasons).lower()
    return any(word in texts for word in WORDS)

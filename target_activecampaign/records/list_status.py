"""The statuses of a contact on a list, as ActiveCampaign numbers them."""

from __future__ import annotations

from typing import Any

SUBSCRIBED, UNSUBSCRIBED = "1", "2"
#: The statuses of people who opted out, with the word for messages.
OPTED_OUT = {2: "unsubscribed", 3: "bounced"}


def number_of(value: Any) -> int:
    """Return a status as a number, 0 for any other value."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0

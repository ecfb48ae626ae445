"""The status of a person on a list: the words of rows, and the numbers of ActiveCampaign."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values import is_blank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Statuses as ActiveCampaign sends them.
SUBSCRIBED, UNSUBSCRIBED = "1", "2"
#: The statuses of people who opted out, with the word for messages.
OPTED_OUT = {2: "unsubscribed", 3: "bounced"}


class Consent(enum.Enum):
    """The request of a row about a person on a list."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    LEAVE_ALONE = "leave alone"
    CANNOT_BE_WRITTEN = "cannot be written"
    UNKNOWN = "unknown"


_WORDS = {
    "active": Consent.SUBSCRIBE,
    "subscribe": Consent.SUBSCRIBE,
    "subscribed": Consent.SUBSCRIBE,
    "1": Consent.SUBSCRIBE,
    "unsubscribe": Consent.UNSUBSCRIBE,
    "unsubscribed": Consent.UNSUBSCRIBE,
    "opt out": Consent.UNSUBSCRIBE,
    "opted out": Consent.UNSUBSCRIBE,
    "optout": Consent.UNSUBSCRIBE,
    "removed": Consent.UNSUBSCRIBE,
    "2": Consent.UNSUBSCRIBE,
    "unconfirmed": Consent.CANNOT_BE_WRITTEN,
    "bounced": Consent.CANNOT_BE_WRITTEN,
}
#: The accepted words by meaning, for messages and for the documentation.
WORDS: dict[Consent, tuple[str, ...]] = {
    meaning: tuple(word for word, consent in _WORDS.items() if consent is meaning)
    for meaning in (Consent.SUBSCRIBE, Consent.UNSUBSCRIBE, Consent.CANNOT_BE_WRITTEN)
}
FORMS = (
    f"use {', '.join(WORDS[Consent.SUBSCRIBE])} to subscribe, "
    f"{', '.join(WORDS[Consent.UNSUBSCRIBE])} to unsubscribe"
)
UNWRITABLE = f"{' and '.join(WORDS[Consent.CANNOT_BE_WRITTEN])} cannot be written"
_SEPARATORS = re.compile(r"[-_\s]+")


def parse_consent(value: Any) -> Consent:
    """Return the meaning of a status; case, `-`, `_` and blanks do not matter.

    The numbers 1 and 2, in any numeric form, are ActiveCampaign's own codes. A flag is no status,
    because `true` in a column named `status` may mean anything.
    """
    if is_blank(value):
        return Consent.LEAVE_ALONE
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return Consent.UNKNOWN
    word = _SEPARATORS.sub(" ", str(value)).strip().lower()
    if word in {"1.0", "2.0"}:
        word = word[0]
    return _WORDS.get(word, Consent.UNKNOWN)


def consent_of(membership: Mapping[str, Any], others: Iterable[str] = ()) -> Consent:
    """Return the meaning of a membership; ``others`` are its columns beside list and person.

    A membership that only names the list and the person means "subscribe". If it has other facts,
    such as `unsubscribed_at`, its status is missing, and the target leaves the membership alone.
    """
    if "status" in membership:
        return parse_consent(membership["status"])
    return Consent.LEAVE_ALONE if any(True for _ in others) else Consent.SUBSCRIBE


def is_opt_out(value: Any) -> bool:
    """Return whether a status is that of a person who opted out."""
    return number_of(value) in OPTED_OUT


def number_of(value: Any) -> int:
    """Return a status as a number, 0 for any other value."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0

"""What a row's list status asks for: subscribe, unsubscribe, or nothing that can be written."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing import is_blank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Consent(enum.Enum):
    """What is done about one person on one list."""

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
    meaning: tuple(word for word, its in _WORDS.items() if its is meaning)
    for meaning in (Consent.SUBSCRIBE, Consent.UNSUBSCRIBE, Consent.CANNOT_BE_WRITTEN)
}
FORMS = (
    f"use {', '.join(WORDS[Consent.SUBSCRIBE])} to subscribe, "
    f"{', '.join(WORDS[Consent.UNSUBSCRIBE])} to unsubscribe"
)
UNWRITABLE = f"{' and '.join(WORDS[Consent.CANNOT_BE_WRITTEN])} cannot be written"
_SEPARATORS = re.compile(r"[-_\s]+")


def parse_consent(value: Any) -> Consent:
    """Return what a status asks for; case, `-`, `_` and blanks do not matter.

    The numbers 1 and 2 are ActiveCampaign's own codes, in any numeric form. A flag is no status:
    a column named `status` that holds `true` may mean anything.
    """
    if is_blank(value):
        return Consent.LEAVE_ALONE
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return Consent.UNKNOWN
    word = _SEPARATORS.sub(" ", str(value)).strip().lower()
    if word in {"1.0", "2.0"}:
        word = word[0]
    return _WORDS.get(word, Consent.UNKNOWN)


def consent_of(given: Mapping[str, Any], others: Iterable[str] = ()) -> Consent:
    """Return what a membership asks for; ``others`` are its columns beside list and person.

    Without a status, the list and the person alone subscribe. Any other fact of a membership, such
    as `unsubscribed_at`, says that the status is missing: the membership is left alone.
    """
    if "status" in given:
        return parse_consent(given["status"])
    return Consent.LEAVE_ALONE if any(True for _ in others) else Consent.SUBSCRIBE

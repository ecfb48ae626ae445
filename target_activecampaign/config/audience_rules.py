"""The setting `audiences`: streams whose input is a whole audience, and the rules for leavers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

REMOVE_TAGS, UNSUBSCRIBE = "remove_tags", "unsubscribe"
CLEAR_FIELDS, LEAVE_AUTOMATIONS = "clear_fields", "leave_automations"
ON_LEAVE = (REMOVE_TAGS, UNSUBSCRIBE, CLEAR_FIELDS, LEAVE_AUTOMATIONS)
STREAMS = ("crm_contacts", "marketing_contacts")
DEFAULT_SHARE = 0.3
_KEYS = ("on_leave", "max_leave_share", "allow_empty")
NO_CONTACTS = "an audience must be crm_contacts, marketing_contacts, or a stream_aliases of these"
ON_LEAVE_FORMS = "must be an array of remove_tags, unsubscribe, clear_fields, leave_automations"
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class AudienceRule:
    """The rule for people who leave the audience of a stream.

    ``on_leave`` holds words of `ON_LEAVE`: the target revokes these grants. If more than
    ``max_leave_share`` of the members (0 to 1) would leave in one run, all members stay. After an
    input without rows, people leave only with ``allow_empty``.
    """

    on_leave: frozenset[str] = frozenset({REMOVE_TAGS})
    max_leave_share: float = DEFAULT_SHARE
    allow_empty: bool = False


def audience_rules(values: Mapping[str, Any]) -> tuple[dict[str, AudienceRule], list[str]]:
    """Return the rules by the source's name of each stream, and a line for each fault."""
    audiences = values.get("audiences") or {}
    aliases = values.get("stream_aliases") or {}
    rules: dict[str, AudienceRule] = {}
    faults: list[str] = []
    for stream, rule in audiences.items():
        where = f"audiences.{stream}"
        if aliases.get(stream, stream) not in STREAMS:
            faults.append(f"{where}: {NO_CONTACTS}")
        if not isinstance(rule, dict):
            faults.append(f'{where} must be an object, such as {{"on_leave": ["remove_tags"]}}')
            continue
        unknown = sorted(set(rule) - set(_KEYS))
        faults += [f"{where}.{name} is unknown: use {', '.join(_KEYS)}" for name in unknown]
        rules[stream], rule_faults = _rule_of(where, rule)
        faults += rule_faults
        if LEAVE_AUTOMATIONS in rules[stream].on_leave and not values.get("allow_automations"):
            faults.append(f"{where}.on_leave: {LEAVE_AUTOMATIONS} needs allow_automations")
    return rules, faults


def _rule_of(where: str, rule: dict[str, Any]) -> tuple[AudienceRule, list[str]]:
    faults = []
    words = rule.get("on_leave")
    words = [REMOVE_TAGS] if words is None else [words] if isinstance(words, str) else words
    if not isinstance(words, list) or not words or not all(word in ON_LEAVE for word in words):
        faults.append(f"{where}.on_leave {ON_LEAVE_FORMS}")
        words = []
    share = _share_of(rule.get("max_leave_share"))
    if share is None:
        faults.append(f"{where}.max_leave_share must be a number between 0 and 1")
    empty = rule.get("allow_empty")
    empty = _FLAGS.get(empty.strip().lower()) if isinstance(empty, str) else empty
    if not isinstance(empty, bool) and rule.get("allow_empty") is not None:
        faults.append(f"{where}.allow_empty must be true or false")
    return AudienceRule(frozenset(words), share or 0.0, empty is True), faults


def _share_of(value: Any) -> float | None:
    if value is None:
        return DEFAULT_SHARE
    try:
        share = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        return None
    return share if 0 <= share <= 1 else None

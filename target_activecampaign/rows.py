"""Rows as they come: flat or nested, from a tap or from a plain SQL table."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from .results import Rejection

Record = dict[str, Any]

# Columns like `account__name` are taken apart where the first word is one of these.
NESTED = frozenset(
    {
        "custom_fields",
        "account",
        "contact",
        "opportunity",
        "stage",
        "pipeline",
        "owner",
        "group",
        "tag",
        "segment",
    }
)
# Columns that a SQL source can only deliver as JSON text.
STRUCTURED = NESTED | {
    "tags",
    "remove_tags",
    "segments",
    "automations",
    "leave_automations",
    "email_addresses",
    "phone_numbers",
    "phones",
    "emails",
    "addresses",
    "groups",
    "options",
    "card_config",
    "permissions",
    "body",
}
_EMAIL = re.compile(
    r"[^@\s,;:<>()\[\]\\\"]{1,64}@[A-Za-z0-9](?:[^@\s,;:<>()\[\]\\\"./]|\.(?!\.))*"
    r"\.[^@\s,;:<>()\[\]\\\".\d][^@\s,;:<>()\[\]\\\".]*"
)
LONGEST_EMAIL = 254


@dataclass(slots=True)
class Row:
    """One input row: where it stood, what it is called and what it says.

    ``number`` counts the RECORD lines of the input from 1 and is None for a row of the retry file.
    ``source`` is the record as it came, to be kept should it fail; ``fields`` are the hashes of
    what it asks for, by hash of the field. One that ``creates`` must be new: what is there already
    is left as it is.
    """

    number: int | None
    stream: str
    record: Record
    key: Record
    source: Record
    fields: dict[bytes, bytes] = field(default_factory=dict)
    ledger_key: bytes = b""
    known_id: str | None = None
    creates: bool = False


def unflatten(record: Record) -> Record:
    """Return the record with its flat columns nested and its JSON texts read.

    Raises `Rejection` where a column that must be structured holds text that is no JSON.
    """
    found: Record = {}
    flat: dict[str, Record] = {}
    for name, value in record.items():
        head, mark, tail = name.partition("__")
        if mark and tail and head in NESTED:
            flat.setdefault(head, {})[tail] = value
        elif isinstance(value, str) and name in STRUCTURED and value[:1] in "[{":
            found[name] = _from_json(name, value) if value else None
        else:
            found[name] = value
    for head, parts in flat.items():
        beside = found.get(head)
        if isinstance(beside, dict):
            found[head] = {**beside, **parts}
        elif head == "custom_fields" or any(value is not None for value in parts.values()):
            found[head] = parts
        else:
            found.setdefault(head, None)
    return found


def _from_json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Rejection(f"{name}: text that begins like JSON but is none") from None


def is_nothing(value: Any) -> bool:
    """Say whether a value means "no value", as null does."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def key_of(
    record: Record, key_properties: list[str], identity: tuple[tuple[str, ...], ...]
) -> Record:
    """Return a row's key: the schema's, else the first identifying columns it has.

    Raises `Rejection` when the row lacks a property of the schema's key.
    """
    if key_properties:
        key = {name: record.get(name) for name in key_properties}
        missing = sorted(name for name, value in key.items() if is_nothing(value))
        if missing:
            raise Rejection(
                f"{', '.join(missing)}: part of the stream's key and missing; give every row one"
            )
        return key
    for columns in identity:
        key = {name: record.get(name) for name in columns}
        if not any(is_nothing(value) for value in key.values()):
            return key
    return {}


def identity_of(row: Row) -> Record:
    """Return by what the ledger knows a row: its key, else all it says.

    Whoever a key points to may be spelled in another case, stand in an array or alone.
    """
    found = dict(row.key) or row.record
    for name, value in row.key.items():
        if name in NESTED:
            with contextlib.suppress(Rejection):
                refs = references(row.record.get(name), name)
                found[name] = [{k: fold(v) for k, v in ref.items()} for ref in refs] or value
        elif isinstance(value, str) and (name == "email" or name.endswith("__email")):
            found[name] = fold(value)
        elif isinstance(value, str) and name == "content":
            found[name] = value.strip()
    return found


def content_of(
    record: Record, writable: frozenset[str], *, clears: bool, mirrors: bool, enrols: bool = False
) -> list[tuple[str, Any]]:
    """Return what a row asks for, piece by piece: each tag, list and custom field is one.

    An automation is another piece once ``enrols`` allows it: what was left out is asked for then.
    """
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        if name not in writable or (is_nothing(value) and not clears and not mirrors):
            continue
        if name == "custom_fields" and isinstance(value, dict):
            found += [
                (f"custom_fields.{one.strip().lower()}", part)
                for one, part in value.items()
                if clears or not is_nothing(part)
            ]
        elif name in {"tags", "remove_tags"} and isinstance(value, list) and not mirrors:
            found += [(f"tag:{_name(item)}", name == "tags") for item in value]
        elif name == "segments" and isinstance(value, list):
            found += [
                (f"list:{_name(item)}", item.get("status") if isinstance(item, dict) else None)
                for item in value
            ]
        elif name in {"automations", "leave_automations"} and isinstance(value, list):
            # One path for both: who left is asked for again when a row enters once more.
            enters = name == "automations"
            found += [(f"automation:{_name(item)}", [enters, enrols]) for item in value]
        else:
            found.append((name, value))
    return found


def _name(item: Any) -> str:
    if isinstance(item, dict):
        return fold(str(item.get("id") or item.get("name") or ""))
    return fold(str(item))


def email_of(text: Any, what: str = "email") -> str:
    """Return an address without outer white space; raise `Rejection` when it is none."""
    if isinstance(text, str):
        found = text.strip()
        if len(found) <= LONGEST_EMAIL and _EMAIL.fullmatch(found) and ".." not in found:
            return found
    raise Rejection(f"{what}: not an e-mail address; mend it in the source")


def reference(value: Any, what: str) -> dict[str, str]:
    """Return ``{id, email, name}`` as far as given, in text; empty when it points nowhere.

    An opportunity may be given by ``external_id``, your own key, too. A plain text is an address
    where it looks like one, else a name.
    """
    if is_nothing(value):
        return {}
    if isinstance(value, str):
        return {"email" if "@" in value else "name": value.strip()}
    if not isinstance(value, dict):
        raise Rejection(f"{what}: must be an object with an id or a natural key")
    found = {}
    for name in ("id", "email", "name", *(["external_id"] if what == "opportunity" else [])):
        part = value.get(name)
        if is_nothing(part) or (name == "id" and str(part) == "0"):
            continue
        if isinstance(part, (dict, list, bool)):
            raise Rejection(f"{what}.{name}: must be text")
        found[name] = str(part).strip()
    return found


def references(value: Any, what: str) -> list[dict[str, str]]:
    """Return the references of an array, or of one alone, leaving out those that point nowhere."""
    if is_nothing(value):
        return []
    items = value if isinstance(value, list) else [value]
    return [found for item in items if (found := reference(item, what))]


def named_references(value: Any, column: str) -> list[dict[str, str]]:
    """Return the references of an array in which a plain text is a name."""
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        raise Rejection(f"{column}: must be an array, or one as JSON text")
    found = []
    for item in value:
        if isinstance(item, str):
            if item.strip():
                found.append({"name": item.strip()})
        elif not isinstance(item, dict):
            raise Rejection(f"{column}: must hold names or objects with an id or a name")
        else:
            found += references(item, column)
    return found


def fold(text: str) -> str:
    """Return a name as it is compared: without case and outer white space."""
    return text.strip().casefold()


def is_delete(row: Row) -> bool:
    """Say whether a row tells that its counterpart is gone."""
    return not is_nothing(row.record.get("_sdc_deleted_at"))


def emails_of(row: Row) -> set[str]:
    """Return the addresses a contact's row gives, as they are compared."""
    found: list[Any] = [row.record.get("email")]
    others = row.record.get("email_addresses")
    if isinstance(others, list):
        found += [one.get("email") if isinstance(one, dict) else one for one in others]
    return {fold(one) for one in found if isinstance(one, str) and one.strip()}


def is_true(value: Any) -> bool:
    """Read a flag of a record, whichever way the source spells it."""
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}

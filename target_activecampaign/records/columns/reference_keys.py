"""The keys that objects in a row may hold: `company_name` in the reference to an account."""

from __future__ import annotations

#: The keys that a reference may hold beside those that the tap emits.
REFERENCE_KEYS: dict[str, tuple[str, ...]] = {
    "account": ("id", "name"),
    "automations": ("id", "name"),
    "contact": ("id", "email", "is_primary"),
    "email_addresses": ("email", "is_primary"),
    "emails": ("email", "is_primary"),
    "group": ("id", "name"),
    "groups": ("id", "name"),
    "leave_automations": ("id", "name"),
    "list": ("id", "name", "status", "subscribed_at", "unsubscribed_at"),
    "lists": ("id", "name", "status", "subscribed_at", "unsubscribed_at"),
    "opportunity": ("id", "external_id"),
    "outcome": ("id", "name"),
    "owner": ("id", "email", "name"),
    "pipeline": ("id", "name"),
    "remove_tags": ("id", "name"),
    "segment": ("id", "name"),
    "segments": ("id", "name", "status", "subscribed_at", "unsubscribed_at"),
    "stage": ("id", "name"),
    "tag": ("id", "name"),
    "tags": ("id", "name"),
}
#: Words of other systems for the target of a reference: keys like `list_id` and `segment_name`.
_WORDS: dict[str, tuple[str, ...]] = {
    "account": ("account", "company"),
    "automations": ("automation",),
    "contact": ("contact",),
    "group": ("group",),
    "groups": ("group",),
    "leave_automations": ("automation",),
    "list": ("list", "segment"),
    "lists": ("list", "segment"),
    "opportunity": ("opportunity", "deal"),
    "owner": ("owner", "user"),
    "pipeline": ("pipeline",),
    "remove_tags": ("tag",),
    "segment": ("segment", "list"),
    "segments": ("segment", "list"),
    "stage": ("stage",),
    "tag": ("tag",),
    "tags": ("tag",),
}
_NUMBERS = ("number", "phone", "phone_number")
_ADDRESSES = ("email", "email_address")


def spellings_of(name: str, keys: tuple[str, ...]) -> dict[str, str]:
    """Return the key for each accepted spelling, in the object of a column.

    For example `company_name` means `name` in a reference to an account.
    """
    spellings: dict[str, str] = {}
    for words in (_NUMBERS, _ADDRESSES):
        key = next((word for word in words if word in keys), None)
        spellings |= dict.fromkeys(words, key) if key else {}
    for word in _WORDS.get(name, ()):
        spellings |= {f"{word}_{key}": key for key in ("id", "name", "email") if key in keys}
        if "name" in keys:
            spellings[word] = "name"
    return spellings | {key: key for key in keys}

"""Grant ids: the kind and the native id of what a stream grants to a contact, such as `tag:12`.

The kinds are `tag`, `list`, `field` and `automation`.
"""

from __future__ import annotations


def grant_id(kind: str, native_id: str) -> str:
    """Return the grant id of a tag, list, field or automation."""
    return f"{kind}:{native_id}"


def split_grant_id(text: str) -> tuple[str, str]:
    """Return the kind and the native id of a grant id."""
    kind, _, native_id = text.partition(":")
    return kind, native_id


def kind_of(text: str) -> str:
    """Return the kind of a grant id."""
    return split_grant_id(text)[0]

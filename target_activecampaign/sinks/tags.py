"""The sink of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import Outcome, Rejection
from target_activecampaign.sinks.contacts.change import LONGEST_TAG

from .named_resource import _write
from .record_sink import native_of

if TYPE_CHECKING:
    from target_activecampaign.records.record import Row

    from .context import Desk
    from .sink import Kind


def write_tag(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or describe a tag."""
    native = native_of(desk, kind, row)
    name = str(native.columns.get("tag") or "").strip()
    if len(name) > LONGEST_TAG:
        raise Rejection(f"name: longer than {LONGEST_TAG} characters; shorten it")
    native.columns |= {"tag": name} if name else {}
    fresh = {"tagType": "contact", "description": ""} | native.columns
    return _write(desk, kind, row, native, name=name, fresh=fresh, within=str(fresh["tagType"]))

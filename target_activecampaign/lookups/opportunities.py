"""Finds opportunities in the account: by id, by external id, by name and contact."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, NotFound, total_of, walk_offset
from tap_activecampaign_unified.resources.custom_field_rows import (
    field_id_of,
    owner_id_of,
    value_of,
)
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.row_references import id_text

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

    from .reference_resolver import ReferenceResolver


_WHOLE_FLOAT = re.compile(r"([0-9]+)\.0+")


def comparable_key(text: str) -> str:
    """Return the external id of a deal for comparison: `7.0` of a column of floats is `7`."""
    folded = fold(text)
    whole = _WHOLE_FLOAT.fullmatch(folded)
    return whole[1] if whole else folded


class OpportunityLookup:
    """Looks up deals for a batch of ``count`` rows."""

    def __init__(
        self, client: Client, pool: CooperativePool, references: ReferenceResolver, count: int
    ) -> None:
        self._client, self._pool, self._references, self._count = client, pool, references, count
        #: All deals by id, None while they are not read.
        self._all: dict[str, dict[str, Any]] | None = None
        #: Whether the rows are too few for a read of all deals; None before the first lookup.
        self._are_rows_few: bool | None = None
        self._keys_written_during_read: list[tuple[str, str]] = []

    def get(self, native_id: str) -> dict[str, Any]:
        """Return a deal. Reads all deals if that takes fewer requests."""
        if is_planned(native_id):
            return {}
        with self._pool.named_lock("deals"):
            self._read_all()
        if self._all is not None and native_id in self._all:
            return self._all[native_id]
        try:
            row = self._client.get(f"deals/{native_id}").body.get("deal")
        except NotFound:
            raise RowRejected("id: the account has no opportunity with this id") from None
        return row if isinstance(row, dict) else {}

    def _read_all(self) -> None:
        if self._all is None and self._are_rows_few is None:
            answer = self._client.get("deals", [("limit", 1)])
            total = total_of(answer.body)
            self._are_rows_few = total is None or total / FULL_PAGE + 2 > self._count
            if not self._are_rows_few:
                self._all = {
                    str(row.get("id")): row
                    for page in walk_offset(self._client, "deals", "deals")
                    for row in page.rows
                }

    def resolve(self, ref: dict[str, str]) -> str:
        """Return the id of the deal that a row of another stream refers to.

        Raises `RowDeferred` while a later row may create the deal, otherwise `RowRejected`.
        """
        references = self._references
        native_id = references.foreign_ids.read_reference("deal", ref, "opportunity")
        if native_id:
            return native_id
        external_id = ref.get("external_id")
        if not external_id:
            raise references.not_found("opportunity", "deal", "id" if ref.get("id") else "name")
        name = references.policy.opportunity_external_id_field
        field = references.fields("opportunity").find(name) if name else None
        if field is None:
            raise RowRejected(
                "opportunity: external_id needs opportunity_external_id_field, and that deal field"
            )
        ids = set(self.ids_by_external_id(external_id, field.id))
        if len(ids) > 1:
            raise RowRejected("opportunity: external_id fits several; give the id")
        if ids:
            return ids.pop()
        raise references.not_found("opportunity", "deal", "external_id", external_id)

    def ids_by_external_id(self, external_id: str, field_id: str) -> list[str]:
        """Return the ids of deals with this external id in its custom field."""
        references = self._references
        with self._pool.named_lock("deal keys"):
            if references.opportunity_ids is None:
                references.opportunity_ids = self._read_keys(field_id)
        return references.opportunity_ids.get(comparable_key(external_id), [])

    def _read_keys(self, field_id: str) -> dict[str, list[str]]:
        ids_by_key: dict[str, list[str]] = {}
        path = "dealCustomFieldData"
        for page in walk_offset(self._client, path, path):
            for row in page.rows:
                if field_id_of(row) == field_id:
                    key = comparable_key(str(value_of(row) or ""))
                    ids_by_key.setdefault(key, []).append(owner_id_of(row, "opportunity"))
        for key, native_id in self._keys_written_during_read:
            if native_id not in ids_by_key.setdefault(key, []):
                ids_by_key[key].append(native_id)
        return ids_by_key

    def note_key(self, external_id: str, native_id: str) -> None:
        """Cache the external id of a deal that was just written."""
        keys = self._references.opportunity_ids
        if keys is None:
            self._keys_written_during_read.append((comparable_key(external_id), native_id))
            return
        ids = keys.setdefault(comparable_key(external_id), [])
        if native_id not in ids:
            ids.append(native_id)

    def ids_by_name(self, name: str, contact: str) -> list[str]:
        """Return the ids of a contact's deals with this name."""
        return [
            str(row.get("id"))
            for row in self._deals_named(name)
            if id_text(row.get("contact")) == contact
        ]

    def _deals_named(self, name: str) -> list[dict[str, Any]]:
        params: list[tuple[str, str | int]] = [("filters[title]", name)]
        return [
            row
            for page in walk_offset(self._client, "deals", "deals", params)
            for row in page.rows
            if fold(str(row.get("title") or "")) == fold(name)
        ]

    def created_since(
        self, since: float, body: dict[str, Any], external: tuple[str, str] | None
    ) -> list[str]:
        """Return the ids of deals like ``body`` that were created since a time (epoch seconds).

        ``external`` is the id of the external id's field, and the deal's external id.
        """
        ids = []
        for row in self._deals_named(str(body["title"])):
            created = instant_or_none(row.get("cdate"))
            if created is None or created.timestamp() < since:
                continue
            if id_text(row.get("contact")) != id_text(body.get("contact")):
                continue
            if str(row.get("value")) != str(body.get("value")):
                continue
            native_id = str(row.get("id"))
            if external is None or self._has_key(native_id, *external):
                ids.append(native_id)
        return ids

    def _has_key(self, native_id: str, field_id: str, external_id: str) -> bool:
        rows = self._references.custom_values_of("opportunity", native_id)
        return any(
            field_id_of(row) == field_id
            and comparable_key(str(value_of(row) or "")) == comparable_key(external_id)
            for row in rows
        )

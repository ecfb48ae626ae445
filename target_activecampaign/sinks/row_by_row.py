"""Writes rows one by one, and maps their columns to native columns. Contacts have another sink."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, RequestError
from tap_activecampaign_unified.resources.resource import Attribute, Field
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.concurrency.identity_order import run_in_identity_order
from target_activecampaign.lookups.users import find_user
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    join_reasons,
    outcome_of,
)
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.record_identity import identity_of_row
from target_activecampaign.records.row_parts import has_part, value_part
from target_activecampaign.records.row_references import reference

from .encode_custom_fields import EncodedFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.records.record_identity import RecordIdentity

    from .sink_definition import Sink
    from .write_context import WriteContext

    WriteRow = Callable[[WriteContext, Sink, InputRecord], Outcome]
    IdentityOfRow = Callable[[WriteContext, InputRecord], RecordIdentity]

NO_OWNER = "owner: the account has no such user; left out"


@dataclass
class NativeFields:
    """A row in native columns, and the reasons for its result.

    ``left_out`` are the parts that are not written, with the reasons. The next run requests these
    parts again.
    """

    columns: dict[str, Any]
    custom: EncodedFields = field(default_factory=EncodedFields)
    left_out: dict[str, str] = field(default_factory=dict)
    denied: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """Return the body of a create or an update."""
        fields = self.custom.for_parent()
        return {**self.columns, "fields": fields} if fields else dict(self.columns)

    def outcome(self, action: Action, native_id: str | None) -> Outcome:
        """Return the outcome of a written row, with its reasons."""
        reasons = [*self.left_out.values(), *self.denied, *self.remarks]
        return Outcome(
            action,
            native_id,
            join_reasons(reasons),
            denied=frozenset(self.denied),
            parts_to_resend=frozenset(self.left_out),
        )


def identity_by_name(context: WriteContext, row: InputRecord) -> RecordIdentity:
    """Return the identity of a row that has an ``id`` and a ``name``."""
    return identity_of_row(row, ids_are_foreign=context.policy.is_foreign)


def row_by_row(
    write: WriteRow, identity: IdentityOfRow | None = None
) -> Callable[[WriteContext, Sink, list[InputRecord]], None]:
    """Return a writer of batches that writes row by row. An error ends only its own row.

    The writer merges rows of the same key and writes them once. A deal with three stages thus goes
    only to the last stage, and starts a single automation. With ``identity``, rows that cannot be
    the same record are written concurrently, otherwise in the order of the input.
    """

    def write_all(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
        by_key: dict[bytes, list[InputRecord]] = {}
        for row in rows:
            by_key.setdefault(row.ledger_key or id(row).to_bytes(8, "big"), []).append(row)
        groups = list(by_key.values())
        pool = context.pool
        if identity is None or pool.max_threads == 1 or len(groups) == 1:
            for group in groups:
                _write_group(context, sink, group, write)
            return
        duplicates: list[InputRecord] = []

        def identity_of_group(group: list[InputRecord]) -> RecordIdentity:
            return reduce(or_, [identity(context, row) for row in group])

        def write_group(group: list[InputRecord]) -> None:
            _write_group(context, sink, group, write, duplicates)

        run_in_identity_order(pool, groups, identity_of_group, write_group)
        # Another row may have released the unique value of a duplicate: try again in order.
        for row in sorted(duplicates, key=lambda row: row.number or 0):
            _write_alone(context, sink, row, write)

    return write_all


def _write_group(
    context: WriteContext,
    sink: Sink,
    group: list[InputRecord],
    write: WriteRow,
    duplicates: list[InputRecord] | None = None,
) -> None:
    """Write rows of the same key. Adds rows that ActiveCampaign refuses to ``duplicates``."""
    if len(group) == 1 or not _write_merged(context, sink, group, write):
        for row in group:
            _write_alone(context, sink, row, write, duplicates)


def _write_alone(
    context: WriteContext,
    sink: Sink,
    row: InputRecord,
    write: WriteRow,
    duplicates: list[InputRecord] | None = None,
) -> None:
    if context.finisher.defer_if_behind(row):
        return
    if row.ledger_id is None and row.ledger_key:
        confirmed = context.ledger.find(row.ledger_key)
        row.ledger_id = confirmed.id if confirmed else None
    try:
        outcome = write(context, sink, row)
    except RowDeferred as deferred:
        context.finisher.defer(row, deferred)
        return
    except RowError as error:
        outcome = error.outcome()
    except RequestError as problem:
        if duplicates is not None and isinstance(problem, InvalidRequest) and is_duplicate(problem):
            duplicates.append(row)
            return
        outcome = outcome_of(problem)
    context.finisher.finish(row, outcome)


def _write_merged(
    context: WriteContext, sink: Sink, group: list[InputRecord], write: WriteRow
) -> bool:
    """Write rows of the same key as a single row. Returns False after an error.

    The caller then writes each row alone.
    """
    record: dict[str, Any] = {}
    for row in group:
        custom = record.get("custom_fields")
        if isinstance(custom, dict) and isinstance(row.record.get("custom_fields"), dict):
            custom = {**custom, **row.record["custom_fields"]}
        else:
            custom = row.record.get("custom_fields") or custom
        record |= written_values(row.record, clears=context.policy.clears)
        if custom:
            record["custom_fields"] = custom
    merged = replace(group[-1], record=record)
    try:
        outcome = write(context, sink, merged)
    except (RowError, RequestError):
        return False
    for number, row in enumerate(group):
        row.document_key = merged.document_key
        is_first = number == 0 or outcome.action is not Action.CREATED
        action = outcome.action if is_first else Action.UPDATED
        parts = frozenset(part for part in outcome.parts_to_resend if has_part(row.record, part))
        context.finisher.finish(row, replace(outcome, action=action, parts_to_resend=parts))
    return True


def native_fields_of(
    context: WriteContext,
    sink: Sink,
    row: InputRecord,
    *,
    entity: str | None = None,
    owner: bool = False,
) -> NativeFields:
    """Map a row's columns and custom fields; raise `RowRejected` for wrong types.

    With ``owner``, the target looks up the column ``owner`` among the users.
    """
    clears = context.policy.clears
    record = written_values(row.record, clears=clears)
    if owner:
        record.pop("owner", None)
    converted = convert_record(sink.resource, record)
    entries = {entry.unified: entry for entry in sink.resource.entries}
    fields = NativeFields(written_values(converted.native, clears=clears), denied=list(row.denied))
    if clears:
        for name in converted.nulls:
            entry = entries[name]
            if isinstance(entry, Field) and entry.codec.name in {"text", "verbatim"}:
                fields.columns[entry.native] = ""
            elif isinstance(entry, Attribute):
                converted.attributes |= dict.fromkeys(entry.tags, "")
    if entity:
        fields.custom = context.custom.encode(entity, converted.custom_fields, converted.attributes)
        columns = {
            tag: name
            for name, attribute in entries.items()
            if isinstance(attribute, Attribute)
            for tag in attribute.tags
        }
        for name, reason in fields.custom.left_out:
            fields.left_out[columns.get(name) or value_part(name)] = reason
    if owner and not is_nothing(row.record.get("owner")):
        user = find_user(context.references, reference(row.record["owner"], "owner"))
        if user is None:
            fields.left_out["owner"] = NO_OWNER
        else:
            fields.columns["owner"] = user
    return fields

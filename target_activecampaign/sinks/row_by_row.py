"""Makes sinks that write rows one by one. Contacts have another sink."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.concurrency.identity_order import run_in_identity_order
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    outcome_of,
)
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.record_identity import identity_by
from target_activecampaign.records.row_parts import has_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.records.record_identity import RecordIdentity

    from .sink_definition import Sink
    from .write_context import WriteContext

    WriteRow = Callable[[WriteContext, Sink, InputRow], Outcome]
    IdentityOfRow = Callable[[WriteContext, InputRow], RecordIdentity]


def identity_by_name(context: WriteContext, row: InputRow) -> RecordIdentity:
    """Return the identity of a row that has an ``id`` and a ``name``."""
    columns = {"name": row.record.get("name")}
    return identity_by(row, columns, ids_are_foreign=context.policy.is_foreign)


def row_by_row(
    write: WriteRow, identity: IdentityOfRow | None = None
) -> Callable[[WriteContext, Sink, list[InputRow]], None]:
    """Return a writer of batches that writes row by row. An error ends only its own row.

    The writer merges rows of the same key and writes them once. A deal with three stages thus goes
    only to the last stage, and starts a single automation. With ``identity``, rows that cannot be
    the same record are written concurrently, otherwise in the order of the input.
    """

    def write_all(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
        by_key: dict[bytes, list[InputRow]] = {}
        for row in rows:
            by_key.setdefault(row.ledger_key or id(row).to_bytes(8, "big"), []).append(row)
        groups = list(by_key.values())
        pool = context.pool
        if identity is None or pool.max_threads == 1 or len(groups) == 1:
            for group in groups:
                _write_group(context, sink, group, write)
            return
        duplicates: list[InputRow] = []

        def identity_of_group(group: list[InputRow]) -> RecordIdentity:
            return reduce(or_, [identity(context, row) for row in group])

        def write_group(group: list[InputRow]) -> None:
            _write_group(context, sink, group, write, duplicates)

        run_in_identity_order(pool, groups, identity_of_group, write_group)
        # Another row may have released the unique value of a duplicate: try again in order.
        for row in sorted(duplicates, key=lambda row: row.number or 0):
            _write_alone(context, sink, row, write)

    return write_all


def _write_group(
    context: WriteContext,
    sink: Sink,
    group: list[InputRow],
    write: WriteRow,
    duplicates: list[InputRow] | None = None,
) -> None:
    """Write rows of the same key. Adds rows that ActiveCampaign refuses to ``duplicates``."""
    if len(group) == 1 or not _write_merged(context, sink, group, write):
        for row in group:
            _write_alone(context, sink, row, write, duplicates)


def _write_alone(
    context: WriteContext,
    sink: Sink,
    row: InputRow,
    write: WriteRow,
    duplicates: list[InputRow] | None = None,
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
        if duplicates is not None and is_duplicate(problem):
            duplicates.append(row)
            return
        outcome = outcome_of(problem)
    context.finisher.finish(row, outcome)


def _write_merged(
    context: WriteContext, sink: Sink, group: list[InputRow], write: WriteRow
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

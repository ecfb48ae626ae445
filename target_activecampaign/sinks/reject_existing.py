"""Rejects create-only rows whose record exists, and rows whose record no longer exists.

`create` of the Python API (`api.py`) makes create-only rows. The record stays unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

    from .sink_definition import Sink
    from .write_context import WriteContext


def already_exists(column: str, native_id: str | None) -> RowRejected:
    """Return the error of a create-only row whose record exists."""
    known = f" (id {native_id})" if native_id else ""
    return RowRejected(f"{column}: the account already has it{known}; update or upsert it instead")


def reject_existing(row: InputRow, column: str, native_id: str | None) -> None:
    """Raise `RowRejected` if a create-only row has a record in the account."""
    if row.creates and native_id is not None:
        raise already_exists(column, native_id)


def reject_created_earlier(context: WriteContext, row: InputRow, column: str, path: str) -> None:
    """Raise `RowRejected` if the record of an earlier create exists.

    If it does not exist any more, forget its id in the ledger and in the row, so that the row
    creates a record. Only create-only rows: others keep their id.
    """
    if not row.creates or row.ledger_id is None:
        return
    try:
        context.client.get(f"{path}/{row.ledger_id}")
    except (NotFound, PermissionDenied):
        # ActiveCampaign may answer 403 for a note that does not exist.
        context.ledger.forget(row.ledger_key)
        row.ledger_id = None
        return
    raise already_exists(column, row.ledger_id)


def no_longer_exists(context: WriteContext, sink: Sink, row: InputRow) -> RowRejected:
    """Return the error of a row whose record no longer exists in the account.

    If the row does not name the record by id, the ledger forgets the record.
    """
    if context.foreign_ids.read(sink.family, row.record.get("id")) is not None:
        return RowRejected(f"id: the account has no {sink.family} with this id")
    context.ledger.forget(row.ledger_key)
    return RowRejected(
        f"the {sink.family} of this row was deleted; the target creates it when it reads the row "
        "again"
    )

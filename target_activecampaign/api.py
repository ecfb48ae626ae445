"""ActiveCampaign for Python, with writing: each write is a row through the target's sinks.

Use an object in one thread only. In a ``with`` block, the first write opens the ledger, and the end
of the block closes it. Other runs of the account wait until then, as they wait for a run of the
target. Without a block, each write opens and closes the ledger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from json import dumps, loads
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tap_activecampaign_unified.config.read_settings import Settings
from tap_activecampaign_unified.python_reader import (
    ActiveCampaignError,
    ActiveCampaignReader,
    AuthenticationError,
    ConnectionFailed,
    InvalidQuery,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    ServerError,
    SettingsError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.python_reader.reader import RUN_SETTINGS
from target_activecampaign.concurrency.cooperative_pool import CooperativePool
from target_activecampaign.config.target_settings import TARGET
from target_activecampaign.config.write_policy import build_policy
from target_activecampaign.input.record_parser import RecordParser
from target_activecampaign.processing.checkpoints import Checkpoints
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.input_schemas import InputSchemas
from target_activecampaign.reporting.result_file import new_run_id
from target_activecampaign.reporting.results import Results
from target_activecampaign.sinks.custom_objects import AccountObjects
from target_activecampaign.sinks.raw_requests import METHODS, parse_path

from .outcome import Action, Outcome, RowRejected
from .run_builder import open_processor
from .sinks import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_activecampaign.processing.batch_processor import BatchProcessor

__all__ = [
    "ActiveCampaign",
    "ActiveCampaignError",
    "AuthenticationError",
    "ConnectionFailed",
    "InvalidQuery",
    "InvalidRequest",
    "NotFound",
    "NotWritten",
    "PaymentRequired",
    "PermissionDenied",
    "ServerError",
    "SettingsError",
    "UnconfirmedWrite",
]

PREFIX = "TARGET_ACTIVECAMPAIGN_"
DELETED = "_sdc_deleted_at"
CALL_SETTINGS = {"source_ids", "dry_run", "delete_mode", "max_deletes", "on_reject", "force"}
STREAM_SETTINGS = {
    "stream_aliases",
    "column_aliases",
    "max_reject_ratio",
    "allow_raw_requests",
    "account_label",
}
FILE_SETTINGS = {"results_path", "results_format", "retry_path"}
MAX_DELETES = 1_000_000
#: Resources that the client cannot write: ActiveCampaign has no write for them, or the target
#: writes them in batches.
READ_ONLY = {
    *("crm_users", "raw_requests", "marketing_events", "commerce_stores", "commerce_products"),
    *("commerce_orders", "commerce_order_lines", "commerce_subscriptions"),
}
#: Resources whose rows have two ids, with the status that deletes a row.
PAIRS = {"marketing_contact_tags": "removed", "marketing_segment_memberships": "unsubscribed"}
NO_UPDATES = {**dict.fromkeys(PAIRS, "upsert or delete it"), "crm_fields": "it can be created only"}
# Resources that other rows refer to by name: a write makes the next call read their tables again.
REFERENCED = {
    *("marketing_tags", "marketing_segments", "crm_pipelines", "crm_stages", "crm_fields"),
    *("directory_groups", "directory_users", "crm_accounts"),
}
WRITTEN = {Action.CREATED, Action.UPDATED, Action.UNCHANGED}


class NotWritten(ActiveCampaignError):
    """The record was not written; ``action`` and ``reason`` are those of the target's results.

    ``rejected``: the record has a fault. ``skipped``: the record needs no write, or a setting
    forbids the write. ``failed``: ActiveCampaign did not confirm the write. Repeat the same call
    then; a repeated call creates no second record.
    """

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"{action}: {reason}")
        self.action, self.reason = action, reason


class _SingleResult(Results):
    """Stores the outcome of a single row."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome: Outcome | None = None

    def add(self, number: Any, stream: Any, key: Any, outcome: Outcome, record: Any = None) -> None:
        self.outcome = outcome
        super().add(number, stream, key, outcome, record)


class ActiveCampaign(ActiveCampaignReader):
    """Lists, gets and writes unified records of one account.

    ``settings`` are the settings of the target, except those that a call decides and those of
    streams and files. Consent, references by natural key and lost responses work as in the target.
    """

    setting_names: ClassVar[frozenset[str]] = (
        frozenset(setting.name for setting in TARGET)
        - RUN_SETTINGS
        - CALL_SETTINGS
        - STREAM_SETTINGS
        - FILE_SETTINGS
    )

    def __init__(self, api_url: str, api_key: str, **settings: Any) -> None:
        """Check the settings (`SettingsError`, `InvalidQuery`). No request is sent."""
        super().__init__(api_url, api_key, **settings)
        chosen = {
            name: value for name, value in settings.items() if name in type(self).setting_names
        }
        fixed = {"force": True, "delete_mode": "delete", "max_deletes": MAX_DELETES}
        values = {**chosen, **fixed, "api_url": api_url, "api_key": api_key}
        self._writing = Settings(TARGET, values, PREFIX)
        self._policy = build_policy(self._writing.values)
        self._processor: BatchProcessor | None = None
        self._is_in_block = False

    # --- a block --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Keep the ledger open from the first write to the end of the block."""
        self._is_in_block = True
        return self

    def close(self) -> None:
        """Close the ledger and the connections; a later call opens them again."""
        self._is_in_block = False
        self._close_processor()
        super().close()

    def refresh(self) -> None:
        """Forget the names and custom fields of the account. The next call reads them again."""
        self._close_processor()
        super().refresh()

    # --- writing --------------------------------------------------------------------------------

    def create(self, resource: str, record: Mapping[str, Any]) -> dict[str, str | None]:
        """Create a record, and return ``id``, ``action`` and ``reason``.

        Raises `NotWritten` if a record with the same natural key exists. That record stays
        unchanged.
        """
        if not is_nothing(_record(record).get("id")):
            raise InvalidQuery("id: a new record has no id; use update for an existing one")
        return self._write(resource, _live(record), creates=True)

    def upsert(self, resource: str, record: Mapping[str, Any]) -> dict[str, str | None]:
        """Update the record with this id or natural key, or create it.

        Returns ``id``, ``action`` and ``reason``. Raises `NotWritten` if nothing was written.
        """
        return self._write(resource, _live(record))

    def update(self, resource: str, id: str, record: Mapping[str, Any]) -> dict[str, str | None]:  # noqa: A002
        """Update the columns in ``record`` of the record with this id. Never creates a record."""
        if resource in NO_UPDATES:
            raise InvalidQuery(f"{resource}: cannot be updated; {NO_UPDATES[resource]}")
        if is_nothing(id):
            raise InvalidQuery("id: missing")
        columns = _live(record)
        if not is_nothing(columns.get("id")) and str(columns["id"]) != str(id):
            raise InvalidQuery("id: the record has another id than the call")
        return self._write(resource, {**columns, "id": id})

    def delete(self, resource: str, id: Any) -> dict[str, str | None]:  # noqa: A002
        """Delete a contact, account, opportunity or note; remove a tag or end a membership.

        For tags and memberships of contacts, ``id`` is an object with both ids. A contact that
        opted out is never deleted, because the delete would also remove the opt-out. A membership
        becomes ``unsubscribed``.
        """
        if resource in PAIRS:
            if not isinstance(id, Mapping):
                raise InvalidQuery(f"{resource}: give both ids, as an object")
            return self._write(resource, {**id, "status": PAIRS[resource]})
        if is_nothing(id) or isinstance(id, Mapping):
            raise InvalidQuery("id: must be one id of ActiveCampaign")
        return self._write(resource, {"id": id, DELETED: self.client.clock.now().isoformat()})

    def proxy(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] | Mapping[str, str | int] = (),
        json: Any = None,
    ) -> dict[str, Any]:
        """Send any other request and return its response, with the same rate limit and retries.

        A POST whose response is lost raises `UnconfirmedWrite` and is never repeated. Paths that
        send messages or move records in bulk raise `InvalidQuery`, as in `raw_requests`.
        """
        verb = str(method).strip().upper()
        if verb not in {"GET", *METHODS}:
            raise InvalidQuery(f"method: must be one of GET, {', '.join(METHODS)}")
        try:
            plain, query = parse_path(path, writes=verb != "GET")
        except RowRejected as problem:
            raise InvalidQuery(problem.reason) from None
        try:
            pairs = params.items() if isinstance(params, Mapping) else params
            query += [(str(name), _plain(value)) for name, value in pairs]
            return dict(self.client.send(verb, plain, params=query, json=json).body)
        except (TypeError, ValueError):
            raise InvalidQuery("params must be pairs, and json a JSON value") from None
        finally:
            if verb != "GET":
                self.refresh()

    # --- a row ----------------------------------------------------------------------------------

    def _write(
        self, resource: str, record: dict[str, Any], *, creates: bool = False
    ) -> dict[str, str | None]:
        if resource not in registry.SINKS or resource in READ_ONLY:
            writable = ", ".join(name for name in registry.SINKS if name not in READ_ONLY)
            raise InvalidQuery(f"{resource}: cannot be written; use one of {writable}")
        is_fresh, sent = self._processor is None, self._count_writes()
        try:
            with self._call():
                outcome = self._outcome(resource, record, creates=creates)
                is_refused = outcome.action is Action.REJECTED and self._count_writes() == sent
                if is_refused and not is_fresh:
                    # No write was sent. The tables in memory may be out of date: read them again.
                    self._close_processor()
                    outcome = self._outcome(resource, record, creates=creates)
        finally:
            if not self._is_in_block:
                self._close_processor()
            if resource in REFERENCED:
                super().refresh()
        if outcome.action not in WRITTEN:
            raise NotWritten(outcome.action.value, outcome.reason or "nothing was confirmed")
        return {"id": outcome.id, "action": outcome.action.value, "reason": outcome.reason}

    def _outcome(self, resource: str, record: dict[str, Any], *, creates: bool) -> Outcome:
        """Write a row and return its outcome."""
        try:
            processor = self._open()
            result = _SingleResult()
            processor.finisher.results = result
            objects = AccountObjects(lambda: processor.context)
            parser = RecordParser(objects, None, None, policy=self._policy)
            row = parser.row_of(1, resource, record, [])
            for line in parser.take_unread():
                processor.finisher.finish_unread(line)
            if row is not None:
                row.creates = creates
                if creates:
                    processor.context.references.forget_definitions(registry.SINKS[resource].family)
                processor.write([row])
        except OSError as problem:
            self._close_processor()
            why = f"the ledger cannot be written ({problem.strerror or type(problem).__name__})"
            raise NotWritten("failed", f"{why}: correct this and repeat the call") from None
        except BaseException:
            self._close_processor()
            raise
        return result.outcome or Outcome(Action.FAILED)

    def _open(self) -> BatchProcessor:
        if self._processor is None:
            run_id = new_run_id(self.client.clock.now())
            self._processor = open_processor(
                self._writing,
                self._policy,
                self.client,
                CooperativePool(),
                checkpoints=Checkpoints(),
                schemas=InputSchemas(),
                run_id=run_id,
            )
            # No later row follows that could create the record of a reference.
            self._processor.context.references.is_final = True
        return self._processor

    def _close_processor(self) -> None:
        processor, self._processor = self._processor, None
        if processor is not None:
            processor.close()

    def _count_writes(self) -> int:
        return self.client.traffic.requests - self.client.traffic.reads


def _record(record: Any) -> dict[str, Any]:
    """Return a record with the types of JSON, as the target reads it."""
    if not isinstance(record, Mapping):
        raise InvalidQuery("record: must be an object")
    try:
        parsed: dict[str, Any] = loads(dumps(dict(record), default=_plain))
    except (TypeError, ValueError, RecursionError):
        raise InvalidQuery("record: may hold JSON values, dates and decimals only") from None
    return parsed


def _plain(value: Any) -> str:
    """Return a single value as text; raises `TypeError` for anything else."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    raise TypeError


def _live(record: Any) -> dict[str, Any]:
    """Return a record to write; raise `InvalidQuery` for a tombstone."""
    parsed = _record(record)
    if not is_nothing(parsed.get(DELETED)):
        raise InvalidQuery(f"{DELETED}: the record is gone; delete it by its id")
    return parsed

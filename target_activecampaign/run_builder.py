"""Builds the objects of a run from its settings."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import account_file
from tap_activecampaign_unified.client.event_client import EventClient
from tap_activecampaign_unified.config.read_settings import SettingsError
from target_activecampaign.audiences.audience_members import AudienceMembers
from target_activecampaign.audiences.grant_recorder import GrantRecorder
from target_activecampaign.client.create_once import CreateOnce
from target_activecampaign.client.write_client import WriteClient
from target_activecampaign.concurrency.cooperative_pool import ReleasingClock
from target_activecampaign.holdout import Holdout
from target_activecampaign.lookups.contact_values import ContactValuesReader
from target_activecampaign.lookups.opt_outs import OptOuts
from target_activecampaign.lookups.reference_resolver import ReferenceResolver
from target_activecampaign.processing.batch_processor import BatchProcessor
from target_activecampaign.processing.changed_parts import ChangedParts
from target_activecampaign.processing.deferred_rows import DeferredRows
from target_activecampaign.processing.parts_denied_by_settings import DeniedParts
from target_activecampaign.processing.retry_file import RetryFile
from target_activecampaign.processing.row_finisher import ACCEPTED_FORMS, RowFinisher
from target_activecampaign.reporting.dry_run import DryRunPlan
from target_activecampaign.reporting.result_file import ResultFile
from target_activecampaign.reporting.results import Results
from target_activecampaign.sinks.change_limits import ChangeLimits
from target_activecampaign.sinks.contacts.bulk_import.importer import Importer
from target_activecampaign.sinks.contacts.contact_limit.account_limit import (
    ContactLimit,
)
from target_activecampaign.sinks.fields.create_missing_fields import FieldCreator
from target_activecampaign.sinks.fields.encode_custom_fields import CustomFieldEncoder
from target_activecampaign.sinks.write_context import WriteContext
from target_activecampaign.undo.recording.cost_of_recording import UndoCost

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.config.read_settings import Settings
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.config.undo_options import UndoOptions
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.processing.checkpoints import Checkpoints
    from target_activecampaign.records.input_schemas import InputSchemas
    from target_activecampaign.undo.journal import UndoJournal

NAME = "target-activecampaign"


def path_of(settings: Settings, name: str) -> Path | None:
    """Return a setting's path, None where it is not set."""
    value = settings[name]
    return Path(value).expanduser() if value else None


def open_ledger(settings: Settings, client: Client, *, is_dry_run: bool) -> Ledger:
    """Open the account's ledger when no other run writes to it. A dry run does not wait."""
    # Imported here, because it loads SQLAlchemy, which takes 0.1 s.
    from target_activecampaign.ledger.open_ledger import open_ledger_at  # noqa: PLC0415

    # Modules stay for the whole run, so the garbage collector need not visit their objects again.
    gc.freeze()
    return open_ledger_at(
        settings["ledger_path"] or account_file(client.address.account, "ledger", "sqlite"),
        client,
        program=NAME,
        max_wait=settings["max_retry_seconds"],
        is_dry_run=is_dry_run,
        secret=settings["ledger_secret"],
    )


def _event_client(settings: Settings, client: Client) -> EventClient | None:
    """Return the client of event tracking, None if the settings name no account for it."""
    if not settings["event_account_id"] or not settings["event_key"]:
        return None
    return EventClient(
        settings["event_url"],
        settings["event_account_id"],
        settings["event_key"],
        timeout=settings["request_timeout"],
        user_agent=client.user_agent,
        while_blocked=lambda: client.while_blocked(),  # noqa: PLW0108 - the target sets it later
        adapters=client.adapters,
    )


def _open_row_files(
    settings: Settings, client: Client, run_id: str, *, is_dry_run: bool
) -> tuple[RetryFile, Results]:
    """Open the files of failed rows and of results; raise `SettingsError` for an unusable path."""
    setting = "retry_path"
    try:
        retries = RetryFile(None if is_dry_run else path_of(settings, setting))
        setting = "results_path"
        path = path_of(settings, setting)
        is_singer = settings["results_format"] == "singer"
        file = ResultFile(path, run_id, client.clock, is_singer=is_singer) if path else None
    except OSError as problem:
        raise SettingsError(
            [f"{setting} cannot be used ({problem.strerror}): name another file"]
        ) from None
    return retries, Results(file, ACCEPTED_FORMS)


def open_processor(
    settings: Settings,
    policy: WritePolicy,
    client: Client,
    pool: CooperativePool,
    *,
    checkpoints: Checkpoints,
    schemas: InputSchemas,
    run_id: str,
    is_undo: bool = False,
) -> BatchProcessor:
    """Open the run's files and return its processor; raise `SettingsError` for an unusable path.

    The parser fills ``schemas`` from the SCHEMA messages. An undo (``is_undo``) does not record the
    values that it replaces.
    """
    clock = ReleasingClock(client.clock, pool)
    ledger = open_ledger(settings, client, is_dry_run=policy.dry_run)
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        retries, results = _open_row_files(settings, client, run_id, is_dry_run=policy.dry_run)
        stack.pop_all()
    write_client = WriteClient(client, is_dry_run=policy.dry_run)
    references = ReferenceResolver(write_client.client, ledger, policy, pool)
    limits, plan = ChangeLimits(policy), DryRunPlan()
    finisher = RowFinisher(
        policy=policy,
        ledger=ledger,
        references=references,
        limits=limits,
        plan=plan,
        results=results,
        deferred=DeferredRows(),
        retries=retries,
        checkpoints=checkpoints,
        denied_parts=DeniedParts(ledger, policy.fingerprint),
        parts=ChangedParts(ledger, policy),
        schemas=schemas,
    )
    grants = GrantRecorder(
        ledger,
        AudienceMembers(ledger, policy, references),
        ContactValuesReader(client, pool),
        is_dry_run=policy.dry_run,
    )

    def server_time() -> float:
        return client.account_time().timestamp()

    context = WriteContext(
        client=client,
        clock=clock,
        pool=pool,
        write_client=write_client,
        creates=CreateOnce(write_client, ledger, clock, server_time),
        policy=policy,
        ledger=ledger,
        references=references,
        custom_fields=CustomFieldEncoder(
            references,
            policy,
            FieldCreator(write_client, references, policy, clock, schemas.field_hints),
        ),
        importer=Importer(write_client, clock, pool, runs_automations=policy.run_automations),
        limits=limits,
        holdout=Holdout(policy.holdout_percent, policy.holdout_salt, references),
        contact_limit=ContactLimit(client, is_kept=policy.respect_contact_limit),
        plan=plan,
        finisher=finisher,
        grants=grants,
        opt_outs=OptOuts(references, clock),
        events=_event_client(settings, client),
    )
    if settings["undo_path"] and not is_undo:
        _record_for_undo(settings, context, finisher, run_id)
    return BatchProcessor(context, finisher, grants)


def _record_for_undo(
    settings: Settings, context: WriteContext, finisher: RowFinisher, run_id: str
) -> None:
    """Make a run record the values that it replaces. A dry run counts the requests for that."""
    if context.policy.dry_run:
        context.earlier_values = UndoCost(context.references)
        return
    # Imported here, because it loads SQLAlchemy.
    from target_activecampaign.undo.journal import open_journal  # noqa: PLC0415
    from target_activecampaign.undo.recording.recorder import UndoRecorder  # noqa: PLC0415

    try:
        journal = open_journal(
            settings["undo_path"],
            context.client.address.account,
            wait_seconds=settings["max_retry_seconds"],
        )
        journal.begin(run_id, context.clock.now().timestamp(), settings["undo_days"])
    except (OSError, SettingsError):
        context.ledger.close()
        raise
    recorder = UndoRecorder(
        journal,
        run_id,
        client=context.client,
        clock=context.clock,
        pool=context.pool,
        references=context.references,
        server_time=context.creates.server_time,
    )
    context.write_client.recorder = context.earlier_values = finisher.recorder = recorder
    context.ledger.set_before_write(recorder.flush)


def open_journal_of_undo(settings: Settings | None, request: UndoOptions) -> UndoJournal:
    """Open the undo file. Raises `SettingsError` if it does not contain the run to undo."""
    from target_activecampaign.undo.journal import open_journal  # noqa: PLC0415

    connection = settings.connection if settings is not None else None
    if settings is None or connection is None:
        raise SettingsError.no_connection()
    if not settings["undo_path"]:
        raise SettingsError(["--undo needs undo_path: set it to the file of the run"])
    journal = open_journal(
        settings["undo_path"],
        connection.address.account,
        wait_seconds=settings["max_retry_seconds"],
        is_new=False,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(journal.close)
        journal.check_run(request.run)
        stack.pop_all()
    return journal


def carry_out_undo(
    settings: Settings | None, open_run: Callable[[], BatchProcessor], request: UndoOptions
) -> None:
    """Undo a run. ``open_run`` opens the files of this run, and replaces the results of another.

    Raises `SettingsError`, before it opens a file, if the undo file does not contain the run.
    """
    from target_activecampaign.undo.undo_run import UndoRun  # noqa: PLC0415

    # Each run opens its ledger first: so this closes the undo file before it opens the ledger.
    open_journal_of_undo(settings, request).close()
    processor = open_run()
    with contextlib.closing(open_journal_of_undo(settings, request)) as journal:
        UndoRun(processor.context, processor.finisher.results, journal, request).run()

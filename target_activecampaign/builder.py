"""What a run is made of, put together from its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import account_file
from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.postgres import check_place, is_address
from target_activecampaign.client.write_client import Pen
from target_activecampaign.concurrency.pool import HandingClock
from target_activecampaign.ledger.ledger import Ledger, unusable, wait_for_turn
from target_activecampaign.ledger.stores import FileStore, PostgresStore
from target_activecampaign.lookups.references import References
from target_activecampaign.processing.batch_processor import Engine
from target_activecampaign.processing.deferred_rows import Waiting
from target_activecampaign.processing.retry_file import RetryFile
from target_activecampaign.reporting.dry_run import Forecast
from target_activecampaign.reporting.results import Results
from target_activecampaign.sinks.contacts.bulk_import.importer import Importer
from target_activecampaign.sinks.context import Desk
from target_activecampaign.sinks.custom_fields import CustomValues
from target_activecampaign.sinks.limits import Guards

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.config.settings import Settings
    from target_activecampaign.concurrency.pool import Turns
    from target_activecampaign.config.write_policy import Policy
    from target_activecampaign.ledger.stores import Store

NAME = "target-activecampaign"


def path_of(settings: Settings, name: str) -> Path | None:
    """Return a setting's path, None where it is not set."""
    value = settings[name]
    return Path(value).expanduser() if value else None


def _open_ledger(settings: Settings, client: Client, *, is_dry: bool) -> Ledger:
    """Open the account's ledger, once no other run writes in it; a dry run does not wait."""
    name, account, patience = "ledger_path", client.address.account, settings["max_retry_seconds"]
    place = settings[name]
    check_place(name, place or "")
    store: Store
    if place and is_address(place):
        try:
            store = PostgresStore(name, place, account, NAME)
        except OSError as problem:
            raise unusable(problem) from None
    else:
        path = path_of(settings, name) or account_file(account, "ledger", "sqlite")
        store = FileStore(path, patience)
    if not is_dry:
        wait_for_turn(store, client, patience)
    return Ledger(store, account, is_dry=is_dry, secret=settings["ledger_secret"])


def open_engine(
    settings: Settings, policy: Policy, client: Client, turns: Turns, hold: Callable[[int], None]
) -> Engine:
    """Open the run's files and return its engine; raises `SettingsError` for paths of no use."""
    clock = HandingClock(client.clock, turns)
    ledger = _open_ledger(settings, client, is_dry=policy.dry_run)
    setting = "retry_path"
    try:
        retries = RetryFile(None if policy.dry_run else path_of(settings, setting))
        setting = "results_path"
        results = Results(path_of(settings, setting))
    except OSError as problem:
        ledger.close()
        raise SettingsError(
            [f"{setting} cannot be used ({problem.strerror}): name another file"]
        ) from None
    pen = Pen(client, is_dry=policy.dry_run)
    references = References(pen, ledger, policy, turns)

    def desk(engine: Engine) -> Desk:
        return Desk(
            client=client,
            clock=clock,
            turns=turns,
            pen=pen,
            policy=policy,
            ledger=ledger,
            references=references,
            custom=CustomValues(pen, references, policy, clock),
            importer=Importer(pen, clock, turns, runs_automations=policy.run_automations),
            guards=Guards(policy),
            forecast=Forecast(),
            report=engine.report,
            wait=engine.wait,
            is_behind=engine.is_behind,
        )

    return Engine(desk, results, Waiting(), retries, hold)

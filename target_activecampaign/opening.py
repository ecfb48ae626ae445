"""What a run is made of, put together from its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tap_activecampaign_unified.api import account_file
from tap_activecampaign_unified.api.turns import HandingClock
from tap_activecampaign_unified.postgres import check_place, is_address
from tap_activecampaign_unified.settings import SettingsError

from .custom_values import CustomValues
from .desk import Desk
from .engine import Engine
from .forecast import Forecast
from .guards import Guards
from .importer import Importer
from .ledger import Ledger, unusable, wait_for_turn
from .ledger_stores import FileStore, PostgresStore
from .pen import Pen
from .references import References
from .results import Results
from .waiting import RetryFile, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.api import Client
    from tap_activecampaign_unified.api.turns import Turns
    from tap_activecampaign_unified.settings import Settings

    from .ledger_stores import Store
    from .policy import Policy

NAME = "target-activecampaign"


def path_of(settings: Settings, name: str) -> Path | None:
    """Return a setting's path, None where it is not set."""
    value = settings[name]
    return Path(value).expanduser() if value else None


def open_ledger(settings: Settings, client: Client, *, is_dry: bool) -> Ledger:
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
    ledger = open_ledger(settings, client, is_dry=policy.dry_run)
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

"""Opens the ledger: waits until no other run uses it, and explains why it cannot be opened."""

from __future__ import annotations

import contextlib
import errno
import logging
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FatalError
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.storage.database import open_database
from tap_activecampaign_unified.storage.private_files import DISK_FULL

from .ledger import DAMAGED, Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.storage.database import Database

logger = logging.getLogger(__name__)

SETTING, SCHEMA = "ledger_path", "activecampaign_ledger"


class LedgerInUse(FatalError):
    """The ledger cannot be used now: another run uses it, or its server is down."""


def open_ledger_at(
    place: str | Path,
    client: Client,
    *,
    program: str,
    max_wait: float,
    is_dry_run: bool,
    secret: str | None,
) -> Ledger:
    """Open the account's ledger when no other run writes to it. A dry run does not wait.

    ``max_wait`` is in seconds. Raises `SettingsError`, or `LedgerInUse` if a later run can succeed.
    """
    with contextlib.ExitStack() as stack:
        try:
            database = open_database(
                SETTING, place, program=program, schema=SCHEMA, wait_seconds=max_wait
            )
            stack.callback(database.close)
            if not is_dry_run:
                _wait_for_lock(database, client, max_wait)
            ledger = Ledger(database, client.address.account, is_dry_run=is_dry_run, secret=secret)
        except OSError as problem:
            raise _error_of(problem) from None
        stack.pop_all()
    return ledger


def _wait_for_lock(database: Database, client: Client, max_wait: float) -> None:
    """Take the ledger's lock. Without it, two runs at once would create the same row twice."""
    deadline = client.clock.monotonic() + max_wait
    is_logged = False
    while not database.try_lock("ledger", client.address.account):
        if not is_logged:
            logger.warning("Another run uses this account's ledger: waiting until it ends")
            is_logged = True
        if client.clock.monotonic() >= deadline:
            raise LedgerInUse(
                "another run of target-activecampaign uses the same ledger: wait until it ends, "
                "then run again"
            )
        client.before_request()
        client.clock.sleep(1.0)


def _error_of(problem: OSError) -> Exception:
    """Return the error of a ledger that cannot be opened."""
    why = f"ledger_path cannot be used ({problem.strerror})"
    if problem.errno == errno.EILSEQ:
        return SettingsError([DAMAGED])
    if problem.errno == errno.EAGAIN:
        return LedgerInUse(f"{why}: wait until it ends, then run again")
    if problem.errno in {errno.ECONNREFUSED, errno.ECONNRESET}:
        return LedgerInUse(f"{why}: no row was sent; run again")
    if problem.errno in DISK_FULL:
        return LedgerInUse(f"{why}: free some space, then run again")
    return SettingsError([f"{why}: name another file"])

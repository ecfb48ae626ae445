"""Waits for imports that a killed run may have left unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from target_activecampaign.sinks.contacts.bulk_import.polling import has_outstanding_imports

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

# Seconds: a batch of 250 contacts takes the importer some seconds.
MAX_WAIT_SECONDS = 120.0
POLL_SECONDS = 5.0


def wait_for_imports(context: WriteContext) -> bool:
    """Wait until the account has no unfinished import; return False after `MAX_WAIT_SECONDS`."""
    if context.write_client.is_dry_run:
        return True
    deadline = context.clock.monotonic() + MAX_WAIT_SECONDS
    while _has_pending_imports(context):
        if context.clock.monotonic() >= deadline:
            return False
        context.clock.sleep(POLL_SECONDS)
    return True


def _has_pending_imports(context: WriteContext) -> bool:
    try:
        return has_outstanding_imports(context.client)
    except (NotFound, PermissionDenied):
        return False

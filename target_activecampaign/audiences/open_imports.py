"""Imports that a killed run may have left behind, and contacts of which only a hash is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, PermissionDenied, walk_keyset

if TYPE_CHECKING:
    from collections.abc import Collection

    from target_activecampaign.sinks.context import WriteContext

# Seconds: a batch of 250 contacts takes the importer some seconds.
LONGEST_WAIT = 120.0
BETWEEN = 5.0


def wait_for_imports(context: WriteContext) -> bool:
    """Wait until the account has no unfinished import; return whether it has none."""
    if context.write_client.is_dry_run:
        return True
    deadline = context.clock.monotonic() + LONGEST_WAIT
    while _are_imports_open(context):
        if context.clock.monotonic() >= deadline:
            return False
        context.clock.sleep(BETWEEN)
    return True


def _are_imports_open(context: WriteContext) -> bool:
    try:
        body = context.client.get("import/bulk_import").body
    except (NotFound, PermissionDenied):
        return False
    days = body.get("outstanding")
    counts = [str(day.get("batches") or "0") for day in days or () if isinstance(day, dict)]
    return any(count.strip("0") for count in counts)


def contacts_of_addresses(context: WriteContext, addresses: Collection[bytes]) -> dict[bytes, str]:
    """Return the contacts whose hashed address is one of these; reads all contacts for it."""
    found: dict[bytes, str] = {}
    if not addresses:
        return found
    for page in walk_keyset(context.client, "contacts", "contacts", [("status", -1)]):
        for row in page.rows:
            key = context.ledger.audiences.address_key(str(row.get("email") or ""))
            if key in addresses:
                found[key] = str(row["id"])
    return found

"""The setting `run_automations`: with `false`, no request is sent that can start an automation.

* Rows of a sink that `starts_automations` are skipped: `processing/batch_processor.py` asks
  `is_skipped`. Deletes are skipped too (`deletes.py`).
* Contacts go only through the importer, which starts none (`contacts/bulk_import/choice.py`).
  `deny_automation_starts` leaves the importer's part of a change. No contact enters or leaves an
  automation (`contacts/parse_contact.py`), and no person is subscribed again
  (`contacts/opt_out_check.py`).
* An order is written as historical (`commerce/orders.py`) and subscribes no person
  (`commerce/order_consent.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy

    from .contacts.contact_change import ContactChange
    from .sink_definition import Sink

MAY_START_AUTOMATION = (
    "run_automations is false, and this can start an automation; only the importer is used then"
)


def is_skipped(policy: WritePolicy, sink: Sink) -> bool:
    """Return whether the setting skips all rows of a sink."""
    return sink.starts_automations and not policy.run_automations


def deny_automation_starts(sink: Sink, change: ContactChange) -> None:
    """Deny all requests except those that the importer accepts with `exclude_automations`."""
    if change.email is None or change.new_email is not None:
        for row_request in change.row_requests:
            row_request.denied += [MAY_START_AUTOMATION] if row_request.requested else []
            row_request.requested.clear()
        return
    for name, (_, is_added) in list(change.tags.items()):
        if not is_added:
            change.deny(f"tag:{name}", MAY_START_AUTOMATION)
            del change.tags[name]
    for name in change.columns.keys() - sink.resource.imported_columns().keys():
        change.deny(f"column:{name}", MAY_START_AUTOMATION)
        del change.columns[name]
    for native_id in [*change.associations, *change.automations]:
        change.deny(f"association:{native_id}", MAY_START_AUTOMATION)
        change.deny(f"automation:{native_id}", MAY_START_AUTOMATION)
    change.associations, change.automations = (), {}
    change.deny("mirror", MAY_START_AUTOMATION) if not change.tags else None
    change.is_mirror = False
    change.deny("title", MAY_START_AUTOMATION)
    change.title = None
    if change.account and (not change.account.get("name") or "id" in change.account):
        change.deny("account", MAY_START_AUTOMATION)
        change.account = {}

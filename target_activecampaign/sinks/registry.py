"""All writable streams in the order of writing: referenced records come before references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from target_activecampaign.sinks.commerce.orders import write_lines, write_orders
from target_activecampaign.sinks.commerce.products import write_products
from target_activecampaign.sinks.commerce.store_lookup import map_store
from target_activecampaign.sinks.commerce.subscriptions import write_subscriptions
from target_activecampaign.sinks.contacts.association_sinks import (
    write_contact_tags,
    write_memberships,
)
from target_activecampaign.sinks.contacts.enrolment_ledger import COLUMNS
from target_activecampaign.sinks.contacts.sink import write_contacts
from target_activecampaign.sinks.named_records.accounts import write_account
from target_activecampaign.sinks.named_records.field_definitions import write_field
from target_activecampaign.sinks.named_records.pipelines import write_pipeline, write_stage
from target_activecampaign.sinks.named_records.segments import write_list
from target_activecampaign.sinks.named_records.tags import write_tag
from target_activecampaign.sinks.named_records.users import map_user, write_group, write_user

from .custom_objects import sink_of_object
from .events import COLUMNS as EVENT_COLUMNS
from .events import RESOURCE as EVENTS
from .events import write_events
from .notes import write_notes
from .opportunities.sink import write_opportunities
from .raw_requests import RESOURCE as RAW_REQUESTS
from .raw_requests import write_raw
from .row_by_row import identity_by_name, row_by_row
from .sink_definition import Sink
from .tasks import COLUMNS as TASK_COLUMNS
from .tasks import write_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTACT = frozenset(
    {"email", "email_addresses", "name", "tags", "remove_tags", "segments", "account", "title"}
    | COLUMNS.keys()
)
#: The columns that stay in a contact's row of which only some parts are to be written.
_KEPT = frozenset(
    {"id", "email", "email_addresses", "status"}
    | {"is_disabled", "is_deleted", "deleted", "anonymized"}
)
_BY_NAME = (("id",), ("name",))
_PAIR = frozenset({"contact", "contact_email", "email", "status"})

_STORE = frozenset({"store"})

SINKS: dict[str, Sink] = {
    sink.resource.name: sink
    for sink in (
        Sink(
            by_name["directory_groups"],
            "group",
            _BY_NAME,
            row_by_row(write_group),
            frozenset({"permissions"}),
        ),
        Sink(
            by_name["directory_users"],
            "user",
            (("id",), ("emails",), ("email",), ("username",)),
            row_by_row(write_user),
            frozenset({"email", "name", "group", "password"}),
        ),
        Sink(by_name["crm_users"], "user", (("id",), ("email",)), row_by_row(map_user)),
        Sink(
            by_name["crm_fields"],
            "field",
            (("entity", "id"), ("entity", "key"), ("entity", "name")),
            row_by_row(write_field),
            frozenset({"entity", "key", "name", "type", "tag", "options"}),
        ),
        Sink(by_name["marketing_tags"], "tag", _BY_NAME, row_by_row(write_tag, identity_by_name)),
        Sink(
            by_name["marketing_segments"],
            "list",
            _BY_NAME,
            row_by_row(write_list),
            frozenset({"channel"}),
        ),
        Sink(by_name["crm_pipelines"], "pipeline", _BY_NAME, row_by_row(write_pipeline)),
        Sink(
            by_name["crm_stages"],
            "stage",
            (("id",), ("name", "pipeline")),
            row_by_row(write_stage),
            frozenset({"card_config"}),
        ),
        Sink(
            by_name["crm_accounts"],
            "account",
            _BY_NAME,
            row_by_row(write_account, identity_by_name),
            can_delete=True,
            starts_automations=True,
        ),
        *(
            Sink(
                by_name[stream],
                "contact",
                (("id",), ("email",), ("email_addresses",)),
                write_contacts,
                _CONTACT,
                can_delete=True,
                consent_column="segments",
                kept=_KEPT,
            )
            for stream in ("marketing_contacts", "crm_contacts")
        ),
        Sink(
            by_name["marketing_contact_tags"],
            "contact_tag",
            (("contact_id", "tag_id"), ("contact", "tag"), ("email", "tag_name")),
            write_contact_tags,
            _PAIR | {"tag", "tag_name"},
        ),
        Sink(
            by_name["marketing_segment_memberships"],
            "membership",
            (("contact_id", "segment_id"), ("contact", "segment"), ("email", "segment_name")),
            write_memberships,
            _PAIR | {"segment", "segment_name"},
            consent_column="status",
        ),
        Sink(
            by_name["crm_opportunities"],
            "deal",
            (("id",), ("external_id",), ("name", "contact"), ("name", "account")),
            write_opportunities,
            frozenset({"external_id"}),
            weak=frozenset({"name"}),
            can_delete=True,
            starts_automations=True,
        ),
        Sink(
            by_name["crm_notes"],
            "note",
            (
                ("id",),
                ("content", "opportunity"),
                ("content", "contact"),
                ("content", "account"),
            ),
            write_notes,
            can_delete=True,
            starts_automations=True,
        ),
        Sink(
            by_name["crm_tasks"],
            "task",
            (("id",), ("external_id",)),
            write_tasks,
            TASK_COLUMNS,
            starts_automations=True,
        ),
        Sink(by_name["commerce_stores"], "store", (("id",),), row_by_row(map_store)),
        Sink(
            by_name["commerce_products"],
            "product",
            (("store_id", "store_product_id"),),
            write_products,
            _STORE,
        ),
        Sink(
            by_name["commerce_orders"],
            "order",
            (("store_id", "store_order_id"),),
            write_orders,
            _STORE,
            kept=_STORE | {"store_id", "store_order_id"},
        ),
        Sink(by_name["commerce_order_lines"], "order_line", (), write_lines, _STORE),
        Sink(
            by_name["commerce_subscriptions"],
            "subscription",
            (("store_id", "store_subscription_id"),),
            write_subscriptions,
            _STORE,
            starts_automations=True,
        ),
        Sink(
            EVENTS,
            "event",
            (("external_id",),),
            write_events,
            EVENT_COLUMNS,
            starts_automations=True,
        ),
        Sink(
            RAW_REQUESTS,
            "raw",
            (),
            row_by_row(write_raw),
            frozenset({"method", "path", "body"}),
            starts_automations=True,
        ),
    )
}


def find_sink(stream: str) -> Sink | None:
    """Return the sink of a stream, None for a stream that cannot be written."""
    if stream.startswith(PREFIX):
        return sink_of_object(stream)
    return SINKS.get(stream)


def sinks_of(streams: Iterable[str]) -> dict[str, Sink]:
    """Return the sinks of these streams in the order of writing, custom objects last."""
    wanted = set(streams)
    custom_objects = sorted(name for name in wanted if name.startswith(PREFIX))
    sinks = {name: sink for name, sink in SINKS.items() if name in wanted}
    return sinks | {name: sink_of_object(name) for name in custom_objects}

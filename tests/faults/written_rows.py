"""Rows of every stream to write, and the account that they must give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tap.client.clients import world_of
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.sandbox import World
    from tests.tap.client.clients import ManualClock

SETTINGS: dict[str, Any] = {"opportunity_external_id_field": "Our key", "max_retry_seconds": 2}
STAGES = ("Open", "Packed", "Sent")
LEFT = "left@shop.example"  # a contact who unsubscribed and must not be subscribed again


def account(clock: ManualClock, **switches: Any) -> World:
    """Return an account with a pipeline, a list, fields, and a contact who unsubscribed."""
    world = world_of(clock, is_empty=True, **switches)
    pipeline = world.add_pipeline("Orders", autoassign=1)
    for name in STAGES:
        world.add_stage(name, pipeline.id)
    readers = world.add_list("Readers")
    world.add_list("Guests")
    world.add_custom_field("deal", "Our key", "text")
    world.add_field("Plan")
    person = world.add_contact(LEFT, firstName="Lea")
    world.subscribe(person.id, readers.id, 2, by_self=True)
    stranger = world.add_contact("stranger@shop.example", firstName="Never", lastName="Named")
    world.add_deal("Of a stranger", value=77, contact=stranger.id)
    world.add_account("Of a stranger", accountUrl="https://stranger.example")
    world.add_note("Subscriber", stranger.id, "Of a stranger")
    return world


def email(n: int) -> str:
    """Return the address of a person."""
    return f"f{n}@shop.example"


def lines(count: int) -> list[dict[str, Any]]:
    """Return messages with ``count`` rows of most streams, and a state after each stream."""
    found: list[dict[str, Any]] = []

    def add(stream: str, *records: dict[str, Any], keys: list[str] | None = None) -> None:
        rows = sum(line["type"] == "RECORD" for line in found) + len(records)
        found.extend([*stream_of(stream, *records, keys=keys), state_of(rows)])

    people = range(count)
    add("marketing_tags", {"name": "alone", "description": "on nobody"}, keys=["name"])
    add(
        "crm_accounts",
        *[{"name": f"Firm {n}", "website": f"https://firm{n}.example"} for n in range(2)],
        keys=["name"],
    )
    add("crm_stages", {"name": "Archived", "pipeline": {"name": "Orders"}}, keys=["name"])
    add(
        "crm_contacts",
        *[
            {
                "email": email(n),
                "first_name": f"F{n}",
                "custom_fields": {"plan": f"P{n}"},
                "tags": ["t1", f"t{n % 3}"],
                "segments": ["Readers"],
                "account__name": f"Firm {n % 2}",
            }
            for n in people
        ],
        {"email": LEFT, "last_name": "Left", "segments": ["Readers"]},
        keys=["email"],
    )
    add(
        "marketing_contact_tags",
        *[{"email": email(n), "tag_name": "pair"} for n in people],
    )
    add(
        "marketing_segment_memberships",
        *[{"email": email(n), "segment_name": "Guests", "status": "active"} for n in people],
    )
    add(
        "crm_opportunities",
        *[
            {
                "external_id": f"K{n}",
                "name": f"Order {n}",
                "amount": n + 0.5,
                "currency": "EUR",
                "contact__email": email(n),
                "pipeline__name": "Orders",
                "stage__name": STAGES[n % 3],
                "status": ("open", "won", "lost")[n % 3],
            }
            for n in people
        ],
        keys=["external_id"],
    )
    add(
        "crm_notes",
        *[{"content": f"Note {n}", "contact__email": email(n)} for n in people],
    )
    return found


def picture(world: World) -> dict[str, Any]:
    """Describe the content of an account by names, without ids and times."""
    t = world.tables
    emails = {c.id: c.email for c in t["contacts"]}
    key = next(f.id for f in t["dealCustomFieldMeta"] if f.fieldLabel == "Our key")
    keys = {d.owner: d.fieldValue for d in t["dealCustomFieldData"] if d.customFieldId == key}
    lists = {row.id: row.name for row in t["lists"]}
    return {
        "tags": sorted((row.tag, row.description or "") for row in t["tags"]),
        "accounts": sorted((row.name, row.accountUrl or "") for row in t["accounts"]),
        "stages": sorted(row.title for row in t["dealStages"]),
        "people": sorted((c.email, c.firstName, c.lastName) for c in t["contacts"]),
        "values": sorted((emails[v.contact], v.value) for v in t["fieldValues"]),
        "applied": sorted((emails[r.contact], t["tags"][r.tag].tag) for r in t["contactTags"]),
        "members": sorted((emails[m.contact], lists[m.list], m.status) for m in t["contactLists"]),
        "links": sorted(
            (emails[r.contact], t["accounts"][r.account].name) for r in t["accountContacts"]
        ),
        "deals": sorted(
            (
                d.title,
                d.value,
                d.currency,
                d.status,
                t["dealStages"][d.stage].title,
                emails.get(d.contact),
                keys.get(d.id),
            )
            for d in t["deals"]
        ),
        "notes": sorted((n.note, n.reltype, emails.get(n.relid)) for n in t["notes"]),
    }


def wanted(count: int, before: dict[str, Any]) -> dict[str, Any]:
    """Return the account that the rows must give, from the account before."""
    people = range(count)
    tags = {"t1"} | {f"t{n % 3}" for n in people} | {"pair"}
    found = {
        "tags": [*[(tag, "") for tag in tags], ("alone", "on nobody")],
        "accounts": [(f"Firm {n}", f"https://firm{n}.example") for n in range(2)],
        "stages": ["Archived"],
        "people": [(email(n), f"F{n}", "") for n in people],
        "values": [(email(n), f"P{n}") for n in people],
        "applied": [(email(n), tag) for n in people for tag in sorted({"t1", f"t{n % 3}", "pair"})],
        "members": [(email(n), name, 1) for n in people for name in ("Readers", "Guests")],
        "links": [(email(n), f"Firm {n % 2}") for n in people],
        "deals": [
            (f"Order {n}", n * 100 + 50, "eur", n % 3, STAGES[n % 3], email(n), f"K{n}")
            for n in people
        ],
        "notes": [(f"Note {n}", "Subscriber", email(n)) for n in people],
    }
    whole = {name: [*before[name], *rows] for name, rows in found.items()}
    whole["people"] = [
        (email, first, "Left" if email == LEFT else last) for email, first, last in whole["people"]
    ]
    return {name: sorted(rows, key=repr) for name, rows in whole.items()}

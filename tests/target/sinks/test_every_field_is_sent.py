"""Law: every writable field of every resource reaches a request body, in every sink."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.sinks import registry
from tests.sandbox.tasks.planting import define_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target.runner import Run, TargetRunner

WHO, TAG, LIST, COMPANY = "law@shop.example", "Law tag", "Law list", "Law Co"

#: A row of each stream with only the columns that identify it.
ROWS: dict[str, dict[str, Any]] = {
    "directory_groups": {"name": "Law group"},
    "directory_users": {
        "username": "lawuser",
        "first_name": "Law",
        "last_name": "User",
        "email": "user@shop.example",
        "group": 1,
        "password": "s3cret-pass",
    },
    "crm_fields": {"entity": "contact", "name": "Law field"},
    "marketing_tags": {"name": "Fresh law tag"},
    "marketing_segments": {"name": "Fresh law list"},
    "crm_pipelines": {"name": "Law pipeline"},
    "crm_stages": {"name": "Law stage", "pipeline": {"id": "1"}},
    "crm_accounts": {"name": "Fresh law co"},
    "marketing_contacts": {"email": "fresh@shop.example"},
    "crm_contacts": {"email": "fresh@shop.example"},
    "marketing_contact_tags": {"email": WHO, "tag_name": TAG},
    "marketing_segment_memberships": {"email": WHO, "segment_name": LIST},
    "crm_opportunities": {"name": "Law deal", "contact": [{"email": WHO}], "stage": {"id": "1"}},
    "crm_notes": {"content": "Law note", "contact": [{"email": WHO}]},
    "crm_tasks": {
        "subject": "Law task",
        "contact": [{"email": WHO}],
        "type": "Call",
        "due_at": "2031-02-03T04:05:06Z",
    },
    "raw_requests": {"method": "POST", "path": "tags", "body": {"tag": {"tag": "raw law"}}},
}
#: Values of columns whose type alone does not give a value, and the part that reaches a body.
VALUES: dict[str, tuple[Any, str]] = {
    "account": ({"name": COMPANY}, '"account": '),
    "addresses": ([{"city": "Lawtown"}], "Lawtown"),
    "amount": (12.5, "1250"),
    "annual_revenue": (12.5, "1250"),
    "automations": ([{"name": "Law automation"}], "contactAutomation"),
    "body": ({"tag": {"tag": "law body"}}, "law body"),
    "card_config": ({"card_region_1": "law region"}, "law region"),
    "channel": ("sms", '"channel": "sms"'),
    "close_date": ("2031-02-03", "2031-02-03"),
    "color": ("abcdef", "abcdef"),
    "contact": ([{"email": WHO}], "{person}"),
    "contact_email": (WHO, "{person}"),
    "contact_id": ("{person}", "{person}"),
    "currency": ("CHF", "chf"),
    "custom_fields": ({"law_value": "lawful"}, "lawful"),
    "due_at": ("2031-03-04T05:06:07Z", "2031-03-04T05:06:07"),
    "ends_at": ("2031-03-05T05:06:07Z", "2031-03-05T05:06:07"),
    "email": ("other@shop.example", "other@shop.example"),
    "email_addresses": ([{"email": "other@shop.example"}], "other@shop.example"),
    "emails": ([{"email": "other@shop.example"}], "other@shop.example"),
    "entity": ("account", "accountCustomFieldMetum"),
    "external_id": ("law-key", "law-key"),
    "group": ({"id": "2"}, '"group": "2"'),
    "groups": ([{"id": "2"}], '"group": "2"'),
    "key": ("law_key", "LAW_KEY"),
    "leave_automations": (["Law automation"], ""),
    "method": ("POST", "raw law"),
    "name": ("Lawrence Lawful", "Law"),
    "number_of_employees": (77, "77"),
    "opportunity": ([{"id": "1"}], '"reltype": "Deal"'),
    "options": ([{"value": "law option", "label": "law option"}], "law option"),
    "owner": ({"id": "2"}, '"owner": "2"'),
    "password": ("0ther-pass", "0ther-pass"),
    "path": ("tags", "raw law"),
    "permissions": ({"pgContactAdd": True}, "pgContactAdd"),
    "phone_numbers": ([{"number": "+1 555 77"}], "+1 555 77"),
    "phones": ([{"number": "+1 555 77", "phone": "+1 555 77"}], "+1 555 77"),
    "pipeline": ({"id": "2"}, '"group": "2"'),
    "position": (7, '"order": 7'),
    "remove_tags": ([TAG], ""),
    "segment": ({"name": LIST}, '"contactList"'),
    "segment_id": ("{list}", '"list": "{list}"'),
    "segments": ([LIST], "{list}"),
    "stage": ({"id": "2"}, '"stage": "2"'),
    "status": ("won", "1"),
    "subscribed_at": (None, ""),
    "tag": ({"name": TAG}, '"contactTag"'),
    "tag_id": ("{tag}", '"tag": "{tag}"'),
    "tags": ([TAG], "Tag"),
    "title": ("Lawyer", "Lawyer"),
    "type": ("textarea", "textarea"),
    "username": ("otheruser", "otheruser"),
    "website": ("https://law.example", "https://law.example"),
}
#: Columns that identify a record: they choose the path and are in no body.
CHOOSE_ALONE = {
    ("crm_contacts", "remove_tags"),
    ("marketing_contacts", "remove_tags"),
    ("crm_contacts", "leave_automations"),
    ("marketing_contacts", "leave_automations"),
    ("marketing_segment_memberships", "subscribed_at"),
    # The key of a task in the ledger: ActiveCampaign has no field for it.
    ("crm_tasks", "external_id"),
}
SETTINGS: dict[str, Any] = {
    "allow_automations": True,
    "allow_raw_requests": True,
    "create_missing_fields": True,
    "opportunity_external_id_field": "Law key",
}


#: Values, the text to find, and other changes of the row, where a column alone is not enough.
SPECIAL: dict[tuple[str, str], tuple[Any, str, dict[str, Any]]] = {
    ("crm_contacts", "title"): ("Lawyer", "Lawyer", {"account": COMPANY}),
    ("marketing_contacts", "title"): ("Lawyer", "Lawyer", {"account": COMPANY}),
    ("crm_fields", "options"): (
        [{"value": "law option", "label": "law option"}],
        "law option",
        {"type": "dropdown"},
    ),
    ("crm_fields", "tag"): ("law_tag", "LAW_TAG", {}),
    ("crm_notes", "account"): (
        {"name": COMPANY},
        '"reltype": "CustomerAccount"',
        {"contact": None},
    ),
    ("crm_opportunities", "pipeline"): ({"id": "2"}, '"group": "2"', {"stage": None}),
    ("crm_tasks", "opportunity"): ([{"id": "1"}], '"ownerType": "deal"', {"contact": None}),
    ("crm_tasks", "owner"): ({"id": "2"}, '"assignee": "2"', {}),
    ("crm_tasks", "status"): ("completed", '"status": 1', {}),
    ("crm_tasks", "type"): ({"name": "Demo"}, '"dealTasktype": ', {}),
    ("crm_tasks", "outcome_note"): ("law note", "law note", {"status": "completed"}),
    ("crm_tasks", "outcome"): ("Reached", '"outcomeId": ', {"type": "Demo", "status": "completed"}),
    ("marketing_contact_tags", "contact"): ({"email": WHO}, "{person}", {}),
    ("marketing_contact_tags", "email"): (WHO, "{person}", {}),
    ("marketing_contact_tags", "status"): ("removed", "", {}),
    ("marketing_contact_tags", "tag_name"): (TAG, "{tag}", {}),
    ("marketing_segment_memberships", "contact"): ({"email": WHO}, "{person}", {}),
    ("marketing_segment_memberships", "email"): (WHO, "{person}", {}),
    ("marketing_segment_memberships", "segment_name"): (LIST, '"list": "{list}"', {}),
    ("marketing_segment_memberships", "status"): ("unsubscribed", '"status": 2', {}),
}
#: The columns of a row that another column replaces.
INSTEAD_OF: dict[str, tuple[str, ...]] = {
    "contact": ("email",),
    "contact_email": ("email",),
    "contact_id": ("email",),
    "email_addresses": ("email",),
    "emails": ("email",),
    "groups": ("group",),
    "opportunity": ("contact",),
    "segment": ("segment_name",),
    "segment_id": ("segment_name",),
    "tag": ("tag_name",),
    "tag_id": ("tag_name",),
}


def of_column(column: str) -> tuple[Any, str]:
    """Return a value of a column and the text to find; text is sent as it is."""
    return VALUES.get(column, (f"law {column}", f"law {column}"))


def columns() -> Iterator[tuple[str, str]]:
    """Return every writable column of every stream."""
    for stream, sink in registry.SINKS.items():
        if stream in ROWS:
            for column in sorted(sink.writable | (sink.also & {"password"})):
                yield stream, column


def prepared(runner: TargetRunner) -> dict[str, str]:
    """Create the records that rows refer to; return their ids by placeholder."""
    world = runner.world
    world.switches.tasks = "served"
    define_types(world)
    person = world.add_contact(WHO)
    world.add_account(COMPANY)
    world.add_automation("Law automation")
    world.add_pipeline("Second law pipeline")
    world.add_custom_field("deal", "Law key", "text")
    for kind in ("account", "deal"):
        world.add_custom_field(kind, "Law value", "text")
    world.add_field("Law value", "text", "LAW_VALUE")
    tag, segment = world.add_tag(TAG), world.add_list(LIST)
    return {"person": str(person.id), "tag": str(tag.id), "list": str(segment.id)}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Return a value with ids in place of placeholders."""
    text = json.dumps(value)
    for word, row_id in ids.items():
        text = text.replace(f"{{{word}}}", row_id)
    return json.loads(text)


def sent(runner: TargetRunner, stream: str, column: str, **settings: Any) -> tuple[Run, str, str]:
    """Send a row with one column more; return the run, its request bodies, and the text to find."""
    ids = prepared(runner)
    value, marker, change = SPECIAL.get((stream, column), (*of_column(column), {}))
    instead = dict.fromkeys(INSTEAD_OF.get(column, ()))
    row = {k: v for k, v in {**ROWS[stream], **instead, **change}.items() if v is not None}
    before = len(runner.world.log)
    run = runner.send(stream, row | {column: filled(value, ids)}, **SETTINGS | settings)
    bodies = [
        request.body.decode() for request in runner.world.log[before:] if request.method != "GET"
    ]
    return run, "\n".join(bodies), filled(marker, ids)


@pytest.mark.parametrize(("stream", "column"), list(columns()))
def test_every_writable_field_reaches_a_request_body(
    runner: TargetRunner, stream: str, column: str
) -> None:
    """Every field that is declared writable is in a request body."""
    run, bodies, marker = sent(runner, stream, column)
    assert run.actions[0] in {"created", "updated", "unchanged", "skipped"}, run.results
    if (stream, column) in CHOOSE_ALONE or not marker:
        return
    assert marker in bodies, (run.results, bodies)


def test_every_stream_that_is_written_is_in_this_law() -> None:
    """Every stream that is written has a row in this law.

    Users are written as directory_users. E-commerce and events have their own tests of what is
    sent.
    """
    missing = {name for name in registry.SINKS if not name.startswith("commerce_")} - set(ROWS)
    assert missing == {"crm_users", "marketing_events"}


def imported() -> Iterator[tuple[str, str, str]]:
    """Return every field of a contact that the importer takes, with the importer's name."""
    for stream in ("crm_contacts", "marketing_contacts"):
        for entry in registry.SINKS[stream].resource.entries:
            if isinstance(entry, Field) and entry.imported_as:
                yield stream, entry.unified, entry.imported_as


@pytest.mark.parametrize(("stream", "column", "name"), list(imported()))
def test_every_field_with_an_importer_name_reaches_the_importer(
    runner: TargetRunner, stream: str, column: str, name: str
) -> None:
    """The resource table names what the importer takes; the body has the importer's names."""
    prepared(runner)
    value, marker = of_column(column)
    before = len(runner.world.log)
    runner.send(stream, {"email": "fresh@shop.example", column: value}, bulk_import="always")
    bodies = [
        request.body.decode()
        for request in runner.world.log[before:]
        if "bulk_import" in request.path
    ]
    assert f'"{name}": "{marker}"' in "".join(bodies)


@pytest.mark.parametrize("stream", ["crm_contacts", "marketing_contacts"])
@pytest.mark.parametrize(
    ("column", "value", "marker"),
    [
        ("phone", "+1 555 77", '"phone": "+1 555 77"'),
        ("name", "Lawrence Lawful", '"last_name": "Lawful"'),
        ("custom_fields", {"law_value": "lawful"}, "lawful"),
        ("tags", [TAG], f'"tags": ["{TAG}"]'),
        ("segments", [LIST], "subscribe"),
        ("account", COMPANY, "customer_acct_name"),
    ],
)
def test_other_columns_of_the_importer_reach_it(
    runner: TargetRunner, stream: str, column: str, value: Any, marker: str
) -> None:
    """Columns that are not a field of the table reach the importer in its own names."""
    prepared(runner)
    before = len(runner.world.log)
    runner.send(stream, {"email": "fresh@shop.example", column: value}, bulk_import="always")
    bodies = [
        request.body.decode()
        for request in runner.world.log[before:]
        if "bulk_import" in request.path
    ]
    assert marker in "".join(bodies)


@pytest.mark.parametrize("count", [1, 12])
def test_a_contact_column_that_becomes_writable_is_sent(
    runner: TargetRunner, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """A contact column that the resource table declares writable is sent, without another list.

    A column that the importer does not accept is sent by the contact's own request.
    """
    sink = registry.SINKS["marketing_contacts"]
    entries = tuple(
        replace(entry, read_only=False)
        if isinstance(entry, Field) and entry.unified == "sms_consent"
        else entry
        for entry in sink.resource.entries
    )
    changed = replace(sink, resource=replace(sink.resource, entries=entries))
    monkeypatch.setitem(registry.SINKS, "marketing_contacts", changed)
    assert "sms_consent" not in changed.resource.imported_columns()
    before = len(runner.world.log)
    rows = [{"email": f"s{n}@shop.example", "sms_consent": f"yes {n}"} for n in range(count)]
    run = runner.send("marketing_contacts", *rows)
    assert set(run.actions) == {"created"}
    bodies = "".join(request.body.decode() for request in runner.world.log[before:])
    assert all(f'"sms_consent": "yes {n}"' in bodies for n in range(count))
    refused = runner.send("marketing_contacts", *rows, run_automations=False, force=True)
    assert set(refused.actions) == {"skipped"}

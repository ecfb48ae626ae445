"""All requests of tap and target, and the answers of the sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.sandbox import World
from tests.tap.client.clients import ManualClock
from tests.tap.running import Account
from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from pathlib import Path


class Exchange:
    """All requests of some runs and their answers, as the account sees them."""

    def __init__(self) -> None:
        """No requests yet."""
        self.calls: list[tuple[str, str, list[str], Any, int, Any]] = []

    def listen(self, world: World) -> World:
        """Record the requests that this account gets from now on."""
        answer = world.answer

        def received(
            method: str, path: str, query: Any, headers: Any, body: bytes = b"", *more: Any
        ):
            status, answered, content = answer(method, path, query, headers, body, *more)
            sent = json.loads(body) if body else None
            names = [name for name, _ in query]
            document = json.loads(content) if content[:1] in (b"{", b"[") else None
            self.calls.append((method, path.removeprefix("/api/3"), names, sent, status, document))
            return status, answered, content

        world.answer = received  # type: ignore[method-assign]
        return world


READS: dict[str, dict[str, Any]] = {
    "sideloads": {},
    "collections": {"sideload": "never"},
    "raw rows": {"include_remote_data": True},
    "deletes": {"detect_deletes": True},
}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no sideloads": {"include": "none"},
    "no keyset": {"id_greater": False},
    "groups listed": {"user_groups_collection": True},
    "groups not listed": {"group_user_groups": False},
}


def read(exchange: Exchange, settings: dict[str, Any], switches: dict[str, Any], **more: Any):
    """Run the tap twice over an account that changes between the runs."""
    account = Account(contacts=230, deals=30, accounts=25, **switches)
    exchange.listen(account.world)
    ran = account.run(**settings, **more)
    assert ran.code == 0
    account.wait(hours=30)
    account.world.edit_contact(3, firstName="Else")
    assert account.run(ran.state, **settings, **more).code == 0


ROWS: dict[str, list[dict[str, Any]]] = {
    "marketing_tags": [{"name": "spring", "description": "d"}, {"id": "1", "description": "e"}],
    "marketing_segments": [{"name": "Fjord", "string_id": "fjord"}, {"id": "1", "name": "Lake"}],
    "crm_pipelines": [{"name": "Exports", "currency": "usd"}, {"id": "1", "name": "Sales two"}],
    "crm_stages": [
        {"name": "Offer sent", "pipeline": {"id": "1"}, "order": 5},
        {"id": "1", "name": "Called"},
    ],
    "crm_accounts": [
        {"name": "Nordhavn", "website": "https://nordhavn.example", "description": "Ships"},
        {"id": "1", "name": "Sydhavn", "annual_revenue": 5, "custom_fields": {"field_12": "x"}},
    ],
    "crm_contacts": [
        {
            "email": "mila@fjord.example",
            "first_name": "Mila",
            "tags": ["vip"],
            "account": {"name": "Nordhavn"},
        },
        {"id": "2", "last_name": "Vang", "segments": ["Fjord"], "account": {"name": "Nordhavn"}},
        {"id": "3", "custom_fields": {"field_1": "blue"}, "remove_tags": ["vip"], "title": "Boss"},
    ],
    "marketing_contacts": [
        {"email": "otto@fjord.example", "first_name": "Otto", "custom_fields": {"field_3": "7"}},
        {"email": "ulla@fjord.example", "custom_fields__fresh": "new"},
    ],
    "crm_opportunities": [
        {
            "name": "Pallets",
            "amount": 12.5,
            "currency": "usd",
            "contact": {"id": "1"},
            "pipeline": {"id": "1"},
            "custom_fields": {"field_2": "x", "field_10": 7.5},
        },
        {"id": "1", "name": "Crates", "status": "won", "custom_fields": {"field_3": "x"}},
        {"id": "2", "stage": {"id": "2"}, "owner": {"email": "admin@acme.example"}},
    ],
    "crm_notes": [
        {"content": "Called", "contact": {"id": "1"}},
        {"content": "Wrote", "opportunity": {"id": "1"}},
        {"content": "Met", "account": {"id": "1"}},
        {"id": "1", "content": "Said"},
    ],
    "marketing_contact_tags": [
        {"contact_id": "4", "tag_id": "1"},
        {"contact_id": "1", "tag_id": "1", "status": "removed"},
    ],
    "marketing_segment_memberships": [
        {"contact_id": "4", "segment_id": "1", "status": "active"},
        {"contact_id": "1", "segment_id": "1", "status": "unsubscribed"},
    ],
    "directory_groups": [{"name": "Crew"}, {"id": "2", "name": "Crew two"}],
    "directory_users": [
        {
            "email": "ida@x.example",
            "first_name": "Ida",
            "last_name": "Holm",
            "username": "ida",
            "password": "secret-enough",
            "groups": [{"id": "2"}],
        },
        {"id": "2", "first_name": "Ib"},
    ],
    "crm_users": [{"id": "2", "last_name": "Berg"}],
    "crm_fields": [{"entity": "contact", "name": "Berth", "type": "text"}],
    "raw_requests": [
        {"method": "POST", "path": "tags", "body": {"tag": {"tag": "r", "tagType": "contact"}}},
        {"method": "PUT", "path": "contacts/5", "body": {"contact": {"firstName": "Raw"}}},
        {"method": "DELETE", "path": "tags/2"},
    ],
}
DELETES: dict[str, list[dict[str, Any]]] = {
    name: [{"id": "6", "_sdc_deleted_at": "2031-01-01T00:00:00Z"}]
    for name in ("crm_contacts", "crm_accounts", "crm_opportunities", "crm_notes")
}
SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "one by one": {"bulk_import": "never"},
    "imports": {"bulk_import": "always"},
    "no automations": {"run_automations": False},
    "clearing": {"null_policy": "clear"},
    "mirrored tags": {"tags_mode": "mirror", "tag_namespace": "vip"},
    "new fields": {"create_missing_fields": True},
    "foreign ids": {"source_ids": "foreign"},
}


def write(exchange: Exchange, folder: Path, rows: dict[str, Any], **settings: Any) -> None:
    """Run the target over rows of all streams."""
    clock = ManualClock()
    world = World(clock=clock.moments, requests_per_second=0, contacts=30, deals=10, accounts=8)
    exchange.listen(world)
    runner = TargetRunner(world, clock, folder)
    messages = [message for name, records in rows.items() for message in stream_of(name, *records)]
    run = runner.run(*messages, allow_raw_requests=True, max_deletes=20, **settings)
    assert len(run.results) == sum(map(len, rows.values()))
    assert "failed" not in run.actions
    assert run.requests


def many_people(count: int) -> list[dict[str, Any]]:
    """Return enough rows for an import, with every column of an import."""
    return [
        {
            "email": f"p{n}@shop.example",
            "first_name": "P",
            "phone": "1",
            "tags": ["vip"],
            "segments": [{"id": "1"}],
            "custom_fields": {"field_1": "x"},
        }
        for n in range(count)
    ]

"""The SDK's flattening and stream maps work on the tap's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .program import Workspace


def test_flattening_makes_columns(workspace: Workspace) -> None:
    """With flattening_enabled objects are columns in schema and rows."""
    ended = workspace.run(flattening_enabled=True, flattening_max_depth=1)
    assert ended.code == 0, ended.err
    schemas = {
        message["stream"]: message["schema"]["properties"]
        for message in ended.messages
        if message["type"] == "SCHEMA"
    }
    deals = schemas["crm_opportunities"]
    assert {"stage__id", "stage__name", "pipeline__name"} <= deals.keys()
    assert "stage" not in deals
    assert "number" in schemas["crm_contacts"]["custom_fields__lead_score"]["type"]
    for stream in ("crm_opportunities", "crm_contacts"):
        for record in ended.records(stream):
            assert record.keys() <= schemas[stream].keys()
    assert any(record.get("stage__name") for record in ended.records("crm_opportunities"))
    assert any(record.get("custom_fields__lead_score") for record in ended.records("crm_contacts"))


def test_stream_maps_change_streams(workspace: Workspace) -> None:
    """Stream maps rename a stream, remove rows and columns, and hash an address."""
    ended = workspace.run(
        stream_maps={
            "marketing_contacts": {
                "__alias__": "people",
                "__filter__": "int(id) <= 10",
                "email": "md5(email)",
                "phones": None,
            },
            "crm_notes": "__NULL__",
        }
    )
    assert ended.code == 0, ended.err
    people = ended.records("people")
    assert [int(record["id"]) for record in people] == list(range(1, 11))
    assert all(len(record["email"]) == 32 and "phones" not in record for record in people)
    assert not ended.records("marketing_contacts")
    assert not ended.records("crm_notes")
    assert len(ended.records("crm_contacts")) == 60
    assert set(ended.states[-1]["bookmarks"]) >= {"marketing_contacts", "crm_contacts"}

"""Every trap, defect and fault of the references has a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .reading_cases import PASSING

ROOT = Path(__file__).resolve().parents[2]
TRAPS = [f"§10.{n}" for n in range(1, 29)]
DEFECTS = [f"D{n}" for n in range(1, 15)]
FAULTS = ["§4", "§5.1", "§5.2", "§5.3", "§5.6", "§6", "§6.1", "§11.13", "§11.14", "§11.15"]
#: Items with a test of their own, beside or instead of a case.
PROVEN = {
    "D2": "tests/tap/sync/test_changes_during_sync.py::"
    "test_lasting_rows_are_never_missing_and_changes_are_emitted",
    "D5": "tests/tap/sync/test_incremental.py::test_an_unchanged_account_emits_no_row_again",
    "D8": "tests/faults/test_reading.py::test_an_endpoint_closed_for_good_costs_its_streams_alone",
    "§5.2": "tests/faults/test_writing.py::test_a_refusal_costs_the_row_it_was_for_alone",
    "§5.3": "tests/faults/test_reading.py::"
    "test_an_endpoint_closed_for_good_costs_its_streams_alone",
    "§10.10": "tests/faults/test_writing.py::test_a_fault_costs_no_row_and_doubles_none",
    "§10.11": "tests/faults/test_writing.py::test_every_kind_of_write_is_among_them",
    "§10.13": "tests/target/sinks/test_change_limits.py::"
    "test_deletes_of_stages_and_tags_are_refused",
    "§10.14": "tests/target/sinks/contacts/bulk_import/test_importer.py::"
    "test_one_bad_row_rejects_only_itself",
    "§10.15": "tests/target/sinks/contacts/test_consent.py::test_an_opt_out_is_never_overridden",
    "§10.19": "tests/tap/client/test_transport.py::"
    "test_parameters_are_encoded_as_activecampaign_reads_them",
    "§10.20": "tests/tap/raw/test_schema_inference.py::"
    "test_every_record_is_valid_under_the_schema_before_it",
    "§10.21": "tests/tap/raw/test_schema_inference.py::test_several_scalar_types_may_be_text_too",
    "§10.24": "tests/target/processing/test_background_batches.py::"
    "test_a_person_of_a_batch_under_way_is_waited_for",
    "§10.26": "tests/target/sinks/named_records/test_named_resource.py::"
    "test_custom_fields_are_found_typed_and_made_only_if_asked",
    "§10.28": "tests/target/sinks/test_change_limits.py::"
    "test_deletes_of_stages_and_tags_are_refused",
    "§11.13": "tests/target/sinks/contacts/bulk_import/test_importer.py::"
    "test_the_importers_own_limits_are_kept",
    "§11.15": "tests/tap/test_stops.py::test_a_stream_the_plan_forbids_is_skipped",
}
#: Items that cannot occur, with the reason.
NOT_OURS = {
    "§10.23": "webhooks are not used: what changed is asked for",
    "§10.25": "segment filters are not used: segments are lists here",
    "§10.27": "opens are carried as ActiveCampaign counts them, and decide nothing",
}


@pytest.mark.parametrize("item", [*FAULTS, *TRAPS, *DEFECTS])
def test_no_item_is_without_a_proof(item: str) -> None:
    """Each item has a case, an existing test, or a reason why it cannot occur."""
    named = [name for name, case in PASSING.items() if item in case.item.split()]
    assert named or item in PROVEN or item in NOT_OURS


@pytest.mark.parametrize("place", sorted(set(PROVEN.values())))
def test_the_tests_that_are_named_exist(place: str) -> None:
    """Each test that is named for an item exists."""
    path, _, name = place.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

"""Reasons of rows with several tags, lists or options: which item, and how to split text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.outcome import position

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

EMAIL = {"email": "ada@shop.example"}
SPLIT = "if the text holds several, set list_delimiter"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st")],
)
def test_a_position_is_an_ordinal(number: int, text: str) -> None:
    """A position has the ending of its number."""
    assert position(number) == f"the {text}"


def test_plain_text_of_tags_names_the_setting(runner: TargetRunner) -> None:
    """The reason of plain text in `tags` names `list_delimiter`."""
    run = runner.send("crm_contacts", EMAIL | {"tags": "vip, trial"})
    assert run.actions == ["rejected"]
    assert run.reason().endswith("for plain text, set list_delimiter")


@pytest.mark.parametrize(
    ("lists", "start", "has_hint"),
    [
        ({"list": "News,Nowhere"}, "list: the account has none", True),
        ({"list": "Nowhere"}, "list: the account has none", False),
        ({"lists": ["News", "Nowhere"]}, "list (the 2nd): the account has none", False),
        (
            {"segments": [{"name": "News", "status": 1}, {"name": "News", "status": "no"}]},
            "segments[].status (the 2nd): unknown status",
            False,
        ),
    ],
)
def test_the_reason_of_a_list_has_its_position(
    runner: TargetRunner, lists: dict[str, Any], start: str, has_hint: bool
) -> None:
    """The reason says which of several lists is wrong, or how to split plain text."""
    runner.world.add_list("News")
    run = runner.send("crm_contacts", EMAIL | lists)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(start)
    assert (SPLIT in run.reason()) == has_hint
    assert "Nowhere" not in run.reason()


def test_a_set_delimiter_is_not_named(runner: TargetRunner) -> None:
    """With `list_delimiter`, a list that is not found has no hint at it."""
    row = EMAIL | {"list": "News,Nowhere"}
    run = runner.send("crm_contacts", row, list_delimiter=";")
    assert run.actions == ["rejected"]
    assert SPLIT not in run.reason()


def test_the_reason_of_a_tag_has_its_position(runner: TargetRunner) -> None:
    """The reason says which of several tags is too long."""
    run = runner.send("crm_contacts", EMAIL | {"tags": ["vip", "x" * 1000]})
    assert run.actions == ["rejected"]
    assert run.reason().startswith("tags (the 2nd): a name is longer")


@pytest.mark.parametrize(
    ("value", "which", "has_hint"),
    [
        (["Tea", "Wine", "Milk", "Gin"], " (the 2nd, the 4th);", False),
        (["Wine"], ";", False),
        ("Tea, Milk", ";", True),
    ],
)
def test_the_reason_of_an_option_has_its_position(
    runner: TargetRunner, value: Any, which: str, has_hint: bool
) -> None:
    """The reason says which of several options the field does not have."""
    drinks = runner.world.add_field("Drinks", "checkbox", "DRINKS")
    runner.world.add_options(drinks.id, "Tea", "Milk")
    row = EMAIL | {"first_name": "Ada", "custom_fields": {"drinks": value}}
    run = runner.send("crm_contacts", row)
    assert run.actions == ["created"]
    assert f"custom_fields.drinks: the field has no such option{which}" in run.reason()
    assert (SPLIT in run.reason()) == has_hint

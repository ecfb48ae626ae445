"""Skips abandoned carts and their lines: ActiveCampaign accepts only orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import RowSkipped
from target_activecampaign.records.clean_values import is_nothing

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

CART = "cart_id: abandoned carts cannot be written"


def skip_cart(row: InputRow, own_id: object) -> None:
    """Raise `RowSkipped` for an abandoned cart or its line: the row has no id of an order."""
    if is_nothing(own_id) and not is_nothing(row.record.get("cart_id")):
        raise RowSkipped(CART)

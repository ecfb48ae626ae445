"""Removes the consent of orders that would subscribe a person who opted out.

An order that accepts marketing subscribes its contact to the store's list. It does not subscribe a
person again who left that list, unless `resubscribe` is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_parts import has_part
from target_activecampaign.sinks.run_automations import MAY_START_AUTOMATION

from .store_lookup import list_of_store

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .upserts import Upsert

CONSENT_FIELD, CONSENT_COLUMN = "acceptsMarketing", "accepts_marketing"


def check_consent(context: WriteContext, upserts: list[Upsert]) -> None:
    """Remove `accepts_marketing` from the orders that would subscribe a person who opted out.

    With `run_automations: false` no order subscribes a person. Raises `RequestError`.
    """
    by_list: dict[str | None, list[Upsert]] = {}
    for upsert in upserts:
        if upsert.document.get(CONSENT_FIELD) is True and not is_nothing(
            upsert.document.get("email")
        ):
            list_id = list_of_store(context, upsert.key[0])
            if list_id != "":
                by_list.setdefault(list_id, []).append(upsert)
    for list_id, orders in by_list.items():
        if not context.policy.run_automations:
            for upsert in orders:
                _remove_consent(upsert)
                upsert.denied.add(MAY_START_AUTOMATION)
            continue
        if context.policy.resubscribe:
            continue
        emails = {fold(upsert.document["email"]) for upsert in orders}
        opt_outs = context.opt_outs.find(list_id, emails)
        for upsert in orders:
            opt_out = opt_outs.get(fold(upsert.document["email"]))
            if opt_out is not None:
                _withhold(upsert, opt_out)


def _withhold(upsert: Upsert, opt_out: str) -> None:
    """Remove the consent of a person who opted out. It may come from the row or the account."""
    _remove_consent(upsert)
    reason = f"{CONSENT_COLUMN}: left out, the person {opt_out}; sent only with resubscribe"
    if any(has_part(row.record, CONSENT_COLUMN) for row in upsert.rows):
        upsert.left_out[CONSENT_COLUMN] = reason
    else:
        upsert.remarks.append(reason)


def _remove_consent(upsert: Upsert) -> None:
    upsert.document = {
        name: value for name, value in upsert.document.items() if name != CONSENT_FIELD
    }

"""CRM opportunities: ActiveCampaign's deals."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.amount_codecs import cents, currency
from tap_activecampaign_unified.resources.codecs import (
    Codec,
    Zone,
    decode_id,
    encode_text,
    flag,
    identifier,
    integer,
    number,
    ref,
    text,
    verbatim,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import (
    Attribute,
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    STRING,
    array_of,
    object_of,
)
from tap_activecampaign_unified.resources.shared_columns import (
    NAMED_REF,
    TAGS,
    URLS,
    last_changed,
    named_ref_in,
    ref_in,
    word_of_code,
)
from tap_activecampaign_unified.resources.time_codecs import decode_date, encode_date, instant

STATUSES = {"0": "open", "1": "won", "2": "lost"}
CONTACT_DEALS = "contactDeals"


def _decode_status(raw: Any, _: Zone) -> str | None:
    return word_of_code(STATUSES, raw)


def _encode_status(value: Any) -> int:
    word = encode_text(value).strip().lower()
    for number_, name in STATUSES.items():
        if word in {name, number_}:
            return int(number_)
    raise InvalidValue("must be open, won or lost")


def _decode_close_date(value: Any) -> str | None:
    try:
        return decode_date(value) if isinstance(value, str) else None
    except InvalidValue:
        return None


def _contacts(row: Row, row_context: RowContext) -> list[Row]:
    """Return the primary contact first, then the secondary contacts in order of the links."""
    is_primary_by_id: dict[str, bool] = {}
    primary = decode_id(row.get("contact"))
    if primary:
        is_primary_by_id[primary] = True
    for link in row_context.rows(CONTACT_DEALS):
        secondary = decode_id(link.get("contact"))
        if secondary:
            is_primary_by_id.setdefault(secondary, False)
    return [
        {"id": contact, "is_primary": is_primary}
        for contact, is_primary in is_primary_by_id.items()
    ]


status = Codec("deal_status", _decode_status, _encode_status, STRING, ("open", "won", "lost"))

OPPORTUNITIES = Resource(
    name="crm_opportunities",
    title="Opportunities",
    endpoint_name="deals",
    endpoint="deals",
    singular="deal",
    replication=Replication.FILTERED,
    replication_key="updated_at",
    changed=("mdate",),
    stamps=("cdate", "mdate"),
    custom_fields="opportunity",
    entries=(
        Field("id", "id", identifier),
        Field("name", "title", text),
        Field("description", "description", verbatim),
        Field("amount", "value", cents, "In whole currency units"),
        Field("currency", "currency", currency, "ISO 4217, upper case"),
        Field("status", "status", status, "`open`, `won` or `lost`"),
        Linked("stage", "stages", named_ref_in("stages", "stage"), NAMED_REF),
        Linked("pipeline", "stages", named_ref_in("pipelines", "group"), NAMED_REF),
        Field("owner", "owner", ref),
        Linked(
            "account",
            "",
            ref_in("account", "customerAccount", "organization"),
            object_of(id=STRING),
        ),
        Linked(
            "contact",
            CONTACT_DEALS,
            _contacts,
            array_of(object_of(id=STRING, is_primary=BOOLEAN)),
            "The primary contact first; a deal may have only secondary contacts",
        ),
        Derived("tags", empty, TAGS, "Always empty: deals have no tags"),
        Attribute(
            "close_date",
            ("DEAL_FORECASTED_CLOSE_DATE",),
            _decode_close_date,
            lambda value: (encode_date(value),),
            DATE,
            "The forecasted close date",
        ),
        Field(
            "probability",
            "winProbability",
            number,
            "ActiveCampaign's own estimate, percent",
            read_only=True,
        ),
        Field("next_action_at", "nextdate", instant, "When the next task is due", read_only=True),
        Field("activity_count", "activitycount", integer, read_only=True),
        Field(
            "is_disabled",
            "isDisabled",
            flag,
            "True if the user of the key may not see the pipeline: ActiveCampaign then sends only "
            "`id`, `name` and `status`",
            read_only=True,
        ),
        Derived("last_activity_at", nothing, DATE_TIME, "Always null"),
        Derived("urls", empty, URLS, "Always empty"),
        Field("created_at", "cdate", instant, read_only=True),
        Derived(
            "updated_at",
            last_changed,
            DATE_TIME,
            "Null for a hidden deal",
        ),
    ),
)

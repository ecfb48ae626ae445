"""CRM pipelines and their stages."""

from __future__ import annotations

from tap_activecampaign_unified.resources.amount_codecs import currency
from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_integer,
    decode_text,
    identifier,
    number,
    text,
)
from tap_activecampaign_unified.resources.input_values.ids import id_number
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Resource,
    Row,
    RowContext,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import STRING, array_of, object_of
from tap_activecampaign_unified.resources.shared_columns import NAMED_REF, named_ref_in
from tap_activecampaign_unified.resources.time_codecs import instant

CARD_COLUMNS = {
    "card_region_1": "cardRegion1",
    "card_region_2": "cardRegion2",
    "card_region_3": "cardRegion3",
    "card_region_4": "cardRegion4",
    "card_region_5": "cardRegion5",
    "deal_order": "dealOrder",
    "width": "width",
}
DEAL_STAGES = "dealStages"
_UPDATED_AT = Field(
    "updated_at",
    "udate",
    instant,
    "As ActiveCampaign sends it: its clock may be hours ahead here",
    read_only=True,
)


def _card(row: Row, _: RowContext) -> Row:
    return {name: decode_text(row.get(column)) for name, column in CARD_COLUMNS.items()}


def _stages(_: Row, row_context: RowContext) -> list[Row]:
    def position(row: Row) -> tuple[int, int]:
        return decode_integer(row.get("order")) or 0, id_number(row.get("id")) or 0

    return [
        {"id": decode_id(row.get("id")), "name": decode_text(row.get("title"))}
        for row in sorted(row_context.rows(DEAL_STAGES), key=position)
    ]


STAGES = Resource(
    name="crm_stages",
    title="Stages",
    endpoint_name="dealStages",
    endpoint="dealStages",
    singular="dealStage",
    entries=(
        Field("id", "id", identifier),
        Field("name", "title", text),
        Field("position", "order", number),
        Derived("status", nothing, STRING, "Always null"),
        Linked("pipeline", "pipelines", named_ref_in("pipelines", "group"), NAMED_REF),
        Field("color", "color", text, "Six hex digits"),
        Derived(
            "card_config",
            _card,
            object_of(**dict.fromkeys(CARD_COLUMNS, STRING)),
            "How ActiveCampaign shows the stage's deals",
        ),
        Field(
            "created_at",
            "cdate",
            instant,
            "Null for stages that ActiveCampaign created itself",
            read_only=True,
        ),
        _UPDATED_AT,
    ),
)

PIPELINES = Resource(
    name="crm_pipelines",
    title="Pipelines",
    endpoint_name="dealGroups",
    endpoint="dealGroups",
    singular="dealGroup",
    entries=(
        Field("id", "id", identifier),
        Field("name", "title", text),
        Field("currency", "currency", currency, "ISO 4217, upper case"),
        Linked(
            "stages",
            DEAL_STAGES,
            _stages,
            array_of(NAMED_REF),
            "In order of position",
            read_only=True,
        ),
        Field("created_at", "cdate", instant, read_only=True),
        _UPDATED_AT,
    ),
)

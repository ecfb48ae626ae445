"""Maps a row to native columns and custom fields. Contacts have `contacts/parse_contact.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import Attribute, Field
from target_activecampaign.lookups.users import find_user
from target_activecampaign.outcome import Action, Outcome, join_reasons
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.row_parts import value_part
from target_activecampaign.records.row_references import parse_reference

from .encode_custom_fields import EncodedFields

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

NO_OWNER = "owner: the account has no such user; left out"


@dataclass
class NativeFields:
    """A row in native columns, and the reasons for its result.

    ``left_out`` are the parts that are not written, with the reasons. The next run requests these
    parts again.
    """

    columns: dict[str, Any]
    custom: EncodedFields = field(default_factory=EncodedFields)
    left_out: dict[str, str] = field(default_factory=dict)
    denied: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """Return the body of a create or an update."""
        fields = self.custom.for_parent()
        return {**self.columns, "fields": fields} if fields else dict(self.columns)

    def outcome(self, action: Action, native_id: str | None) -> Outcome:
        """Return the outcome of a written row, with its reasons."""
        reasons = [*self.left_out.values(), *self.denied, *self.remarks]
        return Outcome(
            action,
            native_id,
            join_reasons(reasons),
            denied=frozenset(self.denied),
            parts_to_resend=frozenset(self.left_out),
        )


def native_fields_of(
    context: WriteContext,
    sink: Sink,
    row: InputRow,
    *,
    entity: str | None = None,
    owner: bool = False,
) -> NativeFields:
    """Map a row's columns and custom fields; raise `RowRejected` for wrong types.

    With ``owner``, the target looks up the column ``owner`` among the users.
    """
    clears = context.policy.clears
    record = written_values(row.record, clears=clears)
    if owner:
        record.pop("owner", None)
    converted = convert_record(sink.resource, record)
    entries = {entry.unified: entry for entry in sink.resource.entries}
    fields = NativeFields(written_values(converted.native, clears=clears), denied=list(row.denied))
    if clears:
        for name in converted.nulls:
            entry = entries[name]
            if isinstance(entry, Field) and entry.codec.name in {"text", "verbatim"}:
                fields.columns[entry.native] = ""
            elif isinstance(entry, Attribute):
                converted.attributes |= dict.fromkeys(entry.tags, "")
    if entity:
        fields.custom = context.custom_fields.encode(
            entity, converted.custom_fields, converted.attributes
        )
        columns = {
            tag: name
            for name, attribute in entries.items()
            if isinstance(attribute, Attribute)
            for tag in attribute.tags
        }
        for name, reason in fields.custom.left_out:
            fields.left_out[columns.get(name) or value_part(name)] = reason
    if owner and not is_nothing(row.record.get("owner")):
        user = find_user(context.references, parse_reference(row.record["owner"], "owner"))
        if user is None:
            fields.left_out["owner"] = NO_OWNER
        else:
            fields.columns["owner"] = user
    return fields

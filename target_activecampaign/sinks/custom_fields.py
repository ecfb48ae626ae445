"""Custom fields of a row: finds them, encodes their values, checks options, creates fields."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, UnconfirmedWrite
from tap_activecampaign_unified.client.errors import is_duplicate
from tap_activecampaign_unified.resources.custom_fields import (
    FIELD_PATHS,
    STANDARD_LABELS,
    STANDARD_TYPES,
    FieldDefinition,
    encode_value,
    slug,
)
from tap_activecampaign_unified.resources.parsing import InvalidValue
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.create_once import LOOK_AFTER_SECONDS, MAX_ATTEMPTS
from target_activecampaign.outcome import RowFailed, RowRejected
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.columns import SEPARATOR
from target_activecampaign.records.custom_values import (
    choose_options,
    joined_money,
    option_text,
    read_custom_value,
    structure_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.lookups.references import References

_WITH_OPTIONS = {"dropdown", "radio", "listbox", "checkbox", "multiselect"}
_WRAPPERS = {
    "contact": "field",
    "account": "accountCustomFieldMetum",
    "opportunity": "dealCustomFieldMetum",
}
MOST_DEFINITION_TEXT = 100

CustomValues = dict[str, tuple[FieldDefinition, Any, str | None]]


@dataclass
class EncodedFields:
    """A row's encoded values by field id, and the names that are left out, with the reasons.

    A value is the field's definition, the encoded value, and a currency code or None. The name of
    an attribute is its tag.
    """

    values: CustomValues = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def for_parent(self) -> list[dict[str, Any]]:
        """Return the values as the array ``fields`` of an account or a deal."""
        return [
            {
                "customFieldId": int(one.id) if one.id.isdigit() else one.id,
                "fieldValue": value,
                **({"fieldCurrency": currency} if currency else {}),
            }
            for one, value, currency in self.values.values()
        ]


class CustomFieldWriter:
    """Encodes custom values; ``hints`` are JSON schemas from the input, by entity and name."""

    def __init__(
        self, write_client: WriteClient, references: References, policy: WritePolicy, clock: Clock
    ) -> None:
        self._write_client, self._references, self._policy = write_client, references, policy
        self._clock = clock
        self.hints: dict[tuple[str, str], dict[str, Any]] = {}
        self._refused: dict[tuple[str, str], FieldDefinition] = {}

    def encode(
        self, entity: str, values: dict[str, Any], attributes: dict[str, Any] | None = None
    ) -> EncodedFields:
        """Encode the ``custom_fields`` and the attributes of one row.

        An unknown field or option is left out with a reason; a value of the wrong type raises
        `RowRejected`.
        """
        found = EncodedFields()
        self._encode_attributes(found, entity, attributes or {})
        self._encode_values(found, entity, values)
        return found

    def _encode_attributes(
        self, found: EncodedFields, entity: str, attributes: dict[str, Any]
    ) -> None:
        for tag, value in attributes.items():
            if is_nothing(value) and not self._policy.clears:
                continue
            one = self._references.fields(entity).by_tag(tag)
            if one is None and not is_nothing(value):
                one = self._create(
                    entity,
                    tag.lower(),
                    value,
                    STANDARD_LABELS.get(tag, tag),
                    STANDARD_TYPES.get(tag),
                )
            if one is None:
                if not is_nothing(value):
                    found.left_out.append((tag, f"the account has no field {tag}"))
                continue
            self._put(found, one, value, tag.lower(), tag)

    def _encode_values(self, found: EncodedFields, entity: str, values: dict[str, Any]) -> None:
        names: dict[str, str] = {}
        clears = self._policy.clears
        given = {name: value for name, value in values.items() if clears or not is_nothing(value)}

        def is_field(name: str) -> bool:
            return self._references.fields(entity).find(name) is not None

        for name, value in joined_money(given, is_field).items():
            if is_nothing(value) and not clears:
                continue
            one = known = self._references.fields(entity).find(name)
            structure = structure_of(value) if one is None else value
            if one is None and not is_nothing(structure):
                one = self._create(entity, name, structure)
            if one is None and is_nothing(structure):
                continue  # the text of an empty array, or of money without an amount
            if one is None:
                reason = "the account has no such field; create it or set create_missing_fields"
                found.left_out.append((name, f"custom_fields.{name}: {reason}"))
                continue
            readable = read_custom_value(one, value, name, self._policy.list_delimiter)
            if is_nothing(readable) and not clears:
                continue
            if known is None and one.id in names:
                reason = f"not created, the account's field {names[one.id]} has its title"
                found.left_out.append((name, f"custom_fields.{name}: {reason}; rename one of them"))
                continue
            if names.setdefault(one.id, name) != name:
                raise RowRejected(
                    f"custom_fields.{name}: {names[one.id]} names the same field; keep one of them"
                )
            self._put(found, one, readable, name, name)

    def _put(
        self, found: EncodedFields, one: FieldDefinition, value: Any, name: str, part: str
    ) -> None:
        if is_nothing(value):
            found.values[one.id] = (
                one,
                [] if one.is_choices and one.entity != "contact" else "",
                None,
            )
            return
        if isinstance(value, bool):
            value = "true" if value else "false"
        if one.type in _WITH_OPTIONS and one.options:
            chosen, unknown = choose_options(one, value)
            if unknown and self._policy.create_missing_fields:
                one = self._add_options(one, value)
                chosen, unknown = choose_options(one, value)
            value = chosen
            if unknown:
                found.left_out.append((part, f"custom_fields.{name}: {unknown}"))
                return
        try:
            encoded, currency = encode_value(one, value)
        except InvalidValue as problem:
            raise RowRejected(f"custom_fields.{name}: {problem}") from None
        found.values[one.id] = (one, encoded if one.entity != "contact" else str(encoded), currency)

    def _add_options(self, one: FieldDefinition, value: Any) -> FieldDefinition:
        """Add the options of a value that the field does not have."""
        with self._references.pool.named_lock("define", one.entity):
            return self._with_options(self._reload(one), value)

    def _reload(self, one: FieldDefinition) -> FieldDefinition:
        """Return the present definition of a field."""
        found = self._references.fields(one.entity).definitions
        return next((d for d in found if d.id == one.id), one)

    def _with_options(self, one: FieldDefinition, value: Any) -> FieldDefinition:
        known = {fold(text) for o in one.options for text in (o.value, o.label)}
        wanted = value if isinstance(value, list) else [value]
        missing = [
            option_text(w)
            for w in wanted
            if not isinstance(w, (dict, list)) and fold(option_text(w)) not in known
        ]
        if not missing:
            return one
        if one.entity == "contact":
            rows = [
                {
                    "orderid": len(one.options) + number,
                    "value": text,
                    "label": text,
                    "isdefault": False,
                    "field": one.id,
                }
                for number, text in enumerate(missing, 1)
            ]
            self._write_client.write("POST", "fieldOption/bulk", {"fieldOptions": rows})
            old = [{"id": o.id, "value": o.value, "label": o.label} for o in one.options]
            row = {k: v for k, v in one.row.items() if k != "options"}
            self._references.note_field(
                one.entity, row, [*old, *({**r, "id": f"new-{r['orderid']}"} for r in rows)]
            )
        else:
            texts = [*(o.value for o in one.options), *missing]
            path = f"{FIELD_PATHS[one.entity]}/{one.id}"
            self._write_client.write("PUT", path, {_WRAPPERS[one.entity]: {"fieldOptions": texts}})
            self._references.note_field(one.entity, {**one.row, "fieldOptions": texts}, [])
        return self._reload(one)

    # --- create fields ----------------------------------------------------------------------

    def _create(
        self,
        entity: str,
        name: str,
        value: Any,
        title: str | None = None,
        standard_type: str | None = None,
    ) -> FieldDefinition | None:
        if not self._policy.create_missing_fields:
            return None
        with self._references.pool.named_lock("define", entity):
            made = self._references.fields(entity).find(name)  # another row may have created it
            made = made or self._refused.get((entity, fold(name)))
            if made is None:
                made = self._create_now(entity, name, value, title, standard_type)
                if made is not None and self._references.fields(entity).find(name) is None:
                    self._refused[entity, fold(name)] = made  # another field has the title
            return made

    def _create_now(
        self, entity: str, name: str, value: Any, title: str | None, standard_type: str | None
    ) -> FieldDefinition | None:
        hint = self._hint(entity, name)
        named = hint.get("type") if isinstance(hint.get("type"), str) else standard_type
        field_type = named or _type_of(entity, hint, value)
        options = hint.get("options") or (value if isinstance(value, list) else ())
        return self.define(
            entity,
            title=str(hint.get("title") or title or name)[:MOST_DEFINITION_TEXT],
            field_type=field_type
            if field_type not in {"array", "object", "string", "boolean"}
            else "text",
            tag=name,
            options=[
                o if isinstance(o, dict) else {"value": str(o), "label": str(o)} for o in options
            ],
        )

    def _hint(self, entity: str, name: str) -> dict[str, Any]:
        """Return what the input's schema says about a field, flattened money included."""
        found = self.hints.get((entity, fold(name)))
        if found is None:
            amount = self.hints.get((entity, fold(f"{name}{SEPARATOR}amount")), {})
            is_money = bool(amount)
            found = {"type": ["object", "null"], "title": amount.get("title")} if is_money else {}
        return found

    def define(
        self, entity: str, *, title: str, field_type: str, tag: str, options: list[dict[str, Any]]
    ) -> FieldDefinition | None:
        """Create a field with its options and make it available; return an existing one."""
        try:
            if entity == "contact":
                self._define_for_contacts(title, field_type, tag, options)
            else:
                self._define_for_parents(entity, title, field_type, options)
        except InvalidRequest as problem:
            if not is_duplicate(problem):
                raise
            self._references.forget_fields(entity)
        return self._references.fields(entity).find(tag) or self._references.fields(entity).find(
            title
        )

    def _define_for_contacts(
        self, title: str, field_type: str, tag: str, options: list[dict[str, Any]]
    ) -> None:
        field_type = {"multiselect": "listbox", "currency": "number"}.get(field_type, field_type)
        body = {"title": title, "type": field_type, "visible": 1}
        if slug(tag):
            body["perstag"] = slug(tag).upper()
        made = self._create_row("contact", title, {"field": body})
        entries = [
            {
                "orderid": number,
                "value": str(option.get("value") or ""),
                "label": str(option.get("label") or option.get("value") or ""),
                "isdefault": False,
                "field": str(made["id"]),
            }
            for number, option in enumerate(options, 1)
            if option.get("value")
        ]
        if entries and field_type in _WITH_OPTIONS:
            self._create_options(str(made["id"]), entries)
        # Without a relation, ActiveCampaign neither shows nor uses the field; 0 means every list.
        rel = {"fieldRel": {"field": str(made["id"]), "relid": 0}}
        self._write_client.write("POST", "fieldRels", rel, repeatable=True)
        self._references.note_field("contact", {**body, **made}, entries)

    def _define_for_parents(
        self, entity: str, title: str, field_type: str, options: list[dict[str, Any]]
    ) -> None:
        body: dict[str, Any] = {
            "fieldLabel": title,
            "fieldType": {"listbox": "multiselect"}.get(field_type, field_type),
            "isFormVisible": 1,
        }
        texts = [str(option.get("value")) for option in options if option.get("value")]
        if texts and body["fieldType"] in _WITH_OPTIONS:
            body["fieldOptions"] = texts
        made = self._create_row(entity, title, {_WRAPPERS[entity]: body})
        self._references.note_field(entity, {**body, **made}, [])

    def _create_row(self, entity: str, title: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a field and return its row. After a lost answer, look for the field first."""
        known = {one.id for one in self._references.fields(entity).definitions}

        def send() -> dict[str, Any]:
            answer = self._write_client.write("POST", FIELD_PATHS[entity], body)
            return dict(answer.body[_WRAPPERS[entity]])

        def look() -> dict[str, Any] | None:
            made = [
                one for one in self._references.fields(entity).definitions if one.id not in known
            ]
            return next((one.row for one in made if fold(one.title) == fold(title)), None)

        return self._once(entity, send, look)

    def _create_options(self, field_id: str, entries: list[dict[str, Any]]) -> None:
        def send() -> dict[str, Any]:
            body = {"fieldOptions": entries}
            return self._write_client.write("POST", "fieldOption/bulk", body).body

        def look() -> dict[str, Any] | None:
            found = self._references.fields("contact").definitions
            return next((one.row for one in found if one.id == field_id and one.options), None)

        self._once("contact", send, look)

    def _once(
        self,
        entity: str,
        send: Callable[[], dict[str, Any]],
        look: Callable[[], dict[str, Any] | None],
    ) -> dict[str, Any]:
        for _ in range(MAX_ATTEMPTS):
            try:
                return send()
            except UnconfirmedWrite:
                self._clock.sleep(LOOK_AFTER_SECONDS)
                self._references.forget_fields(entity)
                found = look()
                if found is not None:
                    return found
        raise RowFailed("the field was sent and never answered; the next run looks for it first")


def _type_of(entity: str, hint: dict[str, Any], value: Any) -> str:
    """Infer the type of a new field from its JSON schema, else from its first value."""
    types = hint.get("type")
    types = types if isinstance(types, list) else []
    if hint.get("format") == "date":
        return "date"
    if hint.get("format") == "date-time":
        return "datetime"
    if "array" in types or isinstance(value, list):
        return "listbox" if entity == "contact" else "multiselect"
    if "object" in types or isinstance(value, dict):
        return "currency"
    if isinstance(value, bool):
        return "text"
    if "number" in types or "integer" in types or isinstance(value, (int, float)):
        return "number"
    if isinstance(value, (dt.date, dt.datetime)):
        return "date"
    return "text"

"""The setting `create_missing_fields`: creates custom fields and options that rows need."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, UnconfirmedWrite
from tap_activecampaign_unified.resources.custom_fields import FIELD_PATHS, slug
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.create_once import MAX_ATTEMPTS
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.client.late_reads import look_until_shown
from target_activecampaign.outcome import RowFailed
from target_activecampaign.records.columns.matching import SEPARATOR
from target_activecampaign.records.custom_field_options import option_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock
    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver

WITH_OPTIONS = {"dropdown", "radio", "listbox", "checkbox", "multiselect"}
_WRAPPERS = {
    "contact": "field",
    "account": "accountCustomFieldMetum",
    "opportunity": "dealCustomFieldMetum",
}
MAX_DEFINITION_TEXT = 100

Hints = dict[tuple[str, str], dict[str, Any]]


class FieldCreator:
    """Creates custom fields and options that rows need and the account does not have.

    ``hints`` are JSON schemas from the input, by entity and folded name. The parser adds entries.
    """

    def __init__(
        self,
        write_client: WriteClient,
        references: ReferenceResolver,
        policy: WritePolicy,
        clock: Clock,
        hints: Hints,
    ) -> None:
        self._write_client, self._references, self._policy = write_client, references, policy
        self._clock, self._hints = clock, hints
        self._refused: dict[tuple[str, str], FieldDefinition] = {}

    def create(
        self,
        entity: str,
        name: str,
        value: Any,
        title: str | None = None,
        standard_type: str | None = None,
    ) -> FieldDefinition | None:
        """Create the field that a row names, with the type of its value; return its definition.

        None if `create_missing_fields` is not set.
        """
        if not self._policy.create_missing_fields:
            return None
        with self._references.pool.named_lock("define", entity):
            # Another row may have created the field already.
            definition = self._references.fields(entity).find(name)
            definition = definition or self._refused.get((entity, fold(name)))
            if definition is None:
                definition = self._create_now(entity, name, value, title, standard_type)
                if definition is not None and self._references.fields(entity).find(name) is None:
                    self._refused[entity, fold(name)] = definition  # another field has the title
            return definition

    def _create_now(
        self, entity: str, name: str, value: Any, title: str | None, standard_type: str | None
    ) -> FieldDefinition | None:
        hint = self._hint(entity, name)
        explicit_type = hint.get("type") if isinstance(hint.get("type"), str) else standard_type
        field_type = explicit_type or _type_of(entity, hint, value)
        options = hint.get("options") or (value if isinstance(value, list) else ())
        return self.define(
            entity,
            title=str(hint.get("title") or title or name)[:MAX_DEFINITION_TEXT],
            field_type=field_type
            if field_type not in {"array", "object", "string", "boolean"}
            else "text",
            tag=name,
            options=[
                option if isinstance(option, dict) else {"value": str(option), "label": str(option)}
                for option in options
            ],
        )

    def _hint(self, entity: str, name: str) -> dict[str, Any]:
        """Return the JSON schema of a field in the input, also of flattened money."""
        hint = self._hints.get((entity, fold(name)))
        if hint is None:
            amount = self._hints.get((entity, fold(f"{name}{SEPARATOR}amount")), {})
            is_money = bool(amount)
            hint = {"type": ["object", "null"], "title": amount.get("title")} if is_money else {}
        return hint

    def define(
        self, entity: str, *, title: str, field_type: str, tag: str, options: list[dict[str, Any]]
    ) -> FieldDefinition | None:
        """Create a field with its options and make it visible; return its definition.

        If the account has the field already, returns the existing definition.
        """
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
        row = self._create_row("contact", title, {"field": body})
        rows = _option_rows(str(row["id"]), [option for option in options if option.get("value")])
        if rows and field_type in WITH_OPTIONS:
            self._create_options(str(row["id"]), rows)
        # Without a relation, ActiveCampaign neither shows nor uses the field. 0 means every list.
        relation = {"fieldRel": {"field": str(row["id"]), "relid": 0}}
        self._write_client.write("POST", "fieldRels", relation, repeatable=True)
        self._references.note_field("contact", {**body, **row}, rows)

    def _define_for_parents(
        self, entity: str, title: str, field_type: str, options: list[dict[str, Any]]
    ) -> None:
        body: dict[str, Any] = {
            "fieldLabel": title,
            "fieldType": {"listbox": "multiselect"}.get(field_type, field_type),
            "isFormVisible": 1,
        }
        texts = [str(option.get("value")) for option in options if option.get("value")]
        if texts and body["fieldType"] in WITH_OPTIONS:
            body["fieldOptions"] = texts
        row = self._create_row(entity, title, {_WRAPPERS[entity]: body})
        self._references.note_field(entity, {**body, **row}, [])

    def _create_row(self, entity: str, title: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a field and return its row. After a lost response, look for the field first."""
        ids_before = {definition.id for definition in self._references.fields(entity).definitions}

        def send() -> dict[str, Any]:
            answer = self._write_client.write("POST", FIELD_PATHS[entity], body)
            return dict(answer.body[_WRAPPERS[entity]])

        def look() -> dict[str, Any] | None:
            new = [
                definition
                for definition in self._references.fields(entity).definitions
                if definition.id not in ids_before
            ]
            return next(
                (definition.row for definition in new if fold(definition.title) == fold(title)),
                None,
            )

        return self._once(entity, send, look)

    def _create_options(self, field_id: str, entries: list[dict[str, Any]]) -> None:
        def send() -> dict[str, Any]:
            body = {"fieldOptions": entries}
            return self._write_client.write("POST", "fieldOption/bulk", body).body

        def look() -> dict[str, Any] | None:
            definitions = self._references.fields("contact").definitions
            return next(
                (
                    definition.row
                    for definition in definitions
                    if definition.id == field_id and definition.options
                ),
                None,
            )

        self._once("contact", send, look)

    def _once(
        self,
        entity: str,
        send: Callable[[], dict[str, Any]],
        look: Callable[[], dict[str, Any] | None],
    ) -> dict[str, Any]:
        def look_again() -> dict[str, Any] | None:
            self._references.forget_fields(entity)
            return look()

        for _ in range(MAX_ATTEMPTS):
            try:
                return send()
            except UnconfirmedWrite:
                row = look_until_shown(self._clock, look_again)
                if row is not None:
                    return row
        raise RowFailed("the field was sent and never answered; the next run looks for it first")

    # --- options ----------------------------------------------------------------------------

    def add_options(self, definition: FieldDefinition, value: Any) -> FieldDefinition:
        """Add the options of a value that the field lacks; return the present definition."""
        with self._references.pool.named_lock("define", definition.entity):
            return self._with_options(self._reload(definition), value)

    def _reload(self, definition: FieldDefinition) -> FieldDefinition:
        """Return the present definition of a field."""
        definitions = self._references.fields(definition.entity).definitions
        return next((present for present in definitions if present.id == definition.id), definition)

    def _with_options(self, definition: FieldDefinition, value: Any) -> FieldDefinition:
        options = definition.options
        known = {fold(text) for option in options for text in (option.value, option.label)}
        wanted = value if isinstance(value, list) else [value]
        missing = [
            option_text(item)
            for item in wanted
            if not isinstance(item, (dict, list)) and fold(option_text(item)) not in known
        ]
        if not missing:
            return definition
        if definition.entity == "contact":
            new_options = [{"value": text, "label": text} for text in missing]
            rows = _option_rows(definition.id, new_options, after=len(options))
            self._write_client.write("POST", "fieldOption/bulk", {"fieldOptions": rows})
            option_rows = [
                {"id": option.id, "value": option.value, "label": option.label}
                for option in options
            ]
            option_rows += [{**row, "id": f"new-{row['orderid']}"} for row in rows]
            columns = {name: column for name, column in definition.row.items() if name != "options"}
            self._references.note_field(definition.entity, columns, option_rows)
        else:
            texts = [*(option.value for option in options), *missing]
            path = f"{FIELD_PATHS[definition.entity]}/{definition.id}"
            self._write_client.write(
                "PUT", path, {_WRAPPERS[definition.entity]: {"fieldOptions": texts}}
            )
            self._references.note_field(
                definition.entity, {**definition.row, "fieldOptions": texts}, []
            )
        return self._reload(definition)


def _option_rows(
    field_id: str, options: list[dict[str, Any]], after: int = 0
) -> list[dict[str, Any]]:
    """Return the rows of new options for a contact field that has ``after`` options already."""
    return [
        {
            "orderid": number,
            "value": str(option["value"]),
            "label": str(option.get("label") or option["value"]),
            "isdefault": False,
            "field": field_id,
        }
        for number, option in enumerate(options, after + 1)
    ]


def _type_of(entity: str, hint: dict[str, Any], value: Any) -> str:
    """Return the type of a new field by its JSON schema, else by its first value."""
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

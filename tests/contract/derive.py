"""Writes `documented.json` from the provider's OpenAPI file, which this repository must not hold.

python -m tests.contract.derive PATH-TO-OPENAPI.json

The script takes facts alone: verbs, paths, names of parameters and keys, and types. Types come from
the schemas and from the examples, where schemas are silent or differ.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "documented.json"
VERBS = ("get", "post", "put", "patch", "delete")
# Collections that the programs and the sandbox do not use.
FOREIGN = re.compile(
    r"/(campaign|custom|ecom|connection|event|site|webhook|message|form|prism|stripo|personal|"
    r"calendar|branding|saved|template|address|taskOut|tasktype|task|content|config|record|"
    r"tracking|geoIp|localevent|emailAct|segment|groupMember|groupDef|dealTask)"
)


def type_of(value: Any) -> str:
    """Return a value's type in the terms of JSON schema."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


class Shape:
    """What is permitted at a place: types, keys of objects, shape of an array's items."""

    def __init__(self) -> None:
        """Nothing is permitted yet."""
        self.types: set[str] = set()
        self.keys: dict[str, Shape] = {}
        self.items: Shape | None = None

    def add_schema(self, schema: dict[str, Any]) -> None:
        """Add what a schema permits."""
        for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            self.add_schema(part)
        types = schema.get("type")
        self.types |= set(types if isinstance(types, list) else [types] if types else [])
        for name, inner in (schema.get("properties") or {}).items():
            self.types.add("object")
            self.keys.setdefault(name, Shape()).add_schema(inner)
        if isinstance(schema.get("items"), dict) and schema["items"]:
            self.items = self.items or Shape()
            self.items.add_schema(schema["items"])

    def add_example(self, value: Any) -> None:
        """Add what an example shows."""
        self.types.add(type_of(value))
        if isinstance(value, dict):
            for name, inner in value.items():
                self.keys.setdefault(name, Shape()).add_example(inner)
        if isinstance(value, list):
            for inner in value:
                self.items = self.items or Shape()
                self.items.add_example(inner)

    def document(self) -> Any:
        """Return the shape as JSON."""
        found: dict[str, Any] = {"types": sorted(self.types)}
        if self.keys:
            found["keys"] = {
                name: shape.document()
                for name, shape in sorted(self.keys.items())
                if re.fullmatch(r"[\w.$\[\]-]+", name)
            }
        if self.items is not None:
            found["items"] = self.items.document()
        return found


def shape_of(content: dict[str, Any] | None) -> Any:
    """Return the shape of a body, None where none is documented."""
    media = ((content or {}).get("content") or {}).get("application/json") or {}
    shape = Shape()
    shape.add_schema(media.get("schema") or {})
    examples = [example.get("value") for example in (media.get("examples") or {}).values()]
    for example in [*examples, media.get("example")]:
        found = example
        if isinstance(example, str):
            try:
                found = json.loads(example)
            except ValueError:
                continue
        if found is not None:
            shape.add_example(found)
    return shape.document() if shape.types else None


def documented(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return the table: ``{"GET /path/{id}": {query, request, response: {status: shape}}}``."""
    table: dict[str, Any] = {}
    for path, operations in sorted(openapi["paths"].items()):
        if FOREIGN.match(path):
            continue
        for verb in VERBS:
            operation = operations.get(verb)
            if operation is None:
                continue
            entry: dict[str, Any] = {}
            parameters = [*operations.get("parameters", ()), *operation.get("parameters", ())]
            query = sorted(
                {parameter["name"] for parameter in parameters if parameter.get("in") == "query"}
            )
            if query:
                entry["query"] = query
            request = shape_of(operation.get("requestBody"))
            if request:
                entry["request"] = request
            answers = {
                status: shape
                for status, answer in sorted(operation.get("responses", {}).items())
                if status.startswith("2") and (shape := shape_of(answer))
            }
            if answers:
                entry["response"] = answers
            table[f"{verb.upper()} {path}"] = entry
    return table


def main() -> None:
    """Write the table."""
    openapi = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lines = [
        f"{json.dumps(call)}: {json.dumps(entry, separators=(',', ':'), sort_keys=True)}"
        for call, entry in documented(openapi).items()
    ]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

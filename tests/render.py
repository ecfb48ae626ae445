"""Renders tables of the documentation and settings of plugin definitions from the code.

``python -m tests.render`` lists the files that are out of date. ``--write`` updates them. A
rendered block is between ``<!-- rendered: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.shared_settings import SHARED
from tap_activecampaign_unified.config.tap_settings import TAP
from tap_activecampaign_unified.raw import COLLECTIONS
from tap_activecampaign_unified.resources import RESOURCES
from tap_activecampaign_unified.resources.resource import Attribute, Field, Linked
from tap_activecampaign_unified.tap import TapActiveCampaignUnified
from target_activecampaign.config.target_settings import TARGET
from target_activecampaign.target import TargetActiveCampaign
from tests import render_columns
from tests.sandbox.__main__ import parser as sandbox_parser
from tests.test_import_laws import SHARED as SHARED_PACKAGES
from tests.test_import_laws import TAP_LAW, TARGET_LAW
from tests.transform import staging

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.config.settings import Setting
    from tap_activecampaign_unified.resources.resource import Resource

ROOT = Path(__file__).parents[1]
KINDS = {
    "string": "string",
    # Not decimal: Meltano 4.4 cannot pass one from the environment to a plugin, as it is no JSON.
    "number": "string",
    "integer": "integer",
    "boolean": "boolean",
    "instant": "date_iso8601",
    "choice": "options",
    "object": "object",
    "list": "array",
}
SHORT = {"Api": "API", "url": "URL", "html": "HTML", "id": "ID", "ids": "IDs"}
BLOCK = re.compile(
    r"(?m)^([ ]*(?:<!--|#) rendered: ([a-z_ -]+?)(?: -->)?\n)(.*?)(^[ ]*(?:<!--|#) end)",
    re.DOTALL,
)


def fill(text: str) -> str:
    """Return a document with every block rendered again."""
    return BLOCK.sub(lambda found: found[1] + BLOCKS[found[2]]() + found[4], text)


# --- docs ---------------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table between empty lines: Python-Markdown needs them after a comment."""
    lines = [head, tuple("---" for _ in head), *rows]
    found = "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
    return f"\n{found}\n"


def code(*names: object) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def streams() -> str:
    """Return a line per stream."""
    rows = []
    for one in sorted(RESOURCES, key=lambda resource: resource.name):
        how = one.replication.value
        if one.replication_key and how == "incremental":
            how += f" on `{one.replication_key}`"
        if not one.selected_by_default:
            how += "; off until selected"
        source = f"`/{one.endpoint}`"
        if one.endpoint_name not in {one.endpoint, "fields"}:
            source += f", with `/{one.endpoint_name}`"
        rows.append((f"`{one.name}`", one.title, source, code(*one.keys), how))
    return table(("stream", "what", "from", "key", "how"), rows)


def raw_streams() -> str:
    """Return a line per raw stream."""
    rows = []
    for one in sorted(COLLECTIONS, key=lambda collection: collection.name):
        how = one.replication.value
        if one.replication_key:
            how += f", `{one.replication_key}`"
        if one.parent:
            how += f"; one request per row of `/{one.parent}`"
        if one.beside:
            how += "; comes with those rows"
        source = f"`/{one.endpoint}`" + ("" if one.is_confirmed else " *")
        rows.append((f"`{one.name}`", source, code(*one.keys), how))
    return table(("stream", "from", "key", "how"), rows)


def fields(one: Resource) -> str:
    """Return the fields of a stream."""
    shown = one.schema(None)["properties"]
    entries = {entry.unified: entry for entry in one.entries}
    rows = [
        (f"`{name}`", kind_of(schema), source_of(entries.get(name)), doc_of(schema))
        for name, schema in shown.items()
    ]
    return table(("field", "type", "ActiveCampaign", "meaning"), rows)


def doc_of(schema: dict[str, Any]) -> str:
    """Return a property's description."""
    return str(schema.get("description") or "")


def kind_of(schema: dict[str, Any]) -> str:
    """Return a schema's type in a few words."""
    types = schema.get("type", "any")
    names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    if "array" in names:
        return f"list of {kind_of(schema['items'])}"
    if "object" in names and schema.get("properties"):
        return "{" + ", ".join(schema["properties"]) + "}"
    return str(schema.get("format") or "/".join(names))


def source_of(entry: Any) -> str:
    """Return where ActiveCampaign stores a property."""
    if isinstance(entry, Field):
        return f"`{entry.native}`"
    if isinstance(entry, Attribute):
        return "custom field " + code(*entry.tags)
    if isinstance(entry, Linked) and entry.relation:
        return f"`{entry.relation}`"
    return ""


def settings(chosen: tuple[Setting, ...]) -> str:
    """Return settings as a table."""
    return table(
        ("setting", "type, default", "meaning"),
        [(f"`{one.name}`", _default(one), one.doc) for one in chosen],
    )


def _default(one: Setting) -> str:
    kind = {"instant": "date-time"}.get(one.kind, one.kind)
    if one.choices:
        words = [code(name) for name in one.choices]
        kind = " or ".join([kind, *words]) if one.kind == "number" else " | ".join(words)
    if one.required:
        kind += ", required" + (", secret" if one.secret else "")
    elif one.default is not None:
        kind += f", {code(json.dumps(one.default).strip(chr(34)))}"
    return kind


def import_law() -> str:
    """Return what each package and module may import, as a table."""
    shared = f"the target, from the tap's package: {', '.join(sorted(SHARED_PACKAGES))}"
    parts = [
        table(
            (f"in {program}", "may import, of the same package"),
            [(f"`{name}`", ", ".join(sorted(allowed)) or "nothing") for name, allowed in law],
        )
        for program, law in (("the tap", TAP_LAW.items()), ("the target", TARGET_LAW.items()))
    ]
    return "".join(parts) + f"Besides, {shared}.\n"


def sandbox_options() -> str:
    """Return the options of the sandbox account as a table."""
    rows = []
    for one in sandbox_parser()._actions:
        if one.dest != "help":
            has_default = one.default is not None and one.default is not False
            default = code(one.default) if has_default else ""
            rows.append(
                (f"`{one.option_strings[0]}`", default, (one.help or "").replace("%%", "%"))
            )
    return table(("option", "default", "meaning"), rows)


# --- meltano.yml ----------------------------------------------------------------------------


def plugin_settings(chosen: tuple[Setting, ...], plugin: type) -> str:
    """Return a plugin's settings in Meltano's form."""
    lines = [line for one in chosen for line in _declared(one)]
    builtin: dict[str, Any] = {"properties": {}}
    plugin.append_builtin_config(builtin)  # type: ignore[attr-defined]
    for name, schema in builtin["properties"].items():
        if name not in {one.name for one in chosen}:
            kind = next(kind for kind in schema["type"] if kind != "null")
            lines += _entry(name, KINDS[kind], schema["title"], schema["description"])
    return "".join(f"    {line}\n" for line in lines)


def _declared(one: Setting) -> list[str]:
    words = one.name.replace("_", " ").capitalize()
    label = " ".join(SHORT.get(word, word) for word in words.split())
    lines = _entry(one.name, KINDS[one.kind], label, one.doc)
    if one.secret:
        lines.append("  sensitive: true")
    if one.choices and one.kind != "number":
        lines.append("  options:")
        lines += [f"  - {{value: {name}, label: {name}}}" for name in one.choices]
    if one.default is not None:
        lines.append(f"  value: {json.dumps(one.default)}")
    return lines


def _entry(name: str, kind: str, label: str, doc: str) -> list[str]:
    doc = " ".join(doc.split("\n\n", maxsplit=1)[0].split())
    return [
        f"- name: {name}",
        f"  kind: {kind}",
        f"  label: {label}",
        f"  description: {json.dumps(doc, ensure_ascii=False)}",
    ]


def selection() -> str:
    """Return the default selection, because Meltano itself would select everything."""
    names = sorted(one.name for one in RESOURCES if one.selected_by_default)
    return "    select:\n" + "".join(f"    - {name}.*\n" for name in names)


def tap_capabilities() -> str:
    """Return the tap's capabilities, and ``--test``, which works without being listed."""
    return _capabilities(TapActiveCampaignUnified, "test")


def _capabilities(plugin: type, *more: str) -> str:
    names = sorted({one.value for one in plugin.capabilities} | set(more))  # type: ignore[attr-defined]
    return f"    capabilities: [{', '.join(names)}]\n"


def distribution() -> str:
    """Return the addresses and the versions of Python that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    return (
        f"repo: {project['urls']['Homepage']}\n"
        f"docs: {project['urls']['Documentation']}\n"
        f"supported_python_versions: {json.dumps(versions)}\n"
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "streams": streams,
    "raw streams": raw_streams,
    **{f"fields {one.name}": partial(fields, one) for one in RESOURCES},
    "import law": import_law,
    "column values": render_columns.forms,
    "columns": render_columns.columns,
    "sandbox options": sandbox_options,
    "shared settings": lambda: settings(SHARED),
    "tap settings": lambda: settings(tuple(one for one in TAP if one not in SHARED)),
    "tap plugin": lambda: (
        tap_capabilities()
        + selection()
        + "    settings:\n"
        + plugin_settings(TAP, TapActiveCampaignUnified)
    ),
    "target settings": lambda: settings(tuple(one for one in TARGET if one not in SHARED)),
    "target plugin": lambda: (
        _capabilities(TargetActiveCampaign)
        + "    settings:\n"
        + plugin_settings(TARGET, TargetActiveCampaign)
    ),
    "tap definition": lambda: distribution() + textwrap.dedent(BLOCKS["tap plugin"]()),
    "target definition": lambda: distribution() + textwrap.dedent(BLOCKS["target plugin"]()),
}
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
    "meltano.yml",
    "plugins/tap-activecampaign-unified.yml",
    "plugins/target-activecampaign.yml",
)


def main() -> int:
    """Compare or update the documents; return 1 when one is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tests.render", description=__doc__)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    stale = 0
    wanted = {name: fill((ROOT / name).read_text(encoding="utf-8")) for name in DOCUMENTS}
    for name, text in (wanted | staging.files()).items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += not asked.write
            sys.stdout.write(
                f"{name} {'updated' if asked.write else 'is out of date: run make render'}\n"
            )
            if asked.write:
                path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

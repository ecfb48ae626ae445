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
from target_activecampaign.api import ActiveCampaign
from target_activecampaign.config.target_settings import TARGET
from target_activecampaign.target import TargetActiveCampaign
from tests import render_columns
from tests.sandbox.__main__ import parser as sandbox_parser
from tests.test_import_laws import SHARED as SHARED_PACKAGES
from tests.test_import_laws import TAP_LAW, TARGET_LAW
from tests.transform import staging

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.config.read_settings import Setting
    from tap_activecampaign_unified.resources.resource import Resource

ROOT = Path(__file__).parents[1]
KINDS = {
    "string": "string",
    # Not decimal: Meltano 4.4 cannot pass a decimal from the environment: a decimal is no JSON.
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
    for resource in sorted(RESOURCES, key=lambda resource: resource.name):
        reading = resource.replication.value
        if resource.replication_key and reading == "incremental":
            reading += f" on `{resource.replication_key}`"
        if not resource.selected_by_default:
            reading += "; off until selected"
        source = f"`/{resource.endpoint}`"
        if resource.endpoint_name not in {resource.endpoint, "fields"}:
            source += f", with `/{resource.endpoint_name}`"
        rows.append((f"`{resource.name}`", resource.title, source, code(*resource.keys), reading))
    return table(("stream", "what", "from", "key", "how"), rows)


def raw_streams() -> str:
    """Return a line per raw stream."""
    rows = []
    for collection in sorted(COLLECTIONS, key=lambda collection: collection.name):
        reading = collection.replication.value
        if collection.replication_key:
            reading += f", `{collection.replication_key}`"
        if collection.parent:
            reading += f"; one request per row of `/{collection.parent}`"
        if collection.included_in:
            reading += "; comes with those rows"
        source = f"`/{collection.endpoint}`" + ("" if collection.is_documented else " *")
        rows.append((f"`{collection.name}`", source, code(*collection.keys), reading))
    return table(("stream", "from", "key", "how"), rows)


def fields(resource: Resource) -> str:
    """Return the fields of a stream."""
    shown = resource.schema(None)["properties"]
    entries = {entry.unified: entry for entry in resource.entries}
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
        [(f"`{setting.name}`", _default(setting), setting.doc) for setting in chosen],
    )


def _default(setting: Setting) -> str:
    kind = {"instant": "date-time"}.get(setting.kind, setting.kind)
    if setting.choices:
        words = [code(name) for name in setting.choices]
        kind = " or ".join([kind, *words]) if setting.kind == "number" else " | ".join(words)
    if setting.required:
        kind += ", required" + (", secret" if setting.secret else "")
    elif setting.default is not None:
        kind += f", {code(json.dumps(setting.default).strip(chr(34)))}"
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
    for action in sandbox_parser()._actions:
        if action.dest != "help":
            has_default = action.default is not None and action.default is not False
            default = code(action.default) if has_default else ""
            rows.append(
                (f"`{action.option_strings[0]}`", default, (action.help or "").replace("%%", "%"))
            )
    return table(("option", "default", "meaning"), rows)


# --- meltano.yml ----------------------------------------------------------------------------


def plugin_settings(chosen: tuple[Setting, ...], plugin: type) -> str:
    """Return a plugin's settings in Meltano's form."""
    lines = [line for setting in chosen for line in _declared(setting)]
    builtin: dict[str, Any] = {"properties": {}}
    plugin.append_builtin_config(builtin)  # type: ignore[attr-defined]
    for name, schema in builtin["properties"].items():
        if name not in {setting.name for setting in chosen}:
            kind = next(kind for kind in schema["type"] if kind != "null")
            lines += _entry(name, KINDS[kind], schema["title"], schema["description"])
    return "".join(f"    {line}\n" for line in lines)


def _declared(setting: Setting) -> list[str]:
    words = setting.name.replace("_", " ").capitalize()
    label = " ".join(SHORT.get(word, word) for word in words.split())
    lines = _entry(setting.name, KINDS[setting.kind], label, setting.doc)
    if setting.secret:
        lines.append("  sensitive: true")
    if setting.choices and setting.kind != "number":
        lines.append("  options:")
        lines += [f"  - {{value: {name}, label: {name}}}" for name in setting.choices]
    if setting.default is not None:
        lines.append(f"  value: {json.dumps(setting.default)}")
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
    names = sorted(resource.name for resource in RESOURCES if resource.selected_by_default)
    return "    select:\n" + "".join(f"    - {name}.*\n" for name in names)


def tap_capabilities() -> str:
    """Return the tap's capabilities, and ``--test``, which works without being listed."""
    return _capabilities(TapActiveCampaignUnified, "test")


def _capabilities(plugin: type, *more: str) -> str:
    names = sorted({capability.value for capability in plugin.capabilities} | set(more))  # type: ignore[attr-defined]
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
    **{f"fields {resource.name}": partial(fields, resource) for resource in RESOURCES},
    "import law": import_law,
    "column values": render_columns.forms,
    "columns": render_columns.columns,
    "sandbox options": sandbox_options,
    "shared settings": lambda: settings(SHARED),
    "tap settings": lambda: settings(tuple(setting for setting in TAP if setting not in SHARED)),
    "tap plugin": lambda: (
        tap_capabilities()
        + selection()
        + "    settings:\n"
        + plugin_settings(TAP, TapActiveCampaignUnified)
    ),
    "target settings": lambda: settings(
        tuple(setting for setting in TARGET if setting not in SHARED)
    ),
    "python settings": lambda: (
        f"\n{code(*sorted(ActiveCampaign.setting_names - {'api_url', 'api_key'}))}.\n\n"
    ),
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
    """Compare or update the documents; return 1 when a document is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tests.render", description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    stale = 0
    wanted = {name: fill((ROOT / name).read_text(encoding="utf-8")) for name in DOCUMENTS}
    for name, text in (wanted | staging.files()).items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += not options.write
            sys.stdout.write(
                f"{name} {'updated' if options.write else 'is out of date: run make render'}\n"
            )
            if options.write:
                path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

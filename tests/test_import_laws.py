"""The import law: what each package may import, read from the sources."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.sources import (
    PRODUCT,
    ROOT,
    TAP,
    TARGET,
    files_of,
    importers_of,
    imports_of,
    nodes_of,
    shown,
)

SANDBOX = "tests.sandbox"
SHARED = {
    "cli",
    "client",
    "config",
    "signals_during_import",
    "python_reader",
    "reporting",
    "resources",
    "storage",
}

# What each package or module of the tap may import from the others, types included.
TAP_LAW: dict[str, set[str]] = {
    "client": set(),
    "resources": set(),
    "unchanged_rows": set(),
    "bookmarks": {"full_sweeps", "unchanged_rows"},
    "flattening": {"resources"},
    "full_sweeps": set(),
    "signals_during_import": set(),
    "raw": {"client", "resources"},
    "config": {"client", "resources"},
    "messages": {"resources"},
    "endpoints": {"client", "raw", "resources"},
    "storage": {"config"},
    "account_label": {"resources"},
    "catalog": {"account_label", "config", "raw", "resources"},
    "cli": {"client", "config", "storage"},
    "connection_check": {"client", "endpoints", "resources"},
    "reporting": {"cli", "client", "config", "resources", "storage"},
    "deletes": {"client", "config", "endpoints", "reporting", "resources", "storage"},
    "sync": {
        *("bookmarks", "cli", "client", "config", "deletes", "endpoints", "raw", "reporting"),
        *("full_sweeps", "resources", "storage", "unchanged_rows"),
    },
    "python_reader": {"bookmarks", "client", "config", "endpoints", "resources", "sync"},
    "access": {"python_reader"},
    "query": {"python_reader"},
    "unified_stream": {
        *("account_label", "bookmarks", "catalog", "cli", "config", "flattening", "messages"),
        *("raw", "reporting", "resources", "sync"),
    },
    "tap": {
        *("bookmarks", "catalog", "cli", "client", "config", "connection_check", "messages"),
        *("reporting", "resources", "unified_stream", "sync"),
    },
    "__main__": {"signals_during_import", "tap"},
    "airbyte": {
        *(
            "catalog",
            "cli",
            "client",
            "config",
            "connection_check",
            "signals_during_import",
            "messages",
        ),
        *("reporting", "resources", "unified_stream", "sync", "tap"),
    },
}

# What each package or module of the target may import from the others, types included.
TARGET_LAW: dict[str, set[str]] = {
    "outcome": set(),
    "config": set(),
    "ledger": set(),
    "client": {"ledger", "outcome"},
    "records": {"outcome"},
    "reporting": {"outcome"},
    "concurrency": {"records"},
    "lookups": {"client", "concurrency", "config", "ledger", "outcome", "records"},
    "holdout": {"lookups", "outcome", "records"},
    "sinks": {
        *("client", "concurrency", "config", "holdout", "ledger", "lookups", "outcome", "records"),
        "reporting",
    },
    "undo": {
        *("client", "concurrency", "config", "ledger", "lookups", "outcome", "records"),
        *("reporting", "sinks"),
    },
    "audiences": {
        *("client", "config", "ledger", "lookups", "outcome", "records", "sinks"),
    },
    "processing": {
        "audiences",
        *("client", "concurrency", "config", "holdout", "ledger", "lookups", "outcome", "records"),
        *("reporting", "sinks", "undo"),
    },
    "input": {"audiences", "config", "outcome", "records", "sinks"},
    "run_builder": {
        *(
            "audiences",
            "client",
            "concurrency",
            "config",
            "holdout",
            "ledger",
            "lookups",
            "processing",
            "records",
            "reporting",
        ),
        *("sinks", "undo"),
    },
    "command_line": {"run_builder", "config"},
    "target": {
        *("audiences", "run_builder", "concurrency", "config", "command_line", "input"),
        *("processing", "records", "reporting", "sinks"),
    },
    "api": {
        *("run_builder", "concurrency", "config", "input", "outcome", "processing", "records"),
        *("reporting", "sinks"),
    },
    "access": {"api"},
    "__main__": {"target"},
    "airbyte": {
        *("run_builder", "config", "input", "outcome", "processing", "reporting", "target"),
    },
}

# What the Airbyte destination may import from the Airbyte source.
AIRBYTE_SHARED = {"command_line", "errors", "protocol", "spec", "writer", "extra_package"}
SINGER_MODULES = {"tap.py", "unified_stream.py", "messages.py", "command_line.py", "target.py"}

# What pure packages may import from the standard library: nothing that opens, sends or waits.
PURE = {
    "__future__",
    "ast",
    "collections",
    "contextlib",
    "difflib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "itertools",
    "json",
    "math",
    "re",
    "typing",
    "unicodedata",
}
DOES_IO = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}


def unit_of(name: str) -> str | None:
    """Return the package or module below one of our packages that a dotted name belongs to."""
    parts = name.split(".")
    return parts[1] if parts[0] in {TAP, TARGET} and len(parts) > 1 else None


def own_imports(path: Path) -> set[tuple[str, str]]:
    """Return what a source imports of ours: the package, and the package or module below it."""
    return {
        (name.split(".")[0], unit)
        for name in imports_of(path)
        if (unit := unit_of(name)) is not None
    }


def unit_of_path(path: Path) -> str:
    """Return the package or module below one of our packages that a source belongs to."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def test_the_reader_of_imports_sees_them():
    """The functions of this test find imports that are known to exist."""
    assert len(PRODUCT) > 50
    assert importers_of("singer_sdk", PRODUCT)
    assert importers_of("requests", PRODUCT)
    assert f"{TAP}.client.errors.ServerError" in imports_of(ROOT / TAP / "client" / "retry.py")
    assert f"{TAP}.resources.codecs.text" in imports_of(ROOT / TAP / "resources/crm/users.py")


@pytest.mark.parametrize(("package", "law"), [(TAP, TAP_LAW), (TARGET, TARGET_LAW)])
def test_each_package_imports_only_what_the_law_allows(package, law):
    """The law names every package, and no package imports another that the law does not allow."""
    units = {unit_of_path(path) for path in files_of(package)} - {"__init__"}
    assert units == set(law)
    broken = {
        (shown(path), unit)
        for path in files_of(package)
        for owner, unit in own_imports(path)
        if owner == package and unit not in {unit_of_path(path), *law.get(unit_of_path(path), ())}
    }
    assert broken == set()


@pytest.mark.parametrize("law", [TAP_LAW, TARGET_LAW])
def test_the_law_has_no_circle(law):
    """No package may import a package that imports it, directly or through others."""
    open_units = dict(law)
    while open_units:
        free = {unit for unit, others in open_units.items() if not others & open_units.keys()}
        assert free, f"a circle among {sorted(open_units)}"
        open_units = {unit: others for unit, others in open_units.items() if unit not in free}


def module_graph() -> dict[str, set[str]]:
    """Return which modules of ours each module of ours imports, types included."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PRODUCT}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        found = set()
        for imported in imports_of(path):
            for candidate in (imported, imported.rpartition(".")[0]):
                module = next((m for m in (candidate, f"{candidate}.__init__") if m in names), None)
                if module is not None:
                    found.add(module)
                    break
        graph[name] = found - {name}
    return graph


def test_no_two_modules_import_each_other():
    """Each module imports only modules of lower levels, types included."""
    graph = module_graph()
    while graph:
        free = {name for name, others in graph.items() if not others & graph.keys()}
        assert free, f"a circle among {sorted(graph)}"
        graph = {name: others for name, others in graph.items() if name not in free}


def test_only_the_singer_entries_import_the_sdk():
    """Every other module works without the SDK."""
    entries = {ROOT / TAP / "airbyte", ROOT / TARGET / "airbyte"}
    behind = [path for path in PRODUCT if path.parent not in entries]
    assert {Path(name).name for name in importers_of("singer_sdk", behind)} <= SINGER_MODULES


def test_only_the_client_sends_http_requests():
    """No module outside the client imports requests, except to name a type."""
    outside = [path for path in PRODUCT if ROOT / TAP / "client" not in path.parents]
    assert importers_of("requests", outside, typing=False) == set()
    assert importers_of("urllib3", outside) == set()
    assert importers_of("http", outside) == set()
    assert importers_of("socket", outside) == set()


PURE_PACKAGES = [*files_of(f"{TAP}.resources"), *files_of(f"{TARGET}.records")]


@pytest.mark.parametrize("path", PURE_PACKAGES, ids=shown)
def test_resources_and_records_do_no_io(path):
    """Resources and records import each other and modules of the standard library without I/O."""
    ours = (f"{TAP}.resources", f"{TARGET}.records", f"{TARGET}.outcome")
    foreign = {name for name in imports_of(path) if not name.startswith(ours)}
    assert {name.split(".")[0] for name in foreign} <= PURE
    called = {
        ast.unparse(node.func)
        for node in nodes_of(path, typing=False)
        if isinstance(node, ast.Call)
    }
    assert called & DOES_IO == set()
    assert not {name for name in called if name.endswith((".now", ".today", ".utcnow"))}


def test_the_target_imports_only_shared_packages_of_the_tap():
    """The packages that both programs share are named; the target imports no others."""
    used = {
        (shown(path), unit)
        for path in files_of(TARGET)
        for owner, unit in own_imports(path)
        if owner == TAP and ROOT / TARGET / "airbyte" not in path.parents
    }
    assert used
    assert {entry for entry in used if entry[1] not in SHARED} == set()
    assert {name for name, unit in used if unit == "python_reader"} <= {f"{TARGET}/api.py"}


def test_the_tap_imports_nothing_of_the_target():
    """Imports between the two packages go one way."""
    assert importers_of(TARGET, files_of(TAP)) == set()


def test_nothing_imports_the_airbyte_connectors():
    """Only the connectors import Airbyte's models; no other module imports a connector."""
    entries = {ROOT / TAP / "airbyte", ROOT / TARGET / "airbyte"}
    behind = [path for path in PRODUCT if path.parent not in entries]
    assert importers_of("airbyte_protocol_dataclasses", behind) == set()
    names = {name for path in behind for name in imports_of(path)}
    assert {
        name for name in names if name.startswith((f"{TAP}.airbyte", f"{TARGET}.airbyte"))
    } == set()


def test_the_destination_takes_the_protocol_from_the_source_and_no_more():
    """The destination imports the shared packages and the protocol modules of the source."""
    own = {name for path in files_of(f"{TARGET}.airbyte") for name in imports_of(path)}
    used = {(*name.split(".")[1:3], "")[:2] for name in own if name.startswith(f"{TAP}.")}
    assert {part for unit, part in used if unit == "airbyte"} <= AIRBYTE_SHARED
    assert {unit for unit, _ in used} <= SHARED | {"airbyte"}


def test_the_sandbox_shares_no_code_with_the_product():
    """The sandbox imports neither package, so the two cannot be wrong together."""
    sources = files_of(SANDBOX)
    assert sources
    assert importers_of(TAP, sources) | importers_of(TARGET, sources) == set()


def test_the_product_does_not_need_the_tests():
    """The wheel holds no tests."""
    assert importers_of("tests", PRODUCT) == set()

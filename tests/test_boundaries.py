"""The laws of the house, read off the imports: which room may know of what."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
TAP, TARGET, SANDBOX = "tap_activecampaign_unified", "target_activecampaign", "tests.sandbox"
FRONT_DOORS = {"tap.py", "streams.py", "output.py", "target.py"}
FRONT_DOOR = {"settings", "connection", "cli", "report", "starting", "progress"}
SHARED_ROOMS = FRONT_DOOR | {"files", "database", "postgres", "api", "unified", "access"}
# What the destination takes from the source, and nothing else of it.
AIRBYTE_SHARED = {"connector", "errors", "protocol", "spec", "writer", "installation"}
NO_ROOMS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "tools"}
# What a pure room may import from the standard library: nothing that opens, sends or waits.
PURE = {
    "__future__",
    "collections",
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
MOST_LINES = 400
IMPORT_NAMES = {
    "python-backoff": "backoff",
    "singer-sdk": "singer_sdk",
    "airbyte-protocol-models-dataclasses": "airbyte_protocol_dataclasses",
}


def files_of(package: str) -> list[Path]:
    """Return the sources of a package."""
    return sorted((ROOT / package.replace(".", "/")).rglob("*.py"))


PRODUCT = [*files_of(TAP), *files_of(TARGET)]


def shown(path: Path) -> str:
    """Return a source's name as people say it."""
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a source as a tree."""
    return ast.parse(path.read_text())


def is_type_checking(node: ast.AST) -> bool:
    """Say whether a statement is only for type checkers."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes_of(path: Path, *, typing: bool) -> Iterator[ast.AST]:
    """Walk a source; without ``typing`` what runs, not what only type checkers see."""
    waiting: list[ast.AST] = [tree_of(path)]
    while waiting:
        node = waiting.pop()
        yield node
        if is_type_checking(node) and not typing:
            waiting.extend(node.orelse)  # type: ignore[attr-defined]  # it is an If
        else:
            waiting.extend(ast.iter_child_nodes(node))


def imports_of(path: Path, *, typing: bool = True) -> set[str]:
    """Return the full dotted names of what a source imports, relative ones resolved."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in nodes_of(path, typing=typing):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*here, *([node.module] if node.module else [])])
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def importers_of(module: str, paths: list[Path], *, typing: bool = True) -> set[str]:
    """Return which sources import a module or anything in it."""
    return {
        shown(path)
        for path in paths
        if any(name.split(".")[0] == module for name in imports_of(path, typing=typing))
    }


def test_the_walk_sees_what_it_should(tmp_path):
    """A law proves nothing if its eyes are shut."""
    assert len(PRODUCT) > 50
    assert importers_of("singer_sdk", PRODUCT)
    assert importers_of("requests", PRODUCT)
    assert f"{TAP}.api.errors.CallError" in imports_of(ROOT / TAP / "api" / "client.py")
    assert f"{TAP}.unified.codecs.text" in imports_of(ROOT / TAP / "unified/crm/users.py")


def test_only_the_front_doors_know_singer():
    """Everything behind tap, streams, output and target works without the SDK."""
    fronts = {ROOT / TAP / "airbyte", ROOT / TARGET / "airbyte"}
    behind = [path for path in PRODUCT if path.parent not in fronts]
    assert {Path(name).name for name in importers_of("singer_sdk", behind)} <= FRONT_DOORS


def test_only_the_api_speaks_http():
    """Inside the packages nobody but api/ imports requests, except to name a type."""
    outside = [path for path in PRODUCT if path.parent != ROOT / TAP / "api"]
    assert importers_of("requests", outside, typing=False) == set()
    assert importers_of("urllib3", outside) == set()
    assert importers_of("http", outside) == set()
    assert importers_of("socket", outside) == set()


@pytest.mark.parametrize("path", files_of(f"{TAP}.unified"), ids=shown)
def test_the_dictionary_does_nothing_but_translate(path):
    """unified/ imports itself and what is pure of the standard library, and does no I/O."""
    foreign = {n for n in imports_of(path) if not n.startswith(f"{TAP}.unified")}
    assert {name.split(".")[0] for name in foreign} <= PURE
    called = {
        ast.unparse(node.func)
        for node in nodes_of(path, typing=False)
        if isinstance(node, ast.Call)
    }
    assert called & DOES_IO == set()
    assert not {name for name in called if name.endswith((".now", ".today", ".utcnow"))}


@pytest.mark.parametrize("path", files_of(f"{TAP}.api"), ids=shown)
def test_the_api_knows_nobody_in_the_house(path):
    """api/ imports nothing of its host but itself, so it could move out as it stands."""
    own = {name for name in imports_of(path) if name.startswith((TAP, TARGET, "tests"))}
    assert {name for name in own if not name.startswith(f"{TAP}.api")} == set()


def test_planning_is_pure():
    """What the target plans is thought out before anything is called."""
    for name in ("wishes.py", "policy.py", "lines.py"):
        path = ROOT / TARGET / name
        assert importers_of("requests", [path]) | importers_of("singer_sdk", [path]) == set()


def test_the_target_enters_the_taps_package_by_the_shared_rooms_only():
    """What both programs share is named; the tap's own rooms stay its own."""
    used = {
        (shown(path), name.split(".")[1])
        for path in files_of(TARGET)
        for name in imports_of(path)
        if name.startswith(f"{TAP}.")
    }
    assert used
    used = {entry for entry in used if not entry[0].startswith(f"{TARGET}/airbyte/")}
    assert {entry for entry in used if entry[1] not in SHARED_ROOMS} == set()


def test_nothing_imports_the_airbyte_connectors():
    """Only the connectors import Airbyte's models; no other module imports a connector."""
    fronts = {ROOT / TAP / "airbyte", ROOT / TARGET / "airbyte"}
    behind = [path for path in PRODUCT if path.parent not in fronts]
    assert importers_of("airbyte_protocol_dataclasses", behind) == set()
    names = {name for path in behind for name in imports_of(path)}
    assert {
        name for name in names if name.startswith((f"{TAP}.airbyte", f"{TARGET}.airbyte"))
    } == set()


def test_the_destination_takes_the_protocol_from_the_source_and_no_more():
    """The destination imports the shared packages and the protocol modules of the source."""
    own = {name for path in files_of(f"{TARGET}.airbyte") for name in imports_of(path)}
    used = {(*name.split(".")[1:3], "")[:2] for name in own if name.startswith(f"{TAP}.")}
    assert {part for room, part in used if room == "airbyte"} <= AIRBYTE_SHARED
    assert {room for room, _ in used} <= SHARED_ROOMS | {"airbyte"}


def test_the_tap_does_not_know_the_target():
    """Arrows point one way."""
    assert importers_of(TARGET, files_of(TAP)) == set()


def test_the_measuring_equipment_shares_no_code_with_what_it_measures():
    """The sandbox imports neither package, so the two cannot be wrong together."""
    sources = files_of(SANDBOX)
    assert sources
    assert importers_of(TAP, sources) | importers_of(TARGET, sources) == set()


def test_the_product_does_not_need_the_tests():
    """The wheel holds no tests."""
    assert importers_of("tests", PRODUCT) == set()


def test_every_room_has_a_name_of_its_own():
    """A room that cannot be named is not a room."""
    parts = {part.removesuffix(".py") for path in PRODUCT for part in path.parts}
    assert parts & NO_ROOMS == set()


@pytest.mark.parametrize("path", PRODUCT, ids=shown)
def test_no_room_is_too_large_to_read(path):
    """Four hundred lines at most."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


def undocumented(path: Path) -> Iterator[str]:
    """Name the module, and the public classes and functions in it, that say nothing."""
    tree = tree_of(path)
    if not ast.get_docstring(tree):
        yield shown(path)
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{shown(path)}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            waiting.extend(node.body)


@pytest.mark.parametrize("path", PRODUCT, ids=shown)
def test_every_public_name_says_what_it_is(path):
    """Modules, classes and functions have a docstring each."""
    assert list(undocumented(path)) == []


@cache
def dependencies() -> dict[str, str]:
    """Return the runtime dependencies, those of extras too: name to requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = itertools.chain(*project["optional-dependencies"].values())
    asked = [*project["dependencies"], *extras]
    return {re.split(r"[^\w.-]", one)[0].lower(): one for one in asked}


def test_the_retry_waits_come_from_the_package_that_is_maintained():
    """`python-backoff` and `backoff` install the same folder: never both."""
    assert "python-backoff" in dependencies()
    assert "backoff" not in dependencies()


def test_every_dependency_is_used():
    """What nobody imports is not asked of the user."""
    for name in dependencies():
        module = IMPORT_NAMES.get(name, name.replace("-", "_"))
        assert importers_of(module, PRODUCT, typing=False), name


def test_everything_imported_is_a_dependency():
    """Nothing is found only because another package happened to bring it."""
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in dependencies()}
    known |= {TAP, TARGET} | sys.stdlib_module_names
    used = {name.split(".")[0] for path in PRODUCT for name in imports_of(path, typing=False)}
    assert used - known == set()

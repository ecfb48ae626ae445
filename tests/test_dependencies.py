"""Every dependency is imported, and everything imported is a dependency."""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
from functools import cache

from tests.sources import PRODUCT, ROOT, TAP, TARGET, importers_of, imports_of

IMPORT_NAMES = {
    "python-backoff": "backoff",
    "singer-sdk": "singer_sdk",
    "airbyte-protocol-models-dataclasses": "airbyte_protocol_dataclasses",
}


@cache
def dependencies() -> dict[str, str]:
    """Return the runtime dependencies, those of extras too: name to requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = itertools.chain(*project["optional-dependencies"].values())
    requirements = [*project["dependencies"], *extras]
    return {
        re.split(r"[^\w.-]", requirement)[0].lower(): requirement for requirement in requirements
    }


def test_the_retry_waits_come_from_the_package_that_is_maintained():
    """`python-backoff` and `backoff` install the same folder: never both."""
    assert "python-backoff" in dependencies()
    assert "backoff" not in dependencies()


def test_every_dependency_is_used():
    """Every dependency is imported by some module."""
    for name in dependencies():
        module = IMPORT_NAMES.get(name, name.replace("-", "_"))
        assert importers_of(module, PRODUCT, typing=False), name


def test_everything_imported_is_a_dependency():
    """Every imported package is a declared dependency."""
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in dependencies()}
    known |= {TAP, TARGET} | sys.stdlib_module_names
    used = {name.split(".")[0] for path in PRODUCT for name in imports_of(path, typing=False)}
    assert used - known == set()

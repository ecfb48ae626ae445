"""Cases of a matrix, of which `make test` runs a few and `make test-long` the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence


def briefly(cases: Sequence[Any], count: int) -> list[Any]:
    """Return cases for `parametrize`, of which only the first ``count`` run in `make test`."""
    long = pytest.mark.long
    rest = [pytest.param(*(c if isinstance(c, tuple) else (c,)), marks=long) for c in cases[count:]]
    return [*cases[:count], *rest]

"""Cases of a matrix: `make test` runs a few of them, `make test-long` the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence


def briefly(cases: Sequence[Any], count: int) -> list[Any]:
    """Return cases for `parametrize`; `make test` runs the first ``count`` of them."""
    long = pytest.mark.long
    rest = [pytest.param(*(c if isinstance(c, tuple) else (c,)), marks=long) for c in cases[count:]]
    return [*cases[:count], *rest]

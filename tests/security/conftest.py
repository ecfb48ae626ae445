"""The account and the lab of the target's tests."""

from tests.target.conftest import lab, make_lab

__all__ = ["lab", "make_lab"]

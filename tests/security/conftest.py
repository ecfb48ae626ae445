"""A small account and a lab for it, as the target's own tests have them."""

from tests.target.conftest import lab, make_lab

__all__ = ["lab", "make_lab"]

"""The account and the runner of the target's tests."""

from tests.target.conftest import make_runner, runner

__all__ = ["make_runner", "runner"]

"""A local ActiveCampaign account: the API's own shapes, rules, limits, quirks and faults.

It has three interfaces: `SandboxAdapter` for tests in the same process, `serve` for HTTP clients,
and `World`, whose tables and request log tests read directly.
"""

from tests.sandbox.adapter import SandboxAdapter, session_of
from tests.sandbox.clock import FakeClock
from tests.sandbox.server import Served, serve
from tests.sandbox.shape import Shape
from tests.sandbox.switches import Switches
from tests.sandbox.world import World

__all__ = [
    "FakeClock",
    "SandboxAdapter",
    "Served",
    "Shape",
    "Switches",
    "World",
    "serve",
    "session_of",
]

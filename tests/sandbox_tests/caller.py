"""A client of a sandbox account, for its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox import FakeClock, SandboxAdapter, World, session_of

if TYPE_CHECKING:
    import requests


class Caller:
    """A session on a world."""

    def __init__(self, world: World) -> None:
        """Mount the world."""
        self.world = world
        self.session = session_of(SandboxAdapter(world))
        self.session.headers["Api-Token"] = world.api_key

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        """Send one request."""
        url = f"{self.world.base_url}/api/3{path}"
        return self.session.request(
            method, url, json=body, params=params or None, timeout=60, allow_redirects=False
        )

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """Send one request; return its status and document."""
        answer = self.call(method, path, body, **params)
        return answer.status_code, answer.json()

    def get(self, path: str, **params: Any) -> Any:
        """Return a document that must exist."""
        status, document = self.ask("GET", path, **params)
        assert status == 200, document
        return document

    def rows(self, path: str, **params: Any) -> list[Any]:
        """Return the main collection of a page, named like the end of the path."""
        return self.get(path, **params)[path.rstrip("/").rpartition("/")[2]]


def caller_of(**options: Any) -> Caller:
    """Return a caller of a new world with a constant clock and without a limit."""
    options = {"clock": FakeClock(), "requests_per_second": 0} | options
    return Caller(World(**options))

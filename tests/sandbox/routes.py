"""The handler of each method and path."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[..., Any]

_ROUTES: dict[tuple[str, int], list[tuple[list[str], Any]]] = defaultdict(list)


def route(methods: str, *patterns: str) -> Callable[[Handler], Handler]:
    """Register a handler; `{id}` is a number, `{name:text}` is any text.

    Literal segments have priority over placeholders, in any order of registration.
    """

    def register(handler: Handler) -> Handler:
        for pattern in patterns:
            segments = pattern.strip("/").split("/")
            for method in methods.split("|"):
                routes = _ROUTES[method, len(segments)]
                routes.append((segments, handler))
                routes.sort(key=lambda entry: [part.startswith("{") for part in entry[0]])
        return handler

    return register


def find(method: str, path: str) -> tuple[Handler, list[Any]] | None:
    """Return the handler of a path and the values of its placeholders."""
    parts = path.strip("/").split("/")
    for segments, handler in _ROUTES[method, len(parts)]:
        found: list[Any] = []
        for segment, part in zip(segments, parts, strict=True):
            if segment == part:
                continue
            if segment == "{id}" and part.isdecimal():
                found.append(int(part))
            elif segment.endswith(":text}"):
                found.append(part)
            else:
                break
        else:
            return handler, found
    return None


def patterns() -> list[tuple[str, str]]:
    """Return every method and pattern, for the comparison with the documentation."""
    return sorted(
        (method, "/" + "/".join(segments))
        for (method, _), routes in _ROUTES.items()
        for segments, _ in routes
    )

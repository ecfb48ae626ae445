"""Whether the account has e-commerce, and its answers without it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from tests.sandbox.remaining import invented
from tests.sandbox.wire import Answer, html_not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

    Handler = Callable[..., Any]


def is_served(w: World) -> bool:
    """Return whether the account has tables of e-commerce."""
    return w.switches.ecommerce == "served"


def closed(w: World) -> Answer:
    """Answer as an account without the feature."""
    match w.switches.ecommerce, w.switches.ecommerce_closed:
        case "closed", 403:
            return Answer(403, {"message": "Forbidden"})
        case _:
            return html_not_found()


def if_served(handler: Handler) -> Handler:
    """Use a handler only if the account serves e-commerce.

    An account with invented rows answers these on GET and has no other request. A closed account
    whose GraphQL answers `errors` has empty REST collections.
    """

    @wraps(handler)
    def answer(w: World, r: Request, *arguments: Any) -> Any:
        switches = w.switches
        if is_served(w):
            return handler(w, r, *arguments)
        if switches.ecommerce == "invented" and r.method == "GET" and not arguments:
            return invented(w, r)
        is_empty = switches.ecommerce == "closed" and switches.ecommerce_closed == "errors"
        if is_empty and r.method == "GET":
            return handler(w, r, *arguments)
        return closed(w)

    return answer

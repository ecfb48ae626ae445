"""The path of the GraphQL store. The first request imports the GraphQL library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.sandbox.ecommerce.gate import closed, is_served
from tests.sandbox.routes import route

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


@route("POST", "/ecom/graphql")
def answer_graphql(w: World, r: Request) -> Any:
    """Answer a GraphQL request, with status 200 for errors too."""
    if w.switches.ecommerce == "closed" and w.switches.ecommerce_closed == "errors":
        error = {"message": "This account does not have the feature", "extensions": {}}
        return {"errors": [error], "data": None}
    if not is_served(w):
        return closed(w)
    return import_module("tests.sandbox.ecommerce.graphql_api").respond(w, r.json)

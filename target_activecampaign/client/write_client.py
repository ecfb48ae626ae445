"""Sends all write requests. In a dry run, counts them instead."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import ApiResponse, Client
from tap_activecampaign_unified.client.graphql import run_graphql

if TYPE_CHECKING:
    from collections.abc import Sequence

Body = dict[str, Any]


class WriteClient:
    """Sends write requests; ``planned`` counts those of a dry run, by method and endpoint."""

    def __init__(self, client: Client, *, is_dry_run: bool = False) -> None:
        self.client = client
        self.is_dry_run = is_dry_run
        self.planned: Counter[str] = Counter()
        self._made = 0

    def write(
        self,
        method: str,
        path: str,
        body: Body | list[Body] | None = None,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        repeatable: bool | None = None,
    ) -> ApiResponse:
        """Send one request. A dry run returns a likely response with an invented id instead."""
        if not self.is_dry_run:
            return self.client.send(method, path, params=params, json=body, repeatable=repeatable)
        endpoint = "/".join("{id}" if _is_id(part) else part for part in path.split("/"))
        self.planned[f"{method} {endpoint}"] += 1
        answer: Body = {}
        for name, value in body.items() if isinstance(body, dict) else ():
            if isinstance(value, dict):
                answer[name] = {"id": self.plan_id(), **value}
        return ApiResponse(201 if method == "POST" else 200, answer, None)

    def mutate(self, name: str, document: str, variables: Body) -> Body:
        """Send a GraphQL mutation that may be repeated, and return its `data`.

        A dry run counts it under its name and returns an empty object.
        """
        if not self.is_dry_run:
            return run_graphql(self.client, document, variables)
        self.planned[f"POST ecom/graphql {name}"] += 1
        return {}

    def plan_id(self) -> str:
        """Return an invented id for a record that a dry run would create."""
        self._made += 1
        return f"planned-{self._made}"


def is_planned(native_id: str | None) -> bool:
    """Return whether a dry run invented an id."""
    return bool(native_id) and str(native_id).startswith("planned-")


def _is_id(part: str) -> bool:
    return part.isdigit() or is_planned(part)

"""Requests, answers, refusals, and their JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote, unquote_plus

API = "/api/3"


def parse_query(raw: str) -> list[tuple[str, str]]:
    """Decode a query string; a `+` is a plus in search parameters, and a space elsewhere."""
    pairs = []
    for part in raw.split("&") if raw else []:
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        literal = name == "search" or name.startswith("filters[search]")
        pairs.append((name, unquote(value) if literal else unquote_plus(value)))
    return pairs


class Raw(str):
    """Text that is JSON."""

    __slots__ = ()


@dataclass
class Answer:
    """The result of a handler: a status and a document, or raw bytes."""

    status: int = 200
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def encoded(self) -> bytes:
        """Return the body as PHP writes it: ASCII only, slashes escaped."""
        return self.raw if self.raw is not None else encode(self.document)


def encode(document: Any) -> bytes:
    """Format a document; top-level values that are `Raw` are used as they are."""
    if isinstance(document, dict):
        parts = (
            f'"{key}":{value if type(value) is Raw else compact(value)}'
            for key, value in document.items()
        )
        text = "{" + ",".join(parts) + "}"
    else:
        text = compact(document)
    return text.replace("/", "\\/").encode("ascii")


def compact(value: Any) -> str:
    """Format JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


class Refusal(Exception):
    """An answer that ends the request where it is raised."""

    def __init__(self, status: int, document: Any) -> None:
        """Keep the answer."""
        super().__init__(status, document)
        self.answer = Answer(status, document)


class Lost(Exception):
    """The connection breaks without an answer; `kind` is reset, chunk or timeout."""

    def __init__(self, kind: str = "reset", partial: bytes = b"") -> None:
        """Keep the bytes that arrived."""
        super().__init__(kind)
        self.kind = kind
        self.partial = partial


@dataclass
class Request:
    """A request for a handler; `path` is what follows /api/3."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @cached_property
    def params(self) -> dict[str, str]:
        """The query as a mapping; the last of equal keys wins, as in PHP."""
        return dict(self.query)

    def every(self, key: str) -> list[str]:
        """Return all values of a repeatable parameter, such as `ids[]`."""
        return [value for name, value in self.query if name == key]

    def number(self, key: str) -> int | None:
        """Return a numeric parameter, or None if it is absent or not a number."""
        value = self.params.get(key, "")
        return int(value) if value.lstrip("-").isdecimal() else None

    @cached_property
    def json(self) -> Any:
        """The decoded body; a body that is not JSON is refused."""
        if not self.body:
            return {}
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refusal(400, {}) from None

    def wrapped(self, key: str) -> dict[str, Any]:
        """Return the object under its wrapper, empty if it is absent."""
        document = self.json
        inner = document.get(key) if isinstance(document, dict) else None
        return inner if isinstance(inner, dict) else {}


def as_id(value: Any) -> int | None:
    """Parse an id, which clients may send as text or as an int."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


def as_text(value: Any) -> str:
    """Convert a value for a text column as PHP does."""
    if isinstance(value, bool) or value is None:
        return "1" if value else ""
    return "Array" if isinstance(value, (list, dict)) else str(value)


def missing(model: str, row_id: object) -> Refusal:
    """Refuse with the 404 that names the internal model."""
    return Refusal(404, {"message": f"No Result found for {model} with id {row_id}"})


def missing_plain() -> Refusal:
    """Refuse with the 404 of custom fields and their data."""
    return Refusal(404, {"errors": [{"status": 404, "title": "Not Found"}]})


def invalid(code: str, pointer: str | None, title: str, error: str | None = None) -> Refusal:
    """Refuse with the 422 of validation."""
    entry: dict[str, Any] = {"title": title, "detail": "", "code": code}
    if error is not None:
        entry["error"] = error
    if pointer is not None:
        entry["source"] = {"pointer": f"/data/attributes/{pointer}"}
    return Refusal(422, {"errors": [entry]})


def not_provided(singular: str, attribute: str, *, slug: bool = True) -> Refusal:
    """Refuse because an attribute is missing, with the text of the newer models."""
    error = f"{singular.lower()}_{attribute}_was_not_provided" if slug else None
    return invalid(
        "field_missing", attribute, f"The {singular} {attribute} was not provided.", error
    )


def related_missing(attribute: str, noun: str) -> Refusal:
    """Refuse because the row of a reference does not exist."""
    error = f"{noun.lower()}_not_exist"
    return invalid("related_missing", attribute, f"Related {noun} does not exist.", error)


def require(body: dict[str, Any], singular: str, *attributes: str) -> None:
    """Refuse unless every attribute has a value."""
    for attribute in attributes:
        if body.get(attribute) in (None, ""):
            raise not_provided(singular, attribute)


def html_not_found() -> Answer:
    """Answer an unknown route as ActiveCampaign does, with HTML."""
    body = b'<div align="center"><h1>404</h1><p>Not Found</p></div>\n'
    return Answer(404, raw=body, headers={"Content-Type": "text/html; charset=UTF-8"})

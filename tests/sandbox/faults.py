"""Faults: rules that replace, change or lose an answer."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sandbox.wire import API, Answer, Lost, encode

if TYPE_CHECKING:
    from collections.abc import Callable

TROUBLE = "<html><head><title>Trouble</title></head><body><h1>{status}</h1></body></html>"
TRANSIENT = ("throttle", "forbid", "server_error", "empty_body", "truncated_json", "reset")
Kind = str | tuple[str, dict[str, Any]]  # a fault, or a fault with its arguments


@dataclass
class Fault:
    """One rule: which requests it affects, how often, and what it does."""

    kind: str
    prefix: str
    method: str | None
    times: int | None
    after: int
    spoil: Callable[[Callable[[], Answer]], Answer]
    hits: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Return whether it affects this request, and count it."""
        if self.times == 0 or (self.method and self.method != method):
            return False
        if not path.startswith(self.prefix):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


class Faults:
    """All faults; each method adds a rule, and the oldest rule that applies is used.

    Common arguments: `prefix` ("/contacts", empty for everything), `times` (None: always), `method`
    (None: any), `after` (the number of requests to let pass first).
    """

    def __init__(self) -> None:
        """Start with none."""
        self.rules: list[Fault] = []
        self.is_lapsed = False
        self.deaf_to: tuple[str, ...] = ()
        self._mix: tuple[float, random.Random, tuple[Kind, ...]] | None = None

    def clear(self) -> None:
        """Remove all faults."""
        self.rules.clear()
        self.is_lapsed = False
        self.deaf_to = ()
        self._mix = None

    def throttle(
        self,
        times: int | None = 1,
        prefix: str = "",
        *,
        retry_after: int | str | None = 30,
        status: int = 429,
        body: bytes | str | dict[str, Any] = b"",
        **where: Any,
    ) -> Fault:
        """Refuse as beyond the rate limit (§4); the body is undocumented, so any may be given."""
        headers = {"RateLimit-Limit": "5", "RateLimit-Remaining": "0"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._replace(
            "throttle", prefix, times, Answer(status, None, headers, _raw(body)), where
        )

    def forbid(self, prefix: str = "", times: int | None = None, **where: Any) -> Fault:
        """Answer 403 (§5.4): always means plan or permission, a few times a glitch."""
        return self._replace("forbid", prefix, times, Answer(403, {"message": "Forbidden"}), where)

    def server_error(
        self,
        prefix: str = "",
        status: int = 502,
        html: str | None = None,
        times: int | None = 1,
        **where: Any,
    ) -> Fault:
        """Answer 5xx with HTML (§5.1); the request was not processed."""
        body = (html if html is not None else TROUBLE.format(status=status)).encode()
        answer = Answer(status, None, {"Content-Type": "text/html"}, body)
        return self._replace("server_error", prefix, times, answer, where)

    def not_found(self, prefix: str, times: int | None = None, **where: Any) -> Fault:
        """Answer the HTML 404 of an unknown route (§5.3), as plans without a feature do."""
        body = TROUBLE.format(status=404).encode()
        answer = Answer(404, None, {"Content-Type": "text/html"}, body)
        return self._replace("not_found", prefix, times, answer, where)

    def html_200(self, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Answer 200 with an HTML page (§5.6); the request was not processed."""
        answer = Answer(
            200, None, {"Content-Type": "text/html"}, TROUBLE.format(status="Wait").encode()
        )
        return self._replace("html_200", prefix, times, answer, where)

    def complaint_200(self, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Answer 200 with a message in place of data; the request was not processed."""
        answer = Answer(200, {"message": "Temporarily unavailable"})
        return self._replace("complaint_200", prefix, times, answer, where)

    def empty_body(self, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Process the request and answer with its status and no body (§5.6)."""
        return self._spoil("empty_body", prefix, times, lambda _real: b"", where)

    def truncated_json(
        self, prefix: str = "", times: int | None = 1, *, keep: float = 0.6, **where: Any
    ) -> Fault:
        """Process the request and truncate its JSON (§5.6)."""
        return self._spoil(
            "truncated_json", prefix, times, lambda real: real[: int(len(real) * keep)], where
        )

    def reset(self, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Break the connection before the request is processed (§5.6)."""

        def lose(handle: Callable[[], Answer]) -> Answer:
            raise Lost("reset")

        return self._add("reset", prefix, times, lose, where)

    def reset_after_apply(
        self, prefix: str = "", times: int | None = 1, *, kind: str = "reset", **where: Any
    ) -> Fault:
        """Process the request and lose the answer; `kind` is reset, chunk or timeout."""

        def lose(handle: Callable[[], Answer]) -> Answer:
            answer = handle()
            raise Lost(kind, answer.encoded()[:200])

        return self._add("reset_after_apply", prefix, times, lose, where)

    def apply_late(
        self,
        prefix: str,
        later: Callable[[Callable[[], object]], None],
        times: int | None = 1,
        **where: Any,
    ) -> Fault:
        """Lose the answer at once; `later` takes the request, to process it at another time."""

        def lose(handle: Callable[[], Answer]) -> Answer:
            later(handle)
            raise Lost("reset")

        return self._add("apply_late", prefix, times, lose, where)

    def late_trouble(
        self, prefix: str = "", times: int | None = 1, *, status: int = 524, **where: Any
    ) -> Fault:
        """Process the request and answer 5xx with HTML: 524 is Cloudflare's own time-out."""

        def spoil(handle: Callable[[], Answer]) -> Answer:
            handle()
            body = TROUBLE.format(status=status).encode()
            return Answer(status, None, {"Content-Type": "text/html"}, body)

        return self._add("late_trouble", prefix, times, spoil, where)

    def refuse(
        self, prefix: str, document: Any, times: int | None = 1, *, status: int = 422, **where: Any
    ) -> Fault:
        """Refuse with a body of any shape (§5.2); the request was not processed."""
        return self._replace("refuse", prefix, times, Answer(status, document), where)

    def rewrite(
        self, prefix: str, edit: Callable[[Any], None], times: int | None = None, **where: Any
    ) -> Fault:
        """Process the request and let `edit` change the document of a good answer."""

        def spoil(handle: Callable[[], Answer]) -> Answer:
            answer = handle()
            if answer.status < 300:
                document = json.loads(answer.encoded())
                edit(document)
                answer.raw = encode(document)
            return answer

        return self._add("rewrite", prefix, times, spoil, where)

    def foreign_type(self, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Answer JSON with the content type of HTML (§5.5, §5.6)."""

        def spoil(handle: Callable[[], Answer]) -> Answer:
            answer = handle()
            answer.headers["Content-Type"] = "text/html; charset=UTF-8"
            return answer

        return self._add("foreign_type", prefix, times, spoil, where)

    def deaf(self, *parameters: str) -> None:
        """Ignore query parameters with this prefix, as accounts do with unknown filters."""
        self.deaf_to = parameters

    def slow(self, seconds: float, prefix: str = "", times: int | None = 1, **where: Any) -> Fault:
        """Process the request and answer late: the answer is lost after the client's timeout."""

        def wait(handle: Callable[[], Answer]) -> Answer:
            answer = handle()
            answer.headers["X-Sandbox-Delay"] = str(seconds)
            return answer

        return self._add("slow", prefix, times, wait, where)

    def redirect(
        self, prefix: str, location: str, times: int | None = 1, *, status: int = 302, **where: Any
    ) -> Fault:
        """Redirect the client; a key must not follow to another host."""
        answer = Answer(status, None, {"Location": location}, b"")
        return self._replace("redirect", prefix, times, answer, where)

    def no_crm(self) -> None:
        """Forbid what a plan without the CRM forbids (§11 item 15)."""
        for prefix in ("/deal", "/accounts", "/account", "/notes", "/contactDeals"):
            self.forbid(prefix)

    def lapsed(self, *, is_lapsed: bool = True) -> None:
        """Answer 402 with an empty body to everything (§1)."""
        self.is_lapsed = is_lapsed

    def mix(self, rate: float, seed: int = 1, kinds: tuple[Kind, ...] = TRANSIENT) -> None:
        """Give a share of all requests a random fault; the same seed gives the same faults."""
        self._mix = (rate, random.Random(seed), kinds)

    def strike(self, method: str, path: str, handle: Callable[[], Answer]) -> Answer:
        """Answer a request, with a fault if a rule applies to it."""
        for rule in self.rules:
            if rule.takes(method, path):
                return rule.spoil(handle)
        if self._mix is not None:
            rate, dice, kinds = self._mix
            if dice.random() < rate:
                once = Faults()
                kind, options = _kind_and_options(dice.choice(kinds))
                made: Fault = getattr(once, kind)(times=1, **options)
                return made.spoil(handle)
        return handle()

    def _add(
        self, kind: str, prefix: str, times: int | None, spoil: Any, where: dict[str, Any]
    ) -> Fault:
        prefix = prefix.removeprefix(API)
        if prefix and not prefix.startswith("/"):
            prefix = "/" + prefix
        method = where.pop("method", None)
        after = where.pop("after", 0)
        if where:
            raise TypeError(f"unknown arguments: {sorted(where)}")
        rule = Fault(kind, prefix, method, times, after, spoil)
        self.rules.append(rule)
        return rule

    def _replace(
        self, kind: str, prefix: str, times: int | None, answer: Answer, where: dict[str, Any]
    ) -> Fault:
        def spoil(handle: Callable[[], Answer]) -> Answer:
            return Answer(answer.status, answer.document, dict(answer.headers), answer.raw)

        return self._add(kind, prefix, times, spoil, where)

    def _spoil(
        self,
        kind: str,
        prefix: str,
        times: int | None,
        cut: Callable[[bytes], bytes],
        where: dict[str, Any],
    ) -> Fault:
        def spoil(handle: Callable[[], Answer]) -> Answer:
            answer = handle()
            answer.raw = cut(answer.encoded())
            return answer

        return self._add(kind, prefix, times, spoil, where)


def _kind_and_options(kind: Kind) -> tuple[str, dict[str, Any]]:
    if not isinstance(kind, str):
        return kind
    return kind, {"retry_after": 1} if kind == "throttle" else {}


def _raw(body: bytes | str | dict[str, Any]) -> bytes:
    if isinstance(body, dict):
        return encode(body)
    return body.encode() if isinstance(body, str) else body

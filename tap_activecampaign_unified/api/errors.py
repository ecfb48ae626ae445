"""What can go wrong on the line, grouped by what to do next.

    ActiveCampaignError
    ├── BadAddress        mend the setting ``api_url`` (never leaves the settings check)
    ├── RunEnds           nothing further can work: end the run, state as it was
    │   ├── BadCredential     the key is wrong
    │   ├── AccountLapsed     the account is not paid (402)
    │   └── Unreachable       no such host, TLS failure, nothing answers
    ├── Forbidden         this plan or key may not read here: skip or fail, by setting
    ├── Missing           no such row, or no such endpoint
    ├── Refused           the request is at fault (400, 422): mend the row
    ├── ServerTrouble     ActiveCampaign could not deliver, however often asked
    │   └── UnexpectedAnswer  the answer has no rows under any of the names they go by
    └── Unconfirmed       a write may have happened: look before trying again

Every message says what was attempted, what came back and what to do. None holds a key, a query
string or a body: those may carry secrets and personal data.
"""

from __future__ import annotations

import re

# What ActiveCampaign repeats of a row stands in quotes, or is an address.
_REPEATED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|[^\s'"<>(]*@[^\s'"<>),;]*""")


class ActiveCampaignError(Exception):
    """Anything that goes wrong between us and ActiveCampaign."""


class BadAddress(ActiveCampaignError):
    """``api_url`` cannot be an ActiveCampaign account's address."""


class RunEnds(ActiveCampaignError):
    """No request of this run can succeed."""


class BadCredential(RunEnds):
    """ActiveCampaign does not accept the key."""


class AccountLapsed(RunEnds):
    """ActiveCampaign answers 402: the account is unpaid or expired."""


class Unreachable(RunEnds):
    """No ActiveCampaign account answers at the address."""


class CallError(ActiveCampaignError):
    """One call failed; ``method``, ``path`` and ``status`` (None: no answer) say which."""

    def __init__(self, problem: str, *, method: str, path: str, status: int | None = None) -> None:
        """Keep the facts beside the sentence."""
        super().__init__(f"{method} {path}: {problem}")
        self.problem, self.method, self.path, self.status = problem, method, path, status


class Forbidden(CallError):
    """The key's user or the account's plan may not do this (403, while the key is good).

    ``reasons`` holds ActiveCampaign's words, if any: some endpoints answer so for a single row.
    """

    reasons: tuple[Reason, ...] = ()


class Missing(CallError):
    """There is no such row (404 with JSON), or no such endpoint (404 with HTML: `is_endpoint`)."""

    is_endpoint = False


class Refused(CallError):
    """ActiveCampaign refuses the request; ``reasons`` holds its sentences and pointers."""

    def __init__(
        self, problem: str, *, method: str, path: str, status: int, reasons: tuple[Reason, ...] = ()
    ) -> None:
        """Keep the reasons for the row's result."""
        super().__init__(problem, method=method, path=path, status=status)
        self.reasons = reasons


class ServerTrouble(CallError):
    """The server failed, hung up or sent no usable JSON until patience ran out."""


class UnexpectedAnswer(ServerTrouble):
    """An answer without the array that it should hold: it does not prove that there are no rows."""


class Unconfirmed(CallError):
    """The answer to a write that must not be repeated blindly was lost."""


class Reason:
    """One complaint of ActiveCampaign: ``text``, its ``code`` and the attribute it points at."""

    __slots__ = ("attribute", "code", "text")

    def __init__(self, text: str, code: str = "", attribute: str = "") -> None:
        """Keep the three parts; empty where ActiveCampaign is silent."""
        self.text, self.code, self.attribute = text, code, attribute

    def __str__(self) -> str:
        """Text, code and attribute as one phrase."""
        extra = ", ".join(part for part in (self.code, self.attribute) if part)
        return f"{self.text} ({extra})" if extra and self.text else self.text or extra


def impersonal(text: str) -> str:
    """Return ActiveCampaign's words without what they repeat of a row: fit for a log."""
    return _REPEATED.sub("…", text)


def reasons_of(body: object) -> tuple[Reason, ...]:
    """Read the complaints out of any of ActiveCampaign's eight shapes of a 400 or 422 body."""
    if not isinstance(body, dict):
        return ()
    errors, failures = body.get("errors"), body.get("failureReasons")
    found = [Reason(errors)] if isinstance(errors, str) else []
    found += [_of_error(error) for error in (errors if isinstance(errors, list) else ())]
    found += [_of_failure(one) for one in (failures if isinstance(failures, list) else ())]
    found = [reason for reason in found if str(reason)]
    if not found:
        texts = [str(body[key]) for key in ("message", "error") if body.get(key)]
        if texts:
            found.append(Reason(": ".join(texts)))
    return tuple(found)


def _of_error(error: object) -> Reason:
    if not isinstance(error, dict):
        return Reason(str(error or ""))
    source = error.get("source")
    pointer = ""
    if isinstance(source, dict):
        pointer = str(source.get("pointer") or source.get("value") or "")
    text = str(error.get("detail") or error.get("title") or "")
    code = str(error.get("code") or error.get("error") or "")
    return Reason(text, code, pointer.removeprefix("/data/attributes/"))


def _of_failure(failure: object) -> Reason:
    if not isinstance(failure, dict):
        return Reason(str(failure or ""))
    # The importer says which contact of the batch: its place, counted from nobody knows.
    place = failure.get("contact")
    where = "" if place is None else f"contacts/{place}"
    return Reason(str(failure.get("failureReason") or ""), attribute=where)

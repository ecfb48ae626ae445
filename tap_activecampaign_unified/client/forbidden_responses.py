"""Decides what a 401 or 403 means: a temporary refusal, a wrong key, or data it may not read.

After a lasting 403, the client requests the key's user. If that fails too, the key is wrong.
Otherwise the plan or the key's user group does not allow the path.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .errors import (
    AuthenticationError,
    FatalError,
    PermissionDenied,
    RequestError,
    error_details_of,
)
from .transport import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .response_check import ResponseVerdict
    from .retry_waits import RetryWaits

logger = logging.getLogger(__name__)

# A 403 may be temporary. The client retries it for this long, and the check of the key for less.
FORBIDDEN_SECONDS = 20.0
KEY_CHECK_SECONDS = 3.0
WHO_AM_I = ApiRequest("GET", "users/me", repeatable=True)


class ForbiddenResponses:
    """The paths that the account refuses.

    ``send`` sends a request and retries it for the given seconds (None: as long as any request).
    """

    def __init__(self, origin: str, send: Callable[[ApiRequest, float | None], object]) -> None:
        self._origin, self._send = origin, send
        self._paths: set[str] = set()

    def forget(self, path: str) -> None:
        """Forget a path, because the account has answered it."""
        self._paths.discard(path)

    def wait_or_raise(self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits) -> None:
        """Wait until the next attempt, or raise the error that names the cause."""
        if waits.patience == 0 and call.path != WHO_AM_I.path:
            if waits.tries < 2:
                return  # perhaps temporary: only a second 403 counts
            raise _forbidden_by(call, verdict, "")
        is_known = call.path in self._paths
        limit = KEY_CHECK_SECONDS if call.path == WHO_AM_I.path else FORBIDDEN_SECONDS
        if not is_known and waits.wait(verdict.kind, limit):
            return
        if call.path != WHO_AM_I.path:
            self._check_key()
            self._paths.add(call.path)
            explanation = (
                ", while the key is good: the account's plan or the key's user group does not "
                "allow it"
            )
            raise _forbidden_by(call, verdict, explanation)
        raise AuthenticationError(
            f"{self._origin} does not accept the key ({verdict.status}): copy api_key again "
            "from ActiveCampaign under Settings › Developer"
        )

    def _check_key(self) -> None:
        try:
            self._send(WHO_AM_I, None)
        except FatalError:
            raise
        except RequestError as problem:
            # Only a refusal of the key proves that the key is wrong.
            logger.info("The key could not be checked: %s", problem)


def _forbidden_by(call: ApiRequest, verdict: ResponseVerdict, explanation: str) -> PermissionDenied:
    problem = PermissionDenied(
        f"{verdict.status}{explanation}",
        method=call.method,
        path=call.path,
        status=verdict.status,
    )
    problem.reasons = error_details_of(verdict.body)
    return problem

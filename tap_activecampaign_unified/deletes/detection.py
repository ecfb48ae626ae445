"""Delete detection: finds missing rows, checks that they are deleted, and emits tombstones.

ActiveCampaign has no list of deleted rows. The tap compares the ids that exist now with the ids of
the last comparison. It requests each missing row by its id, because the row may exist and be hidden
from the key's user.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import NotFound, PermissionDenied, RequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.client import ApiResponse, Client
    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .known_ids import Key, KnownIds

logger = logging.getLogger(__name__)

# The key in the state of earlier versions, which stays readable.
TOMBSTONES_UNTIL = "deletes_told"
# This many rows may be missing at once, even if that is more than the share, because users edit
# small tables.
MAX_MISSING_ROWS = 5
# If all rows are missing, and there were more than this, the response is probably wrong.
MIN_ROWS_FOR_ALL = 3
# The tap requests a missing row that exists once a day.
RECHECK_SECONDS = 86_400
# ActiveCampaign sends 403, not 404, for a group that does not exist.
FORBIDDEN_IF_GONE = frozenset({"groups"})


class TombstoneOutput(Protocol):
    """A stream that emits tombstones: `StreamWriter`."""

    @property
    def resource(self) -> Resource:
        """The stream's resource."""

    @property
    def stats(self) -> StreamStats:
        """The stream's counts."""

    @property
    def tombstones_emitted_until(self) -> str | None:
        """The time up to which earlier runs emitted tombstones, None before the first."""

    def write_tombstone(self, key: dict[str, str], at: str) -> None:
        """Write the tombstone of a record that was missing ``at`` this time."""


class DeleteDetection:
    """The objects that all comparisons of a run share: known ids, the key's user, the limit.

    ``max_share`` is the share of a stream's records that may be missing at once.
    """

    def __init__(self, client: Client, known: KnownIds, max_share: float) -> None:
        self.client, self.known, self._share = client, known, max_share
        self._user: str | None = None

    @property
    def user(self) -> str:
        """The id of the key's user, empty if unknown. Different users may see different rows."""
        if self._user is None:
            try:
                user = self.client.get("users/me").body.get("user")
            except RequestError as problem:
                logger.info("%s: delete detection assumes that the key's user is the same", problem)
                user = None
            self._user = str(user.get("id")) if isinstance(user, dict) else ""
        return self._user

    def is_above_limit(self, missing: int, known_count: int, *, all_may_go: bool) -> bool:
        """Return whether more rows are missing at once than `max_delete_share` allows.

        `MAX_MISSING_ROWS` may be missing even if that is more than the share. ``all_may_go``: it is
        no sign of an error that all known rows are missing.
        """
        if self._share >= 1:
            return False
        if missing == known_count and known_count > MIN_ROWS_FOR_ALL and not all_may_go:
            return True
        return missing > max(MAX_MISSING_ROWS, self._share * known_count)


class IdComparison:
    """Records the ids that one endpoint's sync reads. At its end, it finds the deleted ids."""

    def __init__(
        self, deletes: DeleteDetection, endpoint: Endpoint, outputs: Iterable[TombstoneOutput]
    ) -> None:
        self._deletes, self._known, self._endpoint = deletes, deletes.known, endpoint
        self._client = deletes.client
        self._outputs = list(outputs)
        self._may_return = self._known.has_gone(endpoint.path)
        kinds = {endpoint.path} | {_kind_of(output.resource, endpoint) for output in self._outputs}
        #: How many rows or pairs of each kind were known before this run.
        self._known_counts = {kind: self._known.count(kind) for kind in kinds}
        #: (kind, key) of pairs of the present page.
        self._pairs: list[tuple[str, Key]] = []
        #: Kinds with an incomplete comparison: some missing rows may exist.
        self._incomplete: set[str] = set()

    # --- during the sync --------------------------------------------------------------------

    def record_seen(self, rows: Iterable[Row], skip: Callable[[Row], str | None]) -> None:
        """Record the ids of a page's rows, except rows that ``skip`` marks as deleted."""
        self._known.record_seen(
            self._endpoint.path, (("", str(row.get("id"))) for row in rows if skip(row) is None)
        )

    def record_pairs_seen(self, resource: Resource, parent: str, records: Iterable[Record]) -> None:
        """Record all records of a resource that belong to the row with id ``parent``."""
        kind = resource.endpoint
        self._known.record_read(kind, (parent,))
        keys = [(parent, str(record[resource.keys[-1]])) for record in records]
        self._known.record_seen(kind, keys)
        self._pairs += [(kind, key) for key in keys]

    def keep(self, rows: Iterable[Row], skip: Callable[[Row], str | None]) -> None:
        """Store the ids of rows and of their pairs, before their records are written."""
        path = self._endpoint.path
        keys = [(path, ("", str(row.get("id")))) for row in rows if skip(row) is None]
        self._known.keep([*keys, *self._pairs], self._deletes.user)
        self._pairs.clear()

    def mark_incomplete(self, resource: Resource) -> None:
        """Record that the tap could not read all records of a resource."""
        self._incomplete.add(_kind_of(resource, self._endpoint))

    def returned(self, rows: Iterable[Row]) -> set[str]:
        """Return the ids of rows that had a tombstone and exist again."""
        if not self._may_return:
            return set()
        return self._known.reappeared(self._endpoint.path, (str(row.get("id")) for row in rows))

    # --- at the end of the sync -------------------------------------------------------------

    def finish(self) -> None:
        """Find the ids deleted since the last comparison, and store them and the known ids."""
        path, now = self._endpoint.path, self._client.clock.now()
        if not self._endpoint.is_definitions:
            self._compare_rows(path, now)
        for kind in {
            output.resource.endpoint for output in self._outputs if _is_pair(output.resource)
        }:
            self._compare_pairs(kind, path, now)

    def _compare_rows(self, kind: str, now: dt.datetime) -> None:
        user, known = self._deletes.user, self._known
        missing, count_before = known.count_missing(kind, user), self._known_counts[kind]
        if self._deletes.is_above_limit(missing, count_before, all_may_go=False):
            self._refuse(kind, missing, count_before)
            return
        day_ago = now - dt.timedelta(seconds=RECHECK_SECONDS)
        to_check = known.missing_rows(kind, user, day_ago.isoformat())
        for row_id in to_check:
            self._client.prefetch(f"{kind}/{row_id}", patience=0)
        existing: list[str] = []
        gone: list[Key] = []
        for row_id in to_check:
            if self._is_gone(f"{kind}/{row_id}", kind):
                gone.append(("", row_id))
            else:
                existing.append(row_id)
        if missing > len(gone):
            self._incomplete.add(kind)
            logger.warning(
                "%s: %d rows are no longer listed, and the tap cannot prove that they are deleted: "
                "perhaps this key may not see them any more",
                kind,
                missing - len(gone),
            )
        known.commit_comparison(kind, user, now, gone, existing)

    def _is_gone(self, path: str, kind: str) -> bool:
        try:
            response = self._request(path)
        except NotFound as problem:
            return not problem.is_endpoint
        except PermissionDenied:
            return kind in FORBIDDEN_IF_GONE
        except RequestError:
            return False
        return any(_is_flagged(part) for part in response.body.values())

    def _request(self, path: str) -> ApiResponse:
        """Request a path with few retries, because many may be refused. Retry server errors."""
        try:
            return self._client.get(path, patience=0)
        except ServerError:
            return self._client.get(path)

    def _compare_pairs(self, kind: str, parents: str, now: dt.datetime) -> None:
        user, known = self._deletes.user, self._known
        missing, count_before = known.missing_pairs(kind, user), self._known_counts[kind]
        if self._deletes.is_above_limit(len(missing), count_before, all_may_go=True):
            self._refuse(kind, len(missing), count_before)
            return
        gone = dict.fromkeys([*missing, *known.pairs_of_gone(kind, parents)])
        known.commit_comparison(kind, user, now, gone, ())

    def _refuse(self, kind: str, missing: int, before: int) -> None:
        self._incomplete.add(kind)
        text = f"{missing} of {before} disappeared at once"
        logger.warning(
            "%s: %s: the tap emits no tombstones. If these rows were deleted, run once with a "
            "higher max_delete_share",
            kind,
            text,
        )
        for output in self._outputs:
            if _kind_of(output.resource, self._endpoint) == kind:
                output.stats.deletes_refused = text

    def is_certain(self, resource: Resource) -> bool:
        """Return whether the run read all rows, so that a loader may delete older versions."""
        return _kind_of(resource, self._endpoint) not in self._incomplete

    def emit_tombstones(self, output: TombstoneOutput) -> dict[str, Any]:
        """Emit the tombstones that the stream has not emitted. Return its new state entry."""
        resource = output.resource
        kind = _kind_of(resource, self._endpoint)
        compared_at, since = self._known.last_comparison(kind), output.tombstones_emitted_until
        if compared_at is None:
            return {TOMBSTONES_UNTIL: since} if since else {}
        if since is None:  # the first comparison of this stream: emit only its own tombstones
            since = _just_before(compared_at)
        elif since > compared_at:
            logger.warning(
                "%s: %s in the state is later than now: the tap emits every tombstone of the "
                "last year again",
                resource.name,
                TOMBSTONES_UNTIL,
            )
            since = ""
        for key, at in self._known.gone_since(kind, since):
            output.write_tombstone(
                dict(zip(resource.keys, key[-len(resource.keys) :], strict=True)), at
            )
            output.stats.deleted += 1
        return {TOMBSTONES_UNTIL: max(compared_at, since)}


def _is_flagged(part: object) -> bool:
    return isinstance(part, dict) and str(part.get("deleted")) == "1"


def _just_before(moment: str) -> str:
    earlier = dt.datetime.fromisoformat(moment) - dt.timedelta(microseconds=1)
    return earlier.isoformat(timespec="microseconds")


def _is_pair(resource: Resource) -> bool:
    """Return whether the known ids of a resource are pairs with the id of the parent row.

    The key of its records may still be a single id, like the key of order lines.
    """
    return len(resource.keys) > 1 or resource.relation is not None


def _kind_of(resource: Resource, endpoint: Endpoint) -> str:
    return resource.endpoint if _is_pair(resource) else endpoint.path

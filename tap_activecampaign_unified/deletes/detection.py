"""Deletes: what is missing, whether it is really gone, and what a stream is told of it.

ActiveCampaign says nowhere that a row was deleted. So the ids there are now are held against those
there were; each row that is missing is asked for, because a narrower key may no longer see it.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import NotFound, PermissionDenied, RequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.client import ApiResponse, Client
    from tap_activecampaign_unified.endpoints.table import Endpoint
    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .known_ids import Key, KnownIds

logger = logging.getLogger(__name__)

TOLD = "deletes_told"
# So few rows may vanish at once whatever their share: small tables are fixed by hand.
FEW_ROWS = 5
FEWEST_FOR_ALL = 3
SECONDS_UNTIL_ASKED_AGAIN = 86_400
# ActiveCampaign answers 403, not 404, for a group that does not exist.
FORBIDDEN_IF_GONE = frozenset({"groups"})


class TombstoneOutput(Protocol):
    """A stream that is told what has gone."""

    @property
    def resource(self) -> Resource:
        """What its records are."""

    @property
    def tally(self) -> StreamStats:
        """Its numbers."""

    @property
    def told(self) -> str | None:
        """What it was told of by the run before, None for nothing yet."""

    def emit_tombstone(self, key: dict[str, str], at: str) -> None:
        """Write the tombstone of a record."""


class DeleteDetection:
    """What all sweeps of a run share: the file, whose key it is, how much may vanish at once."""

    def __init__(self, client: Client, known: KnownIds, most_share: float) -> None:
        """Ask nothing yet."""
        self.client, self.known, self._share = client, known, most_share
        self._who: str | None = None

    @property
    def who(self) -> str:
        """Whose key this is: another user may see less, which deletes nothing."""
        if self._who is None:
            try:
                user = self.client.get("users/me").body.get("user")
            except RequestError as problem:
                logger.info("%s: deletes are found as if the key had always been this one", problem)
                user = None
            self._who = str(user.get("id")) if isinstance(user, dict) else ""
        return self._who

    def too_many(self, missing: int, known: int, *, all_may_go: bool) -> bool:
        """Say whether more is missing at once than one may believe."""
        if self._share >= 1:
            return False
        if missing == known and known > FEWEST_FOR_ALL and not all_may_go:
            return True
        return missing > max(FEW_ROWS, self._share * known)


class DeleteSweep:
    """One crawl's look at what there is, and at its end what there is no longer."""

    def __init__(
        self, deletes: DeleteDetection, plan: Endpoint, graves: Iterable[TombstoneOutput]
    ) -> None:
        """Note nothing yet."""
        self._deletes, self._known, self._plan = deletes, deletes.known, plan
        self._client = deletes.client
        self._graves = list(graves)
        self._may_return = self._known.has_gone(plan.path)
        #: Kinds whose sweep left something open: not all that is missing has gone.
        self._open: set[str] = set()

    # --- while the crawl reads --------------------------------------------------------------

    def saw(self, rows: Iterable[Row], skip: Callable[[Row], str | None]) -> None:
        """Note a page's rows; one that is skipped for being deleted is not there."""
        self._known.record_seen(
            self._plan.path, (("", str(row.get("id"))) for row in rows if skip(row) is None)
        )

    def saw_parts(self, resource: Resource, parent: str, records: Iterable[Record]) -> None:
        """Note all the records of a resource that hang on one row."""
        kind = resource.endpoint
        self._known.record_read(kind, (parent,))
        self._known.record_seen(kind, (_key_of(resource, record) for record in records))

    def leave_open(self, resource: Resource) -> None:
        """Note that not all of a resource's records could be read."""
        self._open.add(_kind_of(resource, self._plan))

    def returned(self, rows: Iterable[Row]) -> set[str]:
        """Return the ids of rows that were told to be gone: they are records again."""
        if not self._may_return:
            return set()
        return self._known.reappeared(self._plan.path, (str(row.get("id")) for row in rows))

    # --- at its end -------------------------------------------------------------------------

    def finish(self) -> None:
        """Find out what has gone since the last sweep."""
        path, now = self._plan.path, self._client.clock.now()
        if not self._plan.is_definitions:
            self._sweep_rows(path, now)
        for kind in {one.resource.endpoint for one in self._graves if _hangs(one.resource)}:
            self._sweep_parts(kind, path, now)

    def _sweep_rows(self, kind: str, now: dt.datetime) -> None:
        who, known = self._deletes.who, self._known
        missing, before = known.count_missing(kind, who), known.count(kind)
        if self._deletes.too_many(missing, before, all_may_go=False):
            self._refuse(kind, missing, before)
            return
        day_ago = now - dt.timedelta(seconds=SECONDS_UNTIL_ASKED_AGAIN)
        asked = known.missing_rows(kind, who, day_ago.isoformat())
        for one in asked:
            self._client.prefetch(f"{kind}/{one}", patience=0)
        there: list[str] = []
        gone: list[Key] = []
        for one in asked:
            if self._is_gone(f"{kind}/{one}", kind):
                gone.append(("", one))
            else:
                there.append(one)
        if missing > len(gone):
            self._open.add(kind)
            logger.warning(
                "%s: %d rows are no longer listed, but not known to be deleted: this key may not "
                "see them any more",
                kind,
                missing - len(gone),
            )
        known.commit_sweep(kind, who, now, gone, there)

    def _is_gone(self, path: str, kind: str) -> bool:
        try:
            answer = self._ask(path)
        except NotFound as problem:
            return not problem.is_endpoint
        except PermissionDenied:
            return kind in FORBIDDEN_IF_GONE
        except RequestError:
            return False
        return any(_is_flagged(part) for part in answer.body.values())

    def _ask(self, path: str) -> ApiResponse:
        """Be impatient with refusals, of which there may be many, but not with trouble."""
        try:
            return self._client.get(path, patience=0)
        except ServerError:
            return self._client.get(path)

    def _sweep_parts(self, kind: str, parents: str, now: dt.datetime) -> None:
        who, known = self._deletes.who, self._known
        lost, before = known.missing_pairs(kind, who), known.count(kind)
        if self._deletes.too_many(len(lost), before, all_may_go=True):
            self._refuse(kind, len(lost), before)
            return
        gone = dict.fromkeys([*lost, *known.pairs_of_gone(kind, parents)])
        known.commit_sweep(kind, who, now, gone, ())

    def _refuse(self, kind: str, missing: int, before: int) -> None:
        self._open.add(kind)
        text = f"{missing} of {before} vanished at once"
        logger.warning(
            "%s: %s: no tombstones are emitted. If they were deleted, run once with a higher "
            "max_delete_share",
            kind,
            text,
        )
        for one in self._graves:
            if _kind_of(one.resource, self._plan) == kind:
                one.tally.deletes_refused = text

    def is_certain(self, resource: Resource) -> bool:
        """Say whether nothing but what was read is there: older versions of it may go."""
        return _kind_of(resource, self._plan) not in self._open

    def tell(self, grave: TombstoneOutput) -> dict[str, Any]:
        """Write the tombstones a stream was not told of yet; return what its state keeps."""
        resource = grave.resource
        kind = _kind_of(resource, self._plan)
        swept = self._known.last_sweep(kind)
        if swept is None:
            return {TOLD: grave.told} if grave.told else {}
        told = grave.told
        if told is None:  # told of nothing yet: of this sweep's finds alone
            told = _just_before(swept)
        elif told > swept:
            logger.warning(
                "%s: %s in the state is later than now: every tombstone of the last year is "
                "emitted again",
                resource.name,
                TOLD,
            )
            told = ""
        for key, at in self._known.gone_since(kind, told):
            grave.emit_tombstone(
                dict(zip(resource.keys, key[-len(resource.keys) :], strict=True)), at
            )
            grave.tally.deleted += 1
        return {TOLD: max(swept, told)}


def _is_flagged(part: object) -> bool:
    return isinstance(part, dict) and str(part.get("deleted")) == "1"


def _just_before(moment: str) -> str:
    earlier = dt.datetime.fromisoformat(moment) - dt.timedelta(microseconds=1)
    return earlier.isoformat(timespec="microseconds")


def _hangs(resource: Resource) -> bool:
    """Say whether a resource's records are known by what they hang on."""
    return len(resource.keys) > 1


def _kind_of(resource: Resource, plan: Endpoint) -> str:
    return resource.endpoint if _hangs(resource) else plan.path


def _key_of(resource: Resource, record: Record) -> Key:
    parent, one = resource.keys
    return str(record[parent]), str(record[one])

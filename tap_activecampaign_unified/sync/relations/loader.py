"""What hangs on a page's rows, the cheapest way that the account proves to honour.

It comes with the page, from the collection, or row by row; all ways give the same rows.
"""

from __future__ import annotations

import enum
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    Client,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    UnexpectedAnswer,
    named_rows,
    prefetch_walk,
    rows_of,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.endpoints.relation import Relation, always

from .ordering import in_order
from .row_spool import RowSpool

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

Row = dict[str, Any]
FEW_ROWS = 2
FULL_PAGE = 100
MOST_CUT_SHORT = 5
# So many rows are asked about one by one; where more have nothing, the collection is small.
MOST_BEHIND = 3
PROBE = [("limit", 1)]


class LoadStrategy(enum.Enum):
    """How a relation's rows come."""

    OPEN = "not proven yet"
    SIDELOAD = "with the page"
    SPOOL = "from the collection"
    NESTED = "row by row"
    NOTHING = "not at all"


class RelationLoader:
    """Finds one relation's rows for page after page of the rows they hang on."""

    def __init__(
        self,
        client: Client,
        relation: Relation,
        base: str,
        *,
        sideload: bool,
        is_part: bool = False,
    ) -> None:
        """Start unproven; ``base`` is the path of the rows the relation hangs on.

        Where only a part of those rows is wanted (``is_part``), a collection that does not say how
        much it holds is not read.
        """
        self._client = client
        self._relation = relation
        self._base = base
        self._most_apart = FULL_PAGE if is_part else FEW_ROWS
        #: Where the page's rows themselves list the ids of what hangs on them.
        self._lists = (relation.include or relation.collection, *relation.keys)
        self._spool: RowSpool | None = None
        self._nobody_has_any = False
        self._probed: dict[str, Any] | None = None
        # How many rows came with the fullest page that was proven to be whole.
        self._proven = 0
        #: Whether all that hangs on the rows could be read so far.
        self.is_whole = True
        asks = sideload and relation.include is not None
        self.way = LoadStrategy.OPEN if asks else LoadStrategy.NESTED
        self._decided = asks

    @property
    def include(self) -> str | None:
        """What to ask the page for, None when it need not be asked."""
        return self._relation.include if self._asks_the_page() else None

    @property
    def collection(self) -> str:
        """Where the relation's rows are of their own."""
        return self._relation.collection

    def _asks_the_page(self) -> bool:
        return self.way in {LoadStrategy.OPEN, LoadStrategy.SIDELOAD}

    def ask_each(self) -> None:
        """Ask for each row's own: so few are wanted that nothing else is worth finding out."""
        self.way, self._decided = LoadStrategy.NESTED, True

    def abandon_sideload(self) -> None:
        """Ask no page for the rows again: the server takes offence."""
        if self._asks_the_page():
            self.way, self._decided = LoadStrategy.NESTED, False

    def prefetch(self, page: Page) -> None:
        """Announce what joining this page will ask for first."""
        if self.way is LoadStrategy.NOTHING:
            return
        ids = [str(row.get("id")) for row in page.rows]
        collection = self._relation.collection
        if self.way is LoadStrategy.OPEN:
            for one in _witnesses(ids, self._sideloaded(page, ids)):
                self._prefetch_nested(one)
        elif not self._decided and self._relation.nested is None:
            prefetch_walk(self._client, collection)
        elif self.way is LoadStrategy.NESTED and not self._relation.is_listed:
            # Whether there is such an endpoint shows with the first.
            for one in self._candidates(page, ids)[: None if self._decided else 1]:
                self._prefetch_nested(one)
        elif not self._decided and self._probed is None:
            self._client.prefetch(collection, PROBE)

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the relation's rows by the id of the page's row they hang on."""
        ids = [str(row.get("id")) for row in page.rows]
        if not ids or self.way is LoadStrategy.NOTHING:
            return {}
        try:
            return self._join(page, ids)
        except (NotFound, UnexpectedAnswer) as problem:
            if not self._relation.is_listed:
                return self._give_up(problem)
            # One row's own rows have no endpoint here, or no name: the collection must do.
            logger.info("%s: reading the collection", problem)
            self._read_collection()
            return self._join(page, ids)
        except PermissionDenied as problem:
            return self._give_up(problem)

    def _give_up(self, problem: RequestError) -> dict[str, list[Row]]:
        logger.warning("%s: its related rows are left empty in this run", problem)
        self.way, self.is_whole = LoadStrategy.NOTHING, False
        return {}

    def _join(self, page: Page, ids: list[str]) -> dict[str, list[Row]]:
        if self._asks_the_page():
            found = self._sideloaded(page, ids)
            if not self._is_complete(found):
                self._fall_back(page, ids)
            elif not self._lists_any(page) and rows_of(page.body, self._relation.keys):
                self._check_for_a_cut(page, ids)
            elif self.way is LoadStrategy.OPEN:
                self._prove(page, ids, found)
            if self._asks_the_page() and self._completed(page, ids, found):
                return found
        found = {}
        candidates = self._candidates(page, ids)
        if not (self._decided or self._relation.is_listed) and candidates:
            found = {candidates[0]: self.nested(candidates[0])}
        if not self._decided and (candidates or self._relation.is_listed):
            self._decide(page, ids)
        if self._spool is not None:
            return {one: in_order(self._spool.get(one)) for one in ids}
        rest = [one for one in candidates if one not in found]
        for one in rest:
            self._prefetch_nested(one)
        return found | {one: self.nested(one) for one in rest}

    def _is_complete(self, found: dict[str, list[Row]]) -> bool:
        complete = self._relation.complete
        return complete is always or all(complete(one) for rows in found.values() for one in rows)

    def _sideloaded(self, page: Page, ids: list[str]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        parent_of = self.parent_of
        for row in rows_of(page.body, self._relation.keys):
            found[parent_of(row)].append(row)
        return {one: in_order(found[one]) for one in ids if one in found}

    def parent_of(self, row: Row) -> str:
        """Return the id of the row that ``row`` hangs on."""
        for column in self._relation.parents:
            found = row.get(column)
            if found is not None:
                return str(found)
        return ""

    def _listed(self, row: Row) -> set[str] | None:
        """Return the ids that the page's row itself lists, None where it lists none."""
        for name in self._lists:
            found = row.get(name)
            if isinstance(found, list):
                return {str(one) for one in found}
        return None

    def _completed(self, page: Page, ids: list[str], found: dict[str, list[Row]]) -> bool:
        """Fetch what a page was cut short of; fall back, and say False, when that is much."""
        short = []
        for one, row in zip(ids, page.rows, strict=True):
            came = found.get(one, ())
            # Nearly always just those came that are listed, in the same order: no sets are needed.
            if row.get(self._lists[0]) == [each.get("id") for each in came]:
                continue
            listed = self._listed(row)
            if listed and listed - _ids(came):
                short.append(one)
        if len(short) > MOST_CUT_SHORT:
            self._fall_back(page, ids)
            return False
        for one in short:
            found[one] = self.nested(one)
        return True

    def _lists_any(self, page: Page) -> bool:
        """Say whether the page's rows list what hangs on them: then what is missing shows."""
        return any(self._listed(row) is not None for row in self._all_rows(page))

    def _all_rows(self, page: Page) -> list[Row]:
        """Return all rows of the answer: those that are joined may be a few of them."""
        return rows_of(page.body, self._base) or page.rows

    def _check_for_a_cut(self, page: Page, ids: list[str]) -> None:
        """Prove that a page brought all rows though none says how many; fall back if it did not.

        A limit of the server's own cuts the end off: the last row that has any may lack some, and
        those behind it all. It shows on no page with fewer rows than were once proven to be whole.
        """
        everybody = [str(row.get("id")) for row in self._all_rows(page)]
        brought = self._sideloaded(page, everybody)
        count = sum(map(len, brought.values()))
        last = max((at for at, one in enumerate(everybody) if one in brought), default=-1)
        behind = everybody[last + 1 :]
        if count > self._proven or (count == self._proven and behind):
            checked = everybody[max(last, 0) :]
            if len(behind) > MOST_BEHIND or any(
                self._essence(self.nested(one)) != self._essence(brought.get(one, []))
                for one in checked
            ):
                self._fall_back(page, ids)
                return
        self.way, self._proven = LoadStrategy.SIDELOAD, max(count, self._proven)

    def _prove(self, page: Page, ids: list[str], found: dict[str, list[Row]]) -> None:
        """Compare with the truth for the fullest and the last row; fall back when they differ."""
        lists = [self._listed(row) for row in page.rows]
        if not found:
            if self._relation.counted and not any(lists) and None not in lists:
                return  # the rows themselves say that nothing hangs on them: still open
            if self._nobody_has_any:
                return
            if any(lists):
                self._fall_back(page, ids)
                return
            self._prove_by_witness(page, ids)
            return
        for one in _witnesses(ids, found):
            if self._essence(self.nested(one)) != self._essence(found.get(one, [])):
                self._fall_back(page, ids)
                return
        logger.debug("%s come with the page: proven", self._relation.collection)
        self.way = LoadStrategy.SIDELOAD

    def _essence(self, rows: list[Row]) -> set[Any]:
        return {self._relation.essence(row) for row in rows}

    def _prove_by_witness(self, page: Page, ids: list[str]) -> None:
        """Nothing came: look whether anybody has any, and whether it then comes."""
        if len(ids) <= FEW_ROWS:
            if any(self.nested(one) for one in ids):
                self._fall_back(page, ids)
            return
        try:
            rows = rows_of(self._probe(), self._relation.keys)
        except (NotFound, UnexpectedAnswer):
            self._fall_back(page, ids)
            return
        witness = self.parent_of(rows[0]) if rows else ""
        if not witness:
            self._nobody_has_any = True
            return
        if witness in ids or not witness.isdigit():
            self._fall_back(page, ids)  # it hangs on a row of this page, and did not come with it
            return
        seen = self._client.get(
            self._base,
            [
                ("limit", 1),
                ("include", self._relation.include or ""),
                ("orders[id]", "ASC"),
                ("id_greater", int(witness) - 1),
            ],
        )
        sideloaded = rows_of(seen.body, self._relation.keys)
        if not any(self.parent_of(row) == witness for row in sideloaded):
            self._fall_back(page, ids)
        else:
            self.way = LoadStrategy.SIDELOAD

    def _fall_back(self, page: Page, ids: list[str]) -> None:
        logger.info(
            "This account does not send %s with %s: reading them apart",
            self._relation.collection,
            self._base,
        )
        self._decide(page, ids)

    def _decide(self, page: Page, ids: list[str]) -> None:
        """Choose between the whole collection and row by row: the fewer requests."""
        self._decided = True
        if not self._relation.is_listed:
            self.way = LoadStrategy.NESTED
            return
        if self._relation.nested is None:
            self._read_collection()
            return
        expected = max(page.total or 0, len(ids))
        try:
            total = total_of(self._probe())
        except (NotFound, UnexpectedAnswer):
            self.way = LoadStrategy.NESTED
            return
        if expected <= (self._most_apart if total is None else total / FULL_PAGE):
            self.way = LoadStrategy.NESTED
        else:
            self._read_collection()

    def _probe(self) -> dict[str, Any]:
        """Return the smallest page of the whole collection: how much there is, and one row."""
        if self._probed is None:
            path = self._relation.collection
            body = self._client.get(path, PROBE).body
            named_rows(body, self._relation.keys, path)
            self._probed = body
        return self._probed

    def _read_collection(self) -> None:
        self.way = LoadStrategy.SPOOL
        self._spool = RowSpool()
        collection = self._relation.collection
        try:
            for part in walk_offset(self._client, collection, self._relation.keys):
                self._spool.add((self.parent_of(row), row) for row in part.rows)
        except (NotFound, UnexpectedAnswer) as problem:
            logger.warning("%s: its related rows are left empty in this run", problem)
            self.is_whole = False
        self._spool.seal()

    def _candidates(self, page: Page, ids: list[str]) -> list[str]:
        """Leave out rows that list, unasked, that nothing hangs on them."""
        counted, may_have = self._relation.counted, self._relation.may_have
        return [
            one
            for one, row in zip(ids, page.rows, strict=True)
            if may_have(row) and not (counted and self._listed(row) == set())
        ]

    def _path_of(self, one: str) -> str:
        return (self._relation.nested or "").format(id=one)

    def _prefetch_nested(self, one: str) -> None:
        prefetch_walk(self._client, self._path_of(one))

    def nested(self, one: str) -> list[Row]:
        """Ask for one row's own rows, the truth that the others are held against."""
        path = self._path_of(one)
        try:
            return in_order(
                row
                for page in walk_offset(self._client, path, self._relation.keys, lean=True)
                for row in page.rows
            )
        except NotFound as problem:
            if problem.is_endpoint:
                raise
            return []  # the row was deleted while we read

    def close(self) -> None:
        """Remove what was set aside."""
        if self._spool:
            self._spool.close()


def _witnesses(ids: list[str], found: dict[str, list[Row]]) -> list[str]:
    """Return whose own rows tell whether a page brought them all: the fullest's and the last's."""
    if not found:
        return []
    return list(dict.fromkeys((max(found, key=lambda one: len(found[one])), ids[-1])))


def _ids(rows: Iterable[Row]) -> set[str]:
    return {str(row.get("id")) for row in rows}

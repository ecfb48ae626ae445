"""SQLite files in this process, opened thousands of times by the tests, at less cost.

Programs that tests start as processes use the files as users do.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.storage import database as storage

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine

SYNCHRONOUS = "PRAGMA synchronous"


def cheap_databases(patch: pytest.MonkeyPatch) -> None:
    """Share the compiled SQL of all files, and do not wait until writes are on the disk.

    No test in this process cuts the power: SQLite's files survive a kill without waiting too.
    """
    patch.setattr(storage, "create_engine", _shared_engines(storage.create_engine))
    patch.setattr(storage.Database, "rows", _without_waiting(storage.Database))


def _shared_engines(create_engine: Any) -> Any:
    """Return a function that makes one engine for all files, which keeps the compiled SQL."""
    engines: dict[str, Engine] = {}
    opening = threading.local()

    def shared(url: str, *, creator: Any, **options: Any) -> Engine:
        if not url.startswith("sqlite"):
            found: Engine = create_engine(url, creator=creator, **options)
            return found
        opening.creator = creator  # `Database` connects at once, in this thread
        if url not in engines:
            engines[url] = create_engine(url, creator=lambda: opening.creator(), **options)  # noqa: PLW0108 - a later one too
        return engines[url]

    return shared


def _without_waiting(kind: type[storage.Database]) -> Any:
    """Return `Database.rows` for files that do not wait for the disk from the first write on."""
    real, begin = kind.rows, kind._begin

    def rows(own: Any, statement: Any, values: Any = None) -> list[Any]:
        if own.is_file and statement == begin and not hasattr(own, "is_cheap"):
            real(own, f"{SYNCHRONOUS} = OFF")
            own.is_cheap = True
        elif isinstance(statement, str) and statement.startswith(SYNCHRONOUS):
            statement = f"{SYNCHRONOUS} = OFF"
        return real(own, statement, values)

    return rows

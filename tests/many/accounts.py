"""Made-up accounts in one process beside the tests, so that arrivals are counted without delay."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import secrets
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.sandbox import World, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.faults.warehouse import Warehouse

#: High priority on a busy machine: a receiver that waits for the processor sees requests
#: closer together than they left.
NICE = -10
SWITCH_SECONDS = 0.0005
SECONDS_TO_END = 10


@dataclass(frozen=True)
class Size:
    """The numbers of planted rows of an account."""

    seed: int
    contacts: int = 120
    deals: int = 30
    accounts: int = 10
    key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)


class Accounts:
    """Accounts by label; their process answers each call."""

    def __init__(self, sizes: dict[str, Size], requests_per_second: float = 5) -> None:
        """Start the process; return when all of them listen."""
        self.sizes = sizes
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_live, args=(theirs, sizes, requests_per_second), daemon=True
        )
        self._process.start()
        theirs.close()
        self.urls: dict[str, str] = self._connection.recv()

    def requests(self, label: str) -> int:
        """Return the number of requests of an account."""
        return int(self._ask("requests", label))

    def busiest_second(self, label: str) -> int:
        """Return the most requests that arrived within any rolling second."""
        return int(self._ask("busiest_second", label))

    def refused(self, label: str) -> int:
        """Return the number of requests above the limit."""
        return int(self._ask("refused", label))

    def creates(self, label: str) -> int:
        """Return the number of notes that clients created in an account."""
        return int(self._ask("creates", label))

    def people(self, label: str, count: int) -> list[tuple[str, str]]:
        """Return id and address of some contacts."""
        return list(self._ask("people", label, count))

    def notes(self, label: str) -> list[str]:
        """Return the texts of all notes."""
        return list(self._ask("notes", label))

    def change(self, label: str) -> None:
        """Edit a contact, add a contact, delete a contact."""
        self._ask("change", label)

    def differences(self, label: str, held: Warehouse) -> list[str]:
        """Return the differences between an account and tables that should equal it."""
        return list(self._ask("differences", label, held))

    def _ask(self, question: str, label: str, *arguments: Any) -> Any:
        self._connection.send((question, label, arguments))
        return self._connection.recv()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class _Answers:
    """The calls that an account's process answers."""

    @staticmethod
    def requests(w: World) -> int:
        return len(w.log)

    @staticmethod
    def busiest_second(w: World) -> int:
        return w.busiest_second()

    @staticmethod
    def refused(w: World) -> int:
        return sum(arrival.is_refused for arrival in list(w.log))

    @staticmethod
    def creates(w: World) -> int:
        return w.count("POST", "notes")

    @staticmethod
    def people(w: World, count: int) -> list[tuple[str, str]]:
        found = [
            (str(contact.id), contact.email) for contact in w.tables["contacts"] if contact.email
        ]
        return found[:count]

    @staticmethod
    def notes(w: World) -> list[str]:
        return [note.note for note in w.tables["notes"]]

    @staticmethod
    def change(w: World) -> None:
        with w.lock:
            ids = w.tables["contacts"].ids()
            w.edit_contact(ids[0], lastName="Edited")
            # A contact without account and deal: those would change without a new date.
            tables = ("accountContacts", "contactDeals", "deals")
            named = {row.contact for table in tables for row in w.tables[table]}
            w.delete_contact(
                next(contact_id for contact_id in reversed(ids) if contact_id not in named)
            )
            w.add_contact("new@inbox.example", firstName="New")

    @staticmethod
    def differences(w: World, held: Warehouse) -> list[str]:
        with w.lock:
            return held.differences(w)


def _live(connection: Connection, sizes: dict[str, Size], requests_per_second: float) -> None:
    """Serve the accounts and answer calls until the other end of the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the user's interrupt is for the tests
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.suppress(PermissionError):
        os.nice(NICE)
    worlds = {
        label: World(
            size.seed,
            contacts=size.contacts,
            deals=size.deals,
            accounts=size.accounts,
            api_key=size.key,
            requests_per_second=requests_per_second,
        )
        for label, size in sizes.items()
    }
    gc.collect()
    gc.freeze()
    with contextlib.ExitStack() as stack:
        urls = {}
        for label, world in worlds.items():
            world.remembers_requests = False
            urls[label] = stack.enter_context(serve(world)).url
        connection.send(urls)
        with contextlib.suppress(EOFError):
            while True:
                question, label, arguments = connection.recv()
                connection.send(getattr(_Answers, question)(worlds[label], *arguments))

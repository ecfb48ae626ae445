"""How late the sandbox registers a request: a check of the measuring equipment.

Many connections request whole pages at once, with all sideloads. A request's delay is the account's
time of arrival minus the time just before its bytes left, in milliseconds. Requests move closer
together by the difference of two such delays, so the limiter's margin has to be larger. There are
two ways: one request each fifth of a second, and five at once.
"""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

from .figures import Figure, Found, run_script
from .measuring import account, arrivals_of, log_of, temp_folder

BAR = 20
LINES = 12
CONTACTS = 5_000
PAGE = "include=fieldValues,contactTags,contactLists,accountContacts,scoreValues&limit=100"
SHAPE = ("--contact-fields", "8", "--values-per-contact", "8", "--requests-per-second", "0")


class Caller:
    """Connections that each send a request on demand, and record the time."""

    def __init__(self, url: str) -> None:
        """Connect all of them and send one request each, so that no connection is new."""
        place = urlsplit(url)
        self._place = (str(place.hostname), int(place.port or 0))
        self._lines = [socket.create_connection(self._place) for _ in range(LINES)]
        self.sent: dict[str, float] = {}
        for number, line in enumerate(self._lines):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ask(number, f"warm {number}")

    def _ask(self, number: int, name: str) -> None:
        line = self._lines[number % LINES]
        after = 100 * number % (CONTACTS - 100)
        request = (
            f"GET /api/3/contacts?id_greater={after}&orders[id]=ASC&{PAGE} HTTP/1.1\r\n"
            f"Host: sandbox\r\nUser-Agent: {name}\r\nApi-Token: sandbox-key\r\n\r\n"
        ).encode()
        self.sent[name] = time.time()
        line.sendall(request)
        _read(line)

    def run(self, count: int, at_once: int) -> None:
        """Send so many requests, a few at a time, at five a second."""
        threads = []
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0, began + (number // at_once) * at_once / 5 - time.monotonic()))
            thread = threading.Thread(target=self._ask, args=(number, f"{at_once} {number}"))
            thread.start()
            threads.append(thread)
            if len(threads) >= LINES:
                threads.pop(0).join()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines:
            line.close()


def _read(line: socket.socket) -> None:
    """Read a whole answer."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += line.recv(1 << 16)
    head, _, body = found.partition(b"\r\n\r\n")
    length = next(
        int(text.split(b":")[1])
        for text in head.split(b"\r\n")
        if text.lower().startswith(b"content-length")
    )
    missing = length - len(body)
    while missing:
        missing -= len(line.recv(min(missing, 1 << 16)))


def measure(*, short: bool) -> Found:
    """Measure both ways."""
    count = 50 if short else 300
    delays = {}
    latency = ("--latency-ms", "1000")
    with (
        temp_folder() as folder,
        account(folder, "--contacts", str(CONTACTS), *SHAPE, *latency) as u,
    ):
        caller = Caller(u)
        for at_once in (1, 5):
            since = log_of(u)["arrivals"]
            caller.run(count, at_once)
            delays[at_once] = sorted(
                1000 * (moment - caller.sent[name]) for moment, name, *_ in arrivals_of(u, since)
            )
        caller.close()
    beside = []
    for at_once, name in ((1, "evenly"), (5, "five at once")):
        found = delays[at_once]
        middle, most = found[len(found) // 2], found[int(0.99 * len(found))]
        beside.append((f"{name}, ms", f"half {middle:.1f}, 99 % {most:.1f}, worst {found[-1]:.1f}"))
    # Only this delay can break the limit. It depends on the machine's load.
    squeeze = delays[1][-1] - delays[1][0]
    claims = tuple(
        (len(delays[at_once]) == count, "every request arrived once") for at_once in (1, 5)
    )
    return Found(
        f"How late the sandbox sees {LINES} connections asking for full pages, latency 1 s",
        (Figure("worst squeeze of evenly sent, ms", squeeze, "pace", BAR, tolerance=1e9),),
        claims,
        tuple(beside),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()

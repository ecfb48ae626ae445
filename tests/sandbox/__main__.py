"""`python -m tests.sandbox`: an account that listens on the loopback until it is told to end."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import threading
from pathlib import Path

from tests.sandbox import state
from tests.sandbox.limits import RollingWindow
from tests.sandbox.server import serve
from tests.sandbox.shape import Shape
from tests.sandbox.world import World

# Seconds after which threads take turns: at Python's own 5 ms, one beside twelve busy ones is late.
SWITCH_SECONDS = 0.0005


# Counts of the shape that are 0 unless asked for, and what they make the account serve.
_COUNTS = {
    "stores": "shops; any number makes the account serve e-commerce",
    "orders": "orders of the shops",
    "products": "products of the shops",
    "subscriptions": "subscriptions of the shops",
    "sends": "messages sent; any number makes the account serve engagement",
    "tasks": "tasks; any number makes the account serve them",
}


def main() -> int:
    """Build or load the account, listen, and write it back at the end."""
    asked = _parser().parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    kept = asked.state is not None and Path(asked.state).exists()
    world = World(
        asked.seed,
        contacts=asked.contacts,
        deals=asked.deals,
        accounts=asked.accounts,
        api_key=asked.api_key,
        requests_per_second=asked.requests_per_second,
        is_empty=kept,
        shape=Shape(
            contact_fields=asked.contact_fields,
            values_per_contact=asked.values_per_contact,
            **{name: getattr(asked, name) for name in _COUNTS},
        ),
    )
    world.remembers_requests = False
    if asked.no_import_limit:
        world.import_windows = (RollingWindow(0, 60), RollingWindow(0, 60))
    world.pages.most = asked.keep_pages_mb << 20
    if kept:
        state.load(world, asked.state)
    # What an account holds is no garbage: looking through 100,000 contacts for some holds every
    # thread up for half a second, and requests arrive in heaps.
    gc.disable()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serve(world, asked.port, asked.latency_ms) as served:
        if asked.ready_file:
            part = Path(f"{asked.ready_file}.part")
            part.write_text(served.url + "\n", encoding="utf-8")
            part.replace(asked.ready_file)
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        ended.wait()
    if asked.state:
        state.save(world, asked.state)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8321, help="0 takes any free one")
    parser.add_argument("--contacts", type=int, default=1000)
    parser.add_argument("--deals", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--api-key", default="sandbox-key")
    parser.add_argument(
        "--latency-ms", type=float, default=0, help="per request, give or take 30 %%"
    )
    parser.add_argument("--requests-per-second", type=float, default=5, help="0 means no limit")
    parser.add_argument("--no-import-limit", action="store_true", help="any number of batches")
    parser.add_argument("--contact-fields", type=int, default=18)
    parser.add_argument("--values-per-contact", type=int, default=None)
    for name, what in _COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=0, help=what)
    parser.add_argument(
        "--keep-pages-mb",
        type=int,
        default=256,
        help="what is measured against this account is the program, not how fast pages are written",
    )
    parser.add_argument("--state", metavar="FILE", help="kept between runs")
    parser.add_argument("--ready-file", metavar="FILE", help="gets the URL once it listens")
    return parser


if __name__ == "__main__":
    sys.exit(main())

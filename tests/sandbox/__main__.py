"""`python -m tests.sandbox`: serves a made-up ActiveCampaign account on this machine."""

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

# Python's interval of 5 ms between threads delays a thread beside twelve busy threads.
SWITCH_SECONDS = 0.0005


# Counts of the shape that are 0 by default, and the features that they enable.
_COUNTS = {
    "stores": "number of stores; with any, the account serves e-commerce",
    "orders": "number of orders in the stores",
    "products": "number of products in the stores",
    "subscriptions": "number of subscriptions in the stores",
    "sends": "number of e-mails sent; with any, the account serves engagement",
    "tasks": "number of tasks; with any, the account serves tasks",
}


def main() -> int:
    """Create or load the account, serve it until a signal comes, and save it."""
    options = parser().parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    kept = options.state is not None and Path(options.state).exists()
    world = World(
        options.seed,
        contacts=options.contacts,
        deals=options.deals,
        accounts=options.accounts,
        api_key=options.api_key,
        requests_per_second=options.requests_per_second,
        is_empty=kept,
        shape=Shape(
            contact_fields=options.contact_fields,
            values_per_contact=options.values_per_contact,
            **{name: getattr(options, name) for name in _COUNTS},
        ),
    )
    world.remembers_requests = False
    if options.no_import_limit:
        world.import_windows = (RollingWindow(0, 60), RollingWindow(0, 60))
    world.pages.most = options.keep_pages_mb << 20
    if kept:
        state.load(world, options.state)
    # The account's rows are no garbage: a collection over 100,000 contacts stops every thread
    # for half a second, and requests then arrive in bursts.
    gc.disable()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        service = serve(world, options.port, options.latency_ms)
    except OSError as problem:
        sys.stderr.write(f"port {options.port}: {problem.strerror}; choose another with --port\n")
        return 1
    with service as served:
        if options.ready_file:
            part = Path(f"{options.ready_file}.part")
            part.write_text(served.url + "\n", encoding="utf-8")
            part.replace(options.ready_file)
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        ended.wait()
    if options.state:
        state.save(world, options.state)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    found.add_argument(
        "--port", type=int, default=8321, help="port on the loopback address; 0 takes a free port"
    )
    found.add_argument("--contacts", type=int, default=1000, help="number of contacts")
    found.add_argument("--deals", type=int, default=200, help="number of deals")
    found.add_argument("--accounts", type=int, default=100, help="number of accounts")
    found.add_argument("--seed", type=int, default=1, help="the same seed makes the same account")
    found.add_argument("--api-key", default="sandbox-key", help="the key that it accepts")
    found.add_argument(
        "--latency-ms", type=float, default=0, help="delay of each response, plus or minus 30 %%"
    )
    found.add_argument(
        "--requests-per-second", type=float, default=5, help="rate limit; 0 means no limit"
    )
    found.add_argument(
        "--no-import-limit", action="store_true", help="no limit of the bulk importer"
    )
    found.add_argument(
        "--contact-fields", type=int, default=18, help="number of custom fields of contacts"
    )
    found.add_argument(
        "--values-per-contact",
        type=int,
        default=None,
        help="custom fields with a value per contact; by default, six in ten",
    )
    for name, meaning in _COUNTS.items():
        found.add_argument(f"--{name}", type=int, default=0, help=meaning)
    found.add_argument(
        "--keep-pages-mb",
        type=int,
        default=256,
        help="memory for pages that are kept, so that a benchmark does not measure the sandbox",
    )
    found.add_argument("--state", metavar="FILE", help="file that keeps the account between runs")
    found.add_argument(
        "--ready-file", metavar="FILE", help="file that gets the URL when the account is ready"
    )
    return found


if __name__ == "__main__":
    sys.exit(main())

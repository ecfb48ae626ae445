"""Plans the reads of a run: groups the streams by endpoint, orders them, and prefetches."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .endpoint_setup import EndpointSetup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .stream_interface import SelectedStream
    from .sync_context import SyncContext

# Most raw collections have at most one page, so the tap prefetches this many at once.
RAW_AHEAD = 3


def _prefetch_all(setups: list[EndpointSetup]) -> Callable[[], None]:
    """Return a function that prefetches the first setup, and the raw setups right after it."""

    def prefetch() -> None:
        for setup in itertools.chain(
            setups[:1],
            itertools.takewhile(lambda later: later.is_raw, setups[1:]),
        ):
            setup.prefetch()

    return prefetch


def prepare_endpoints(
    context: SyncContext, selections: Iterable[SelectedStream]
) -> dict[str, EndpointSetup]:
    """Return the setups of a run by endpoint, in the order of the streams' names.

    The tap prefetches all small endpoints and the first large endpoint at once. It prefetches each
    other large endpoint near the end of the endpoint before it.
    """
    by_endpoint: dict[str, list[SelectedStream]] = {}
    selections = sorted(selections, key=lambda selection: selection.resource.name)
    context.progress.expect_streams(selection.resource.name for selection in selections)
    for selection in selections:
        by_endpoint.setdefault(selection.resource.endpoint_name, []).append(selection)
    setups = {name: EndpointSetup(context, name, group) for name, group in by_endpoint.items()}
    large = [setup for setup in setups.values() if not setup.is_small]
    for index, setup in enumerate(large):
        setup.prefetch_next = _prefetch_all(large[index + 1 : index + 1 + RAW_AHEAD])
    for setup in (*(other for other in setups.values() if other.is_small), *large[:1]):
        setup.prefetch()
    return setups

"""The objects that all endpoint syncs of one run share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.bookmarks import BookmarkPolicy
from tap_activecampaign_unified.client import ACCOUNT_RATE, account_file
from tap_activecampaign_unified.config.connection import DISTRIBUTION
from tap_activecampaign_unified.deletes.detection import DeleteDetection
from tap_activecampaign_unified.endpoints.endpoint_table import WalkOptions
from tap_activecampaign_unified.full_sweeps import SweepPolicy
from tap_activecampaign_unified.reporting.progress import SyncProgress

from .lookups import Lookups

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.config.read_settings import Settings
    from tap_activecampaign_unified.reporting.run_report import RunReport


@dataclass
class SyncContext:
    """The objects that all endpoint syncs of one run share."""

    client: Client
    lookups: Lookups
    report: RunReport
    progress: SyncProgress
    policy: BookmarkPolicy
    sideload: bool
    remote_data: bool
    write_state: Callable[[], None]
    deletes: DeleteDetection | None = None
    walk_options: WalkOptions = field(default_factory=WalkOptions)
    #: The number of requests of the run when the last endpoint's sync ended.
    requests_before: int = 0

    def close(self) -> None:
        """Close the known ids, because other runs wait for them."""
        if self.deletes is not None:
            self.deletes.known.close()


def build_context(
    settings: Settings, client: Client, report: RunReport, write_state: Callable[[], None]
) -> SyncContext:
    """Create the context of a run from its settings."""
    hours, deletes = settings["full_sweep_hours"], None
    is_auto = hours == "auto"
    if settings["detect_deletes"]:
        # Imported here because SQLAlchemy takes 0.1 s to import.
        from tap_activecampaign_unified.deletes.known_ids import KnownIds  # noqa: PLC0415

        account = client.address.account
        location = settings["known_ids_path"] or account_file(account, "known-ids", "sqlite")
        known_ids = KnownIds(location, account, DISTRIBUTION)
        deletes = DeleteDetection(client, known_ids, settings["max_delete_share"])
    return SyncContext(
        client=client,
        lookups=Lookups(client, settings["custom_field_keys"]),
        report=report,
        progress=SyncProgress(DISTRIBUTION, client, report),
        policy=BookmarkPolicy(
            start=settings["start_date"],
            end=settings["end_date"],
            lookback=dt.timedelta(hours=settings["lookback_hours"]),
            sweep=SweepPolicy(
                after=None if is_auto or not hours else dt.timedelta(hours=hours),
                # Without a limit, the tap plans full reads at the account's rate limit.
                rate=(client.rate or ACCOUNT_RATE) if is_auto else None,
            ),
        ),
        sideload=settings["sideload"] == "auto",
        remote_data=settings["include_remote_data"],
        write_state=write_state,
        deletes=deletes,
        walk_options=WalkOptions(
            tuple(str(name) for name in settings["saved_segments"] or ()),
            settings["engagement_lookback_days"],
            settings["contact_activities"],
        ),
    )

"""The tap's own settings."""

from __future__ import annotations

from .settings import SHARED, Setting

TAP = (
    *SHARED,
    Setting("start_date", "instant", "Rows updated before this are not read"),
    Setting("end_date", "instant", "Rows updated from this on are not read"),
    Setting(
        "lookback_hours",
        "number",
        "Overlap with the last run's bookmark; unchanged rows are not emitted again for it",
        default=24,
        minimum=0,
    ),
    Setting(
        "sideload",
        "choice",
        "`auto`: read field values, tags, memberships and account links with the contact page "
        "where the account proves to honour it; `never`: always from their collections",
        default="auto",
        choices=("auto", "never"),
    ),
    Setting(
        "full_sweep_hours",
        "number",
        "Read contacts whole, with all that hangs on them, when the last whole read is older; "
        "0: never",
        default=168,
        minimum=0,
    ),
    Setting(
        "include_remote_data",
        "boolean",
        "Add `remote_data`, the row as ActiveCampaign sent it",
        default=False,
    ),
    Setting(
        "on_forbidden",
        "choice",
        "What to do about a stream that the plan or the key's user may not read",
        default="skip",
        choices=("skip", "fail"),
    ),
)

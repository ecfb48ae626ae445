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
        maximum=1_000_000,
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
        "Read incremental streams whole, with their related rows, when the last whole read is "
        "older. `auto`: as soon as that takes at most 5 % of the time since the last one, at least "
        "1 and at most 168 hours. 0: never",
        default="auto",
        choices=("auto",),
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "detect_deletes",
        "boolean",
        "After each complete read, find what is gone and emit a tombstone (`_sdc_deleted_at`) for "
        "it; full-table streams end with ACTIVATE_VERSION. Costs a request per 100 contacts and "
        "per 100 opportunities, and one for each row that is missing",
        default=False,
    ),
    Setting(
        "known_ids_path",
        "string",
        "Where `detect_deletes` keeps the ids there were: a file of this machine (default: one per "
        "account and user), kept between runs, or `postgresql://…` for several machines",
        secret=True,  # the address of a database may hold its password
    ),
    Setting(
        "max_delete_share",
        "number",
        "`detect_deletes` tells nothing of a collection of which more than this share vanished at "
        "once (five rows always may); 1: no such limit",
        default=0.3,
        minimum=0,
    ),
    Setting(
        "account_label",
        "string",
        "What you call this account: each record of each stream carries it as `account_label`, "
        "which is part of the key, so that one table can hold many accounts",
    ),
    Setting(
        "saved_segments",
        "list",
        "The saved segments, by id or name, whose members `marketing_saved_segment_members` reads; "
        "each costs a request per 100 members",
    ),
    Setting(
        "engagement_lookback_days",
        "number",
        "How many days back `marketing_engagements` reads again on each run: an open or a click "
        "that happens again moves the time of its old row",
        default=7,
        minimum=0,
        maximum=3650,
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

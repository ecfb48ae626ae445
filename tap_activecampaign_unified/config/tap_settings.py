"""The tap's own settings."""

from __future__ import annotations

from .read_settings import Setting
from .shared_settings import SHARED

TAP = (
    *SHARED,
    Setting("start_date", "instant", "Rows that were updated before this time are not read"),
    Setting("end_date", "instant", "Rows that were updated at or after this time are not read"),
    Setting(
        "lookback_hours",
        "number",
        "Overlap with the bookmark of the last run, in hours. Rows in the overlap that did "
        "not change are not emitted again",
        default=24,
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "sideload",
        "choice",
        "`auto`: read field values, tags, memberships and account links with the pages of "
        "contacts, if the account proves that it sends them. `never`: always read the "
        "collections of these rows",
        default="auto",
        choices=("auto", "never"),
    ),
    Setting(
        "full_sweep_hours",
        "number",
        "Hours after which the tap reads the incremental streams in full again, with their "
        "related rows. `auto`: when a full read takes at most 5 % of the time since the last "
        "full read, after at least 1 and at most 168 hours. 0: never",
        default="auto",
        choices=("auto",),
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "detect_deletes",
        "boolean",
        "After each complete read, find deleted rows and emit a tombstone (`_sdc_deleted_at`)"
        " for each; full-table streams end with ACTIVATE_VERSION. Costs one request per 100 "
        "contacts, one per 100 opportunities, and one for each missing row",
        default=False,
    ),
    Setting(
        "known_ids_path",
        "string",
        "Where `detect_deletes` keeps the ids of the last read: a file on this machine "
        "(default: one per account and user), or `postgresql://…` for several machines",
        secret=True,  # the address of a database may hold its password
    ),
    Setting(
        "max_delete_share",
        "number",
        "If more than this share of a collection disappeared at once, `detect_deletes` emits "
        "no tombstones for it (up to five rows are always allowed); 1: no limit",
        default=0.3,
        minimum=0,
    ),
    Setting(
        "account_label",
        "string",
        "Your name for this account. Every record of every stream has it as `account_label`, "
        "as part of the key, so that one table can hold many accounts",
    ),
    Setting(
        "saved_segments",
        "list",
        "Saved segments, by id or name, whose members `marketing_saved_segment_members` "
        "reads. Each costs one request per 100 members",
    ),
    Setting(
        "engagement_lookback_days",
        "number",
        "Days that `marketing_engagements` reads again in each run, because an open or a "
        "click that happens again changes the time of its old row",
        default=7,
        minimum=0,
        maximum=3650,
    ),
    Setting(
        "contact_activities",
        "boolean",
        "Read `/activities` of the contacts that changed, for replies and forwards in "
        "`marketing_engagements`, and for sends, opens and clicks where the account does not have "
        "their collections. It costs two requests for each of these contacts. In the first run, "
        "these are all contacts",
        default=False,
    ),
    Setting(
        "include_remote_data",
        "boolean",
        "Add `remote_data`, the row as ActiveCampaign sent it, to every record",
        default=False,
    ),
    Setting(
        "on_forbidden",
        "choice",
        "What to do with a stream that the plan or the user of the key may not read: `skip` "
        "it with a warning, or `fail`",
        default="skip",
        choices=("skip", "fail"),
    ),
)

"""The target's own settings."""

from __future__ import annotations

from tap_activecampaign_unified.client.event_client import DEFAULT_URL
from tap_activecampaign_unified.config.read_settings import Setting
from tap_activecampaign_unified.config.shared_settings import SHARED

TARGET = (
    *SHARED,
    Setting(
        "source_ids",
        "choice",
        "The account of the ids in rows. `own`: this account, and a record is found by `id` "
        "first. `foreign`: another account; a record is found by its natural key, and the ledger "
        "stores which id here belongs to each foreign id",
        default="own",
        choices=("own", "foreign"),
    ),
    Setting(
        "allow_email_change",
        "boolean",
        "Allow a contact row to change the address of the contact that its `id` names; "
        "otherwise such a row is rejected",
        default=False,
    ),
    Setting(
        "stream_aliases",
        "object",
        "Maps stream names of the source to streams of this target: "
        '`{"analytics-lead_scores": "crm_contacts"}`',
    ),
    Setting(
        "column_aliases",
        "object",
        "Maps your columns to fields of this target, by stream: "
        '`{"crm_contacts": {"MAIL_ADDR": "email", "Firma": "account__name"}}`',
    ),
    Setting(
        "unknown_columns",
        "choice",
        "Columns that are no field: `warn` (one warning per stream and column, and a remark in "
        "each result), `reject` the row, or `ignore` them",
        default="warn",
        choices=("warn", "reject", "ignore"),
    ),
    Setting(
        "list_delimiter",
        "string",
        "Separator of the items of an array in plain text, such as `;`. Without it, columns such "
        "as `tags` and `segments` reject plain text",
    ),
    Setting(
        "account_label",
        "string",
        "The account whose rows are written, where a table holds many accounts: rows with "
        "another `account_label` are skipped, rows without one are rejected",
    ),
    Setting(
        "undo_path",
        "string",
        "File (mode 0600) that keeps the values that each run replaces, so that `--undo RUN` can "
        "put them back. Without it no run can be undone",
    ),
    Setting(
        "undo_days",
        "number",
        "Days after which a run is removed from the undo file",
        default=30,
        minimum=1,
    ),
    Setting(
        "dry_run",
        "boolean",
        "Plan only: read, count and show what would be done, and write nothing",
        default=False,
    ),
    Setting(
        "bulk_import",
        "choice",
        "When contacts go through the importer, 250 in one request: `auto` (ten or more "
        "contacts), `always` or `never`",
        default="auto",
        choices=("auto", "always", "never"),
    ),
    Setting(
        "look_up_ids",
        "boolean",
        "Look up the ids of contacts that the importer created or updated, for the results: "
        "up to one more request per 100 new contacts, and one per updated contact",
        default=False,
    ),
    Setting(
        "run_automations",
        "boolean",
        "`false`: send nothing that can start an automation. Contacts, tags and lists go only"
        " through the importer; what it cannot do is skipped",
        default=True,
    ),
    Setting(
        "allow_automations",
        "boolean",
        "Allow contact rows to enter and leave automations (`automations`, "
        "`leave_automations`); otherwise that part is left out, with the reason",
        default=False,
    ),
    Setting(
        "event_account_id",
        "string",
        "Account id of event tracking (`actid`), from Settings › Tracking; for `marketing_events`",
    ),
    Setting(
        "event_key",
        "string",
        "Key of event tracking, from Settings › Tracking; sent only to `event_url`",
        secret=True,
    ),
    Setting(
        "event_url",
        "string",
        "Where events are sent: an https address, or this machine",
        default=DEFAULT_URL,
    ),
    Setting(
        "max_changes",
        "integer",
        "Largest number of rows that one run changes. Later rows are skipped, and the run "
        "ends with exit code 1",
        minimum=0,
    ),
    Setting(
        "audiences",
        "object",
        "Streams whose input is a whole audience each time, by the source's name of the stream. "
        "From contacts who are not in it any more, the target takes back what the stream granted. "
        '`{"trial_users": {"on_leave": ["remove_tags"], "max_leave_share": 0.3, '
        '"allow_empty": false}}`; '
        "`on_leave` also takes `unsubscribe`, `clear_fields` and `leave_automations`",
    ),
    Setting(
        "respect_contact_limit",
        "boolean",
        "Create no contacts beyond the account's contact limit; they are skipped, held for "
        "another run, and the run ends with exit code 1",
        default=True,
    ),
    Setting(
        "holdout_percent",
        "number",
        "The share of contacts that is not written, as a control group: the same people on every "
        "run and machine, in every stream that writes to contacts",
        default=0,
        minimum=0,
        maximum=100,
    ),
    Setting(
        "holdout_salt",
        "string",
        "Text that chooses the control group together with the address; another text chooses "
        "other people",
    ),
    Setting(
        "only_if_empty",
        "list",
        "Fields that are written only where ActiveCampaign has no value",
    ),
    Setting(
        "allow_raw_requests",
        "boolean",
        "Allow rows of `raw_requests`, which are sent as they are",
        default=False,
    ),
    Setting(
        "tags_mode",
        "choice",
        "`add`: add `tags` and remove `remove_tags`; `mirror`: make the tags of a contact "
        "that start with `tag_namespace` exactly those of the row",
        default="add",
        choices=("add", "mirror"),
    ),
    Setting(
        "tag_namespace", "string", "Start of the tag names that `tags_mode: mirror` may change"
    ),
    Setting(
        "create_missing_tags", "boolean", "Create tags that the account does not have", default=True
    ),
    Setting(
        "create_missing_fields",
        "boolean",
        "Create custom fields that the account does not have",
        default=False,
    ),
    Setting(
        "resubscribe",
        "boolean",
        "Allow the subscription of a person who unsubscribed or bounced",
        default=False,
    ),
    Setting(
        "opportunity_external_id_field",
        "string",
        "Deal custom field (personalization tag, title or id) that holds your own key",
    ),
    Setting(
        "match_opportunities_on",
        "list",
        "What finds an existing deal, in this order: `id`, `external_id`, `name+contact`",
        default=["id", "external_id"],
        choices=("id", "external_id", "name+contact"),
    ),
    Setting(
        "null_policy",
        "choice",
        "What null means: `ignore` does not change the value, `clear` clears it",
        default="ignore",
        choices=("ignore", "clear"),
    ),
    Setting(
        "delete_mode",
        "choice",
        "`delete`: rows with `_sdc_deleted_at` delete contacts, accounts, opportunities and "
        "notes; `ignore`: they delete nothing",
        default="ignore",
        choices=("ignore", "delete"),
    ),
    Setting(
        "max_deletes",
        "integer",
        "Largest number of rows that one run deletes. Later rows are skipped, and the run "
        "ends with exit code 1",
        default=0,
        minimum=0,
    ),
    Setting(
        "on_reject",
        "choice",
        "After a rejected row: `continue`; or `fail`: end the run with exit code 1 before any"
        " state covers the row",
        default="continue",
        choices=("continue", "fail"),
    ),
    Setting(
        "max_reject_ratio",
        "number",
        "Largest share of rejected rows. Above it, the run ends with exit code 1",
        default=1.0,
        minimum=0,
    ),
    Setting(
        "results_path", "string", "File with one JSON line per input row. Each run replaces it"
    ),
    Setting(
        "results_format",
        "choice",
        "Format of `results_path`. `jsonl`: one JSON line per result; `singer`: SCHEMA and "
        "RECORD messages of the stream `activecampaign_results`, for any loader",
        default="jsonl",
        choices=("jsonl", "singer"),
    ),
    Setting(
        "retry_path",
        "string",
        "File that keeps failed rows whole. The next run sends them first",
    ),
    Setting(
        "force", "boolean", "Send rows also if the ledger says that nothing changed", default=False
    ),
    Setting(
        "ledger_path",
        "string",
        "Where the ledger is: what was last confirmed, as keyed hashes and ids. A SQLite file"
        " on this machine (default: one per account and user), or `postgresql://…` for "
        "several machines",
        secret=True,  # the address of a database may hold its password
    ),
    Setting(
        "ledger_secret",
        "string",
        "Part of the key of the ledger's hashes, for a ledger that other people can read. It "
        "must be the same on every machine and never change",
        secret=True,
    ),
)

#: Settings that keep the target from writing. A misspelling of one of them ends the run.
PROTECTIVE = frozenset(
    {
        *("account_label", "delete_mode", "dry_run", "holdout_percent", "max_changes"),
        *("max_deletes", "on_reject", "only_if_empty", "respect_contact_limit", "resubscribe"),
        *("run_automations", "source_ids", "tag_namespace", "undo_path"),
    }
)

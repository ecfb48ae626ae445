"""The target's own settings."""

from __future__ import annotations

from tap_activecampaign_unified.config.settings import SHARED, Setting

TARGET = (
    *SHARED,
    Setting(
        "source_ids",
        "choice",
        "Whose ids the rows carry. `own`: this account's, an `id` decides first. `foreign`: "
        "another account's, natural keys decide and the ledger remembers which id became which",
        default="own",
        choices=("own", "foreign"),
    ),
    Setting(
        "allow_email_change",
        "boolean",
        "Let a contact row change the address of the contact its `id` names; otherwise such a row "
        "is rejected",
        default=False,
    ),
    Setting(
        "stream_aliases",
        "object",
        'The source\'s own stream names to ours: `{"analytics-lead_scores": "crm_contacts"}`',
    ),
    Setting(
        "account_label",
        "string",
        "Whose rows are written, where a table holds many accounts: rows with another "
        "`account_label` are skipped, rows without one rejected",
    ),
    Setting("dry_run", "boolean", "Plan only: read, count and show, write nothing", default=False),
    Setting(
        "bulk_import",
        "choice",
        "Contacts through the 250-row importer: when there are enough of them, always, or never",
        default="auto",
        choices=("auto", "always", "never"),
    ),
    Setting(
        "look_up_ids",
        "boolean",
        "Look up the ids of contacts that the importer created or updated, for the results: up to "
        "one more request per 100 new contacts, one per updated contact",
        default=False,
    ),
    Setting(
        "run_automations",
        "boolean",
        "False: nothing that can start an automation is sent; contacts, tags and lists go only "
        "through the importer, and what it cannot do is skipped",
        default=True,
    ),
    Setting(
        "allow_automations",
        "boolean",
        "Let contact rows enter and leave automations (`automations`, `leave_automations`); "
        "otherwise these are left out, with the reason",
        default=False,
    ),
    Setting(
        "max_changes",
        "integer",
        "Most rows changed in one run; later ones are skipped and the run ends with exit code 1",
        minimum=0,
    ),
    Setting(
        "only_if_empty",
        "list",
        "Fields that are written only where ActiveCampaign has nothing yet",
    ),
    Setting(
        "allow_raw_requests",
        "boolean",
        "Let rows of `raw_requests` be sent as they stand",
        default=False,
    ),
    Setting(
        "tags_mode",
        "choice",
        "`add`: tags are added and `remove_tags` removed; `mirror`: a contact's tags that start "
        "with `tag_namespace` become exactly those of the row",
        default="add",
        choices=("add", "mirror"),
    ),
    Setting("tag_namespace", "string", "The beginning of the tag names that mirroring may touch"),
    Setting(
        "create_missing_tags", "boolean", "Create tags the account does not have", default=True
    ),
    Setting(
        "create_missing_fields",
        "boolean",
        "Create custom fields the account does not have",
        default=False,
    ),
    Setting(
        "resubscribe",
        "boolean",
        "Whether a person who unsubscribed or bounced may be subscribed again",
        default=False,
    ),
    Setting(
        "opportunity_external_id_field",
        "string",
        "The deal custom field (personalization tag, title or id) that holds your own key",
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
        "What null means: leave alone, or clear",
        default="ignore",
        choices=("ignore", "clear"),
    ),
    Setting(
        "delete_mode",
        "choice",
        "Whether rows with `_sdc_deleted_at` delete contacts, accounts, opportunities and notes",
        default="ignore",
        choices=("ignore", "delete"),
    ),
    Setting(
        "max_deletes",
        "integer",
        "Most rows deleted in one run; later ones are skipped and the run ends with exit code 1",
        default=0,
        minimum=0,
    ),
    Setting(
        "on_reject",
        "choice",
        "After a rejected row: go on, or end the run with exit code 1 before any state covers it",
        default="continue",
        choices=("continue", "fail"),
    ),
    Setting(
        "max_reject_ratio",
        "number",
        "Largest share of rejected rows; beyond it the run ends with exit code 1",
        default=1.0,
        minimum=0,
    ),
    Setting(
        "results_path", "string", "File for one JSON line per input row, written anew by each run"
    ),
    Setting(
        "results_format",
        "choice",
        "`jsonl`: one JSON line per result; `singer`: SCHEMA and RECORD messages of the stream "
        "`activecampaign_results`, for any loader",
        default="jsonl",
        choices=("jsonl", "singer"),
    ),
    Setting(
        "retry_path",
        "string",
        "File that keeps failed rows whole, to be sent first on the next run",
    ),
    Setting("force", "boolean", "Send rows even if the ledger says nothing changed", default=False),
    Setting(
        "ledger_path",
        "string",
        "Where it is kept what was last confirmed (keyed hashes and ids): a SQLite file of this "
        "machine (default: one per account and user), or `postgresql://…` for several machines",
        secret=True,  # the address of a database may hold its password
    ),
    Setting(
        "ledger_secret",
        "string",
        "Your part of the key of the ledger's hashes, the same on every machine and for good: "
        "for a ledger that others can read",
        secret=True,
    ),
)

"""The write policy: the settings that decide which data the target writes.

`settings_conflicts.py` checks that they do not contradict each other.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.read_settings import SettingsError

from .audience_rules import AudienceRule, audience_rules
from .settings_conflicts import conflicts_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class WritePolicy:
    """The settings that decide which data the target writes, under their own names."""

    source_ids: str = "own"
    allow_email_change: bool = False
    dry_run: bool = False
    bulk_import: str = "auto"
    look_up_ids: bool = False
    run_automations: bool = True
    allow_automations: bool = False
    max_changes: int | None = None
    audiences: Mapping[str, AudienceRule] = field(default_factory=dict)
    respect_contact_limit: bool = True
    holdout_percent: float = 0
    holdout_salt: str = ""
    only_if_empty: frozenset[str] = frozenset()
    allow_raw_requests: bool = False
    tags_mode: str = "add"
    tag_namespace: str = ""
    create_missing_tags: bool = True
    create_missing_fields: bool = False
    resubscribe: bool = False
    opportunity_external_id_field: str | None = None
    match_opportunities_on: tuple[str, ...] = ("id", "external_id")
    null_policy: str = "ignore"
    delete_mode: str = "ignore"
    max_deletes: int = 0
    on_reject: str = "continue"
    max_reject_ratio: float = 1.0
    force: bool = False
    custom_field_keys: str = "perstag"
    column_aliases: Mapping[str, dict[str, str]] = field(default_factory=dict)
    unknown_columns: str = "warn"
    list_delimiter: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether the rows carry ids of another account: `lookups/foreign_ids.py`."""
        return self.source_ids == "foreign"

    @property
    def clears(self) -> bool:
        """Whether null clears a value."""
        return self.null_policy == "clear"

    @property
    def mirrors(self) -> bool:
        """Whether the target makes a contact's tags equal to those of the row."""
        return self.tags_mode == "mirror"

    @property
    def fingerprint(self) -> str:
        """A hash of the settings that change the meaning of a row.

        When such a setting changes, the target sends all rows again.
        """
        settings = [
            self.source_ids,
            self.null_policy,
            self.tags_mode,
            self.tag_namespace,
            self.resubscribe,
            self.run_automations,
            sorted(self.only_if_empty),
        ]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]


def build_policy(values: dict[str, Any]) -> WritePolicy:
    """Return the policy; raise `SettingsError` for settings that contradict each other."""
    rules, rule_faults = audience_rules(values)
    faults = conflicts_of(values) + rule_faults
    if faults:
        raise SettingsError(faults)
    names = WritePolicy.__dataclass_fields__
    chosen = {name: values[name] for name in names if values.get(name) is not None}
    chosen["audiences"] = rules
    chosen["only_if_empty"] = frozenset(values["only_if_empty"] or ())
    chosen["match_opportunities_on"] = tuple(values["match_opportunities_on"])
    return WritePolicy(**chosen)

"""`bulk_import`: decides whether contacts go through the importer or by single requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.sinks.contacts.change import ContactChange

#: From so many contacts of a batch on, ``bulk_import: auto`` uses the importer.
ENOUGH_TO_IMPORT = 10


def uses_importer(policy: WritePolicy, count: int) -> bool:
    """Return whether so many contacts go through the importer.

    With ``run_automations: false`` any number does: only the importer can start no automation.
    """
    if policy.bulk_import == "always" or not policy.run_automations:
        return True
    return policy.bulk_import == "auto" and count >= ENOUGH_TO_IMPORT


def is_importable(change: ContactChange, columns: dict[str, str]) -> bool:
    """Return whether the importer, which takes ``columns``, can carry out a change."""
    if change.email is None or change.new_email is not None or not change.upserts:
        return False
    return not change.columns.keys() - columns.keys()


def reads_on(policy: WritePolicy, count: int) -> bool:
    """Return whether the target reads on while so many contacts are imported.

    Of fewer contacts, it waits for the import, even with ``bulk_import: always``.
    """
    return policy.bulk_import != "never" and count >= ENOUGH_TO_IMPORT

"""`bulk_import`: decides whether contacts go through the importer or by single requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.sinks.contacts.contact_change import ContactChange

#: The fewest contacts of a batch for which ``bulk_import: auto`` uses the importer.
ENOUGH_TO_IMPORT = 10


def uses_importer(policy: WritePolicy, count: int) -> bool:
    """Return whether ``count`` contacts go through the importer.

    With ``run_automations: false`` any number does, because only the importer starts no automation.
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
    """Return whether the target reads on while ActiveCampaign imports ``count`` contacts.

    For fewer contacts, the target waits for the import, even with ``bulk_import: always``.
    """
    return policy.bulk_import != "never" and count >= ENOUGH_TO_IMPORT

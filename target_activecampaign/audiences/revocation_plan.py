"""Plans which grants the target revokes from people who left an audience."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_activecampaign.config.audience_rules import (
    CLEAR_FIELDS,
    LEAVE_AUTOMATIONS,
    REMOVE_TAGS,
)
from target_activecampaign.config.audience_rules import UNSUBSCRIBE as UNSUBSCRIBE_ON_LEAVE
from target_activecampaign.records.input_row import InputRow
from target_activecampaign.sinks.contacts.contact_change import (
    UNSUBSCRIBE,
    ContactChange,
    RowRequest,
)

from .grant_ids import kind_of, split_grant_id
from .present_grants import began_after, has_grant, normalized_text
from .requested_grants import audience_grantor

if TYPE_CHECKING:
    from target_activecampaign.config.audience_rules import AudienceRule
    from target_activecampaign.ledger.audience_records import Grants, Member
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.write_context import WriteContext

#: The kind of grant that each word of `on_leave` revokes.
GRANT_KINDS = {
    REMOVE_TAGS: "tag",
    UNSUBSCRIBE_ON_LEAVE: "list",
    CLEAR_FIELDS: "field",
    LEAVE_AUTOMATIONS: "automation",
}
NO_CONTACT = "the account no longer has this contact"
GRANTED_BY_OTHERS = "the target keeps what another stream grants too"
OTHER_VALUE = "the target keeps a field that has another value by now"
STARTED_AGAIN = "the target keeps a tag or a subscription that ended and began again"
TEXTS = {
    "tag": "the tag {}",
    "list": "the subscription to the list {}",
    "field": "the value of the field {}",
}


@dataclass
class Leaver:
    """A person who left an audience.

    * ``members``: the entries of this person in the ledger's table of members.
    * ``contact``: the id of the person's contact, None if the account has no contact.
    * ``row_request``: the requests of ``change``. Its row gets the person's result.
    * ``change``: the change that revokes the grants.
    * ``revoked``: by request, the kind and the name of the grant that the request revokes.
      Automations are not in it: the code that ends an enrolment counts them.
    * ``grant_ids``: by grant id, the hash of a field's value. It is empty for a tag or a
      subscription, because an undo starts these at another time.
    """

    members: list[Member]
    contact: str | None
    row_request: RowRequest
    change: ContactChange
    revoked: dict[str, tuple[str, str]] = field(default_factory=dict)
    grant_ids: dict[str, str] = field(default_factory=dict)

    @property
    def revoked_texts(self) -> list[str]:
        """The revoked grants as texts for people."""
        return [TEXTS[kind].format(name) for kind, name in self._carried_out]

    @property
    def revoked_names(self) -> dict[str, list[str]]:
        """The names of the revoked grants, by kind."""
        names: dict[str, list[str]] = {}
        for kind, name in self._carried_out:
            names.setdefault(f"{kind}s", []).append(name)
        if self.change.left_automations:
            names["automations"] = sorted(self.change.left_automations)
        return names

    @property
    def _carried_out(self) -> list[tuple[str, str]]:
        """The entries of ``revoked`` whose requests the change carried out."""
        row_request = self.row_request
        return [
            kind_and_name
            for request, kind_and_name in self.revoked.items()
            if request in row_request.requested
            and row_request.parts_to_resend.isdisjoint(row_request.parts_of(request))
        ]


def leaver_of(members: list[Member], contact: str | None, audience: str, stream: str) -> Leaver:
    """Return a leaver with a row for its result. ``stream`` is the stream's name in the target."""
    row = InputRow(None, stream, {}, {"id": contact}, {}, input_stream=audience)
    row.ledger_id = contact
    row_request = RowRequest(row, requests_contact_if_empty=False)
    change = ContactChange([row_request], id=contact, is_revocation=True)
    return Leaver(members, contact, row_request, change)


def plan_revocation(
    context: WriteContext,
    leaver: Leaver,
    rule: AudienceRule,
    grants: Grants,
    values: ContactValues | None,
) -> None:
    """Plan to revoke the grants of the audience alone that the contact still has.

    ``grants`` are the person's grants with all grantors. ``values`` is None without a contact.
    """
    row_request = leaver.row_request
    if values is None:
        row_request.remarks += [NO_CONTACT] if leaver.contact else []
        return
    leaver.change.email = str(values.row.get("email") or "").strip() or None
    holdout, email = context.holdout, leaver.change.email
    row_request.row.is_held_out = (
        holdout.is_active and email is not None and holdout.is_held_out(email)
    )
    grantor = audience_grantor(row_request.row.input_stream)
    kinds = {GRANT_KINDS[word] for word in rule.on_leave}
    for grant_id, grantors in sorted(grants.by_id.items()):
        if grantor not in grantors or kind_of(grant_id) not in kinds:
            continue
        if len(grantors) > 1:
            _remark(leaver, GRANTED_BY_OTHERS)
        else:
            leaver.grant_ids[grant_id] = grantors[grantor] if kind_of(grant_id) == "field" else ""
            _revoke(context, leaver, grant_id, grantors[grantor], values)


def _revoke(
    context: WriteContext, leaver: Leaver, grant_id: str, value: str, values: ContactValues
) -> None:
    """Add the request that revokes a grant to the change, if the contact still has the grant.

    ``value`` is the value of the grant in the ledger, as in `Grantors`.
    """
    kind, native_id = split_grant_id(grant_id)
    change, references = leaver.change, context.references
    if kind == "automation":
        change.automations[native_id] = False
        leaver.row_request.requested.add(f"automation:{native_id}")
    elif not has_grant(context, values, grant_id):
        return
    elif kind == "field":
        definition = next(
            (field for field in references.fields("contact").definitions if field.id == native_id),
            None,
        )
        if definition is None:
            return
        text = normalized_text(definition, values.fields[native_id])
        if context.ledger.audiences.digest(text) != value:
            _remark(leaver, OTHER_VALUE)
            return
        change.values[native_id] = (definition, "", None)
        _request(leaver, f"value:{native_id}", kind, definition.title)
    elif began_after(values, grant_id, value):
        _remark(leaver, STARTED_AGAIN)
    elif kind == "tag":
        change.associations += (values.tags[native_id],)
        name = references.table("tag").get(native_id, {}).get("tag") or native_id
        _request(leaver, f"association:{values.tags[native_id]}", kind, name)
    else:
        change.lists[native_id] = UNSUBSCRIBE
        name = references.table("list").get(native_id, {}).get("name") or native_id
        _request(leaver, f"list:{native_id}", kind, name)


def _remark(leaver: Leaver, text: str) -> None:
    remarks = leaver.row_request.remarks
    remarks += [text] if text not in remarks else []


def _request(leaver: Leaver, request: str, kind: str, name: str) -> None:
    leaver.row_request.requested.add(request)
    leaver.revoked[request] = kind, name

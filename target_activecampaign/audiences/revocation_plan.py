"""Plans what the target revokes from people who left an audience, and why they keep something."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_activecampaign.records.input_record import InputRecord
from target_activecampaign.sinks.contacts.contact_change import (
    UNSUBSCRIBE,
    ContactChange,
    RowRequest,
)

from .grant_ids import ACTIVE, BLANK, GRANT_KINDS, began_after, normalized_text, split_grant_id
from .requested_grants import audience_grantor

if TYPE_CHECKING:
    from target_activecampaign.config.audience_rules import AudienceRule
    from target_activecampaign.ledger.audience_records import Grants, Member
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.write_context import WriteContext

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

    * ``members``: the members of the audience that are this person.
    * ``contact``: the id of the person's contact, None where the account has none.
    * ``row_request``: what the target requests for the person; its row gets the result.
    * ``revoked``: by request, the kind and the name of the grant that the request revokes.
      Automations are not in it: the code that ends an enrolment counts them.
    * ``grant_ids``: by grant id, the hash of a field's value. It is empty for a tag or a
      subscription, because an undo starts those at another time.
    """

    members: list[Member]
    contact: str | None
    row_request: RowRequest
    change: ContactChange
    revoked: dict[str, tuple[str, str]] = field(default_factory=dict)
    grant_ids: dict[str, str] = field(default_factory=dict)

    @property
    def revoked_texts(self) -> list[str]:
        """What the target revoked, as texts for people; without what a setting forbade."""
        return [TEXTS[kind].format(name) for kind, name in self._made]

    @property
    def revoked_names(self) -> dict[str, list[str]]:
        """The names of what the target revoked, by kind."""
        found: dict[str, list[str]] = {}
        for kind, name in self._made:
            found.setdefault(f"{kind}s", []).append(name)
        if self.change.left_automations:
            found["automations"] = sorted(self.change.left_automations)
        return found

    @property
    def _made(self) -> list[tuple[str, str]]:
        row_request = self.row_request
        return [
            kind_and_name
            for request, kind_and_name in self.revoked.items()
            if request in row_request.requested
            and row_request.parts_to_resend.isdisjoint(row_request.parts_of(request))
        ]


def leaver_of(members: list[Member], contact: str | None, audience: str, stream: str) -> Leaver:
    """Return a leaver with a row for its result. ``stream`` is the stream's name in the target."""
    row = InputRecord(None, stream, {}, {"id": contact}, {}, input_stream=audience)
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
    """Plan to revoke what only the audience granted and the contact still has."""
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
        if grantor not in grantors or split_grant_id(grant_id)[0] not in kinds:
            continue
        if len(grantors) > 1:
            _remark(leaver, GRANTED_BY_OTHERS)
        else:
            leaver.grant_ids[grant_id] = (
                grantors[grantor] if split_grant_id(grant_id)[0] == "field" else ""
            )
            _revoke(context, leaver, grant_id, grantors[grantor], values)


def _revoke(
    context: WriteContext, leaver: Leaver, grant_id: str, value: str, values: ContactValues
) -> None:
    """Add a request to the change that revokes a grant, if the contact still has what it granted.

    ``value`` is the value of the grant in the ledger, as in `Grantors`.
    """
    kind, native_id = split_grant_id(grant_id)
    change, references = leaver.change, context.references
    if kind == "tag" and native_id in values.tags:
        if began_after(values, grant_id, value):
            _remark(leaver, STARTED_AGAIN)
            return
        change.associations += (values.tags[native_id],)
        name = references.table("tag").get(native_id, {}).get("tag") or native_id
        _request(leaver, f"association:{values.tags[native_id]}", kind, name)
    elif kind == "list" and native_id in values.lists and values.lists[native_id].status == ACTIVE:
        if began_after(values, grant_id, value):
            _remark(leaver, STARTED_AGAIN)
            return
        change.lists[native_id] = UNSUBSCRIBE
        name = references.table("list").get(native_id, {}).get("name") or native_id
        _request(leaver, f"list:{native_id}", kind, name)
    elif kind == "field" and values.fields.get(native_id) not in BLANK:
        found = [
            known for known in references.fields("contact").definitions if known.id == native_id
        ]
        if not found:
            return
        text = normalized_text(found[0], values.fields[native_id])
        if context.ledger.audiences.digest(text) != value:
            _remark(leaver, OTHER_VALUE)
            return
        change.values[native_id] = (found[0], "", None)
        _request(leaver, f"value:{native_id}", kind, found[0].title)
    elif kind == "automation":
        change.automations[native_id] = False
        leaver.row_request.requested.add(f"automation:{native_id}")


def _remark(leaver: Leaver, text: str) -> None:
    remarks = leaver.row_request.remarks
    remarks += [text] if text not in remarks else []


def _request(leaver: Leaver, request: str, kind: str, name: str) -> None:
    leaver.row_request.requested.add(request)
    leaver.revoked[request] = kind, name

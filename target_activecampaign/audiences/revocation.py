"""What is revoked from people who left an audience, as changes of their contacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_activecampaign.records.record import InputRecord
from target_activecampaign.sinks.contacts.change import UNSUBSCRIBE, ContactChange, RowRequest

from .grant_ids import ACTIVE, BLANK, GRANT_KINDS, began_after, normalized_text, split_grant_id
from .grants import audience_grantor

if TYPE_CHECKING:
    from target_activecampaign.config.audience_rules import AudienceRule
    from target_activecampaign.ledger.audience_records import Grants, Member
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.context import WriteContext

NO_CONTACT = "the account no longer has this contact"
GRANTED_BY_OTHERS = "what another stream gives too stays"
OTHER_VALUE = "a field that has another value by now stays"
STARTED_AGAIN = "a tag or a subscription that ended and began again stays"
TEXTS = {
    "tag": "the tag {}",
    "list": "the subscription to the list {}",
    "field": "the value of the field {}",
}


@dataclass
class Leaver:
    """A person who left an audience: all members that are one contact, None for no contact.

    ``part`` has the row that gets the result. ``revoked`` has by request the kind and the name of
    what is revoked; automations are counted where they are left. ``grant_ids`` has by grant id
    the hash of a field's value. Of a tag or subscription it has none: an undo starts it at another
    time.
    """

    members: list[Member]
    contact: str | None
    part: RowRequest
    change: ContactChange
    revoked: dict[str, tuple[str, str]] = field(default_factory=dict)
    grant_ids: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> list[str]:
        """What was revoked, without what a setting forbade."""
        return [TEXTS[kind].format(name) for kind, name in self._done]

    @property
    def taken_back(self) -> dict[str, list[str]]:
        """The names of what was revoked, by kind."""
        found: dict[str, list[str]] = {}
        for kind, name in self._done:
            found.setdefault(f"{kind}s", []).append(name)
        if self.change.left_automations:
            found["automations"] = sorted(self.change.left_automations)
        return found

    @property
    def _done(self) -> list[tuple[str, str]]:
        part = self.part
        return [
            one
            for request, one in self.revoked.items()
            if request in part.requested and part.requested_again.isdisjoint(part.parts_of(request))
        ]


def leaver_of(members: list[Member], contact: str | None, audience: str, stream: str) -> Leaver:
    """Return a leaver, with a row for its result; ``stream`` is the target's name."""
    row = InputRecord(None, stream, {}, {"id": contact}, {}, input_stream=audience)
    row.known_id = contact
    part = RowRequest(row, may_create=False)
    return Leaver(members, contact, part, ContactChange([part], id=contact, is_revocation=True))


def plan_revocation(
    context: WriteContext,
    leaver: Leaver,
    rule: AudienceRule,
    grants: Grants,
    values: ContactValues | None,
) -> None:
    """Plan to revoke what only the audience granted and the contact still has."""
    part = leaver.part
    if values is None:
        part.remarks += [NO_CONTACT] if leaver.contact else []
        return
    leaver.change.email = str(values.row.get("email") or "").strip() or None
    holdout, email = context.holdout, leaver.change.email
    part.row.is_held_out = holdout.is_active and email is not None and holdout.is_held_out(email)
    grantor = audience_grantor(part.row.input_stream)
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
    """Add the removal of what a grant id stands for to a change, if the contact has it.

    ``value`` is what the ledger has of the grant beside its grantors.
    """
    kind, one = split_grant_id(grant_id)
    change, references = leaver.change, context.references
    if kind == "tag" and one in values.tags:
        if began_after(values, grant_id, value):
            _remark(leaver, STARTED_AGAIN)
            return
        change.associations += (values.tags[one],)
        name = references.table("tag").get(one, {}).get("tag") or one
        _request(leaver, f"association:{values.tags[one]}", kind, name)
    elif kind == "list" and one in values.lists and values.lists[one].status == ACTIVE:
        if began_after(values, grant_id, value):
            _remark(leaver, STARTED_AGAIN)
            return
        change.lists[one] = UNSUBSCRIBE
        name = references.table("list").get(one, {}).get("name") or one
        _request(leaver, f"list:{one}", kind, name)
    elif kind == "field" and values.fields.get(one) not in BLANK:
        found = [known for known in references.fields("contact").definitions if known.id == one]
        if not found:
            return
        text = normalized_text(found[0], values.fields[one])
        if context.ledger.audiences.digest(text) != value:
            _remark(leaver, OTHER_VALUE)
            return
        change.values[one] = (found[0], "", None)
        _request(leaver, f"value:{one}", kind, found[0].title)
    elif kind == "automation":
        change.automations[one] = False
        leaver.part.requested.add(f"automation:{one}")


def _remark(leaver: Leaver, text: str) -> None:
    remarks = leaver.part.remarks
    remarks += [text] if text not in remarks else []


def _request(leaver: Leaver, request: str, kind: str, name: str) -> None:
    leaver.part.requested.add(request)
    leaver.revoked[request] = kind, name

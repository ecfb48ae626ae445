"""What is taken back from people who left, as changes of their contacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_activecampaign.records.record import InputRecord
from target_activecampaign.sinks.contacts.change import UNSUBSCRIBE, ContactChange, RowRequest

from .gifts import audience_giver
from .tokens import ACTIVE, BLANK, KINDS, began_after, normal_text, split

if TYPE_CHECKING:
    from target_activecampaign.config.audience_rules import AudienceRule
    from target_activecampaign.ledger.audience_records import Given, Member
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.context import WriteContext

GONE = "the account no longer has this contact"
ELSEWHERE = "what another stream gives too stays"
OTHER_VALUE = "a field that has another value by now stays"
BEGAN_AGAIN = "a tag or a subscription that ended and began again stays"


@dataclass
class Leaver:
    """A person who left an audience: all members that are one contact, None for no contact.

    ``part`` has the row that gets the result. ``taken`` names by request what is taken back;
    automations are counted where they are left. ``tokens`` are the same by token, with the hash
    of a field's value: a tag or subscription that an undo gives again begins at another time.
    """

    members: list[Member]
    contact: str | None
    part: RowRequest
    change: ContactChange
    taken: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> list[str]:
        """What was taken back, without what a setting forbade."""
        return [text for request, text in self.taken.items() if request in self.part.requested]


def leaver_of(members: list[Member], contact: str | None, audience: str, stream: str) -> Leaver:
    """Return a leaver, with a row for its result; ``stream`` is the target's name."""
    row = InputRecord(None, stream, {}, {"id": contact}, {}, input_stream=audience)
    row.known_id = contact
    part = RowRequest(row, may_create=False)
    return Leaver(members, contact, part, ContactChange([part], id=contact, takes_back=True))


def plan_change(
    context: WriteContext,
    leaver: Leaver,
    rule: AudienceRule,
    given: Given,
    values: ContactValues | None,
) -> None:
    """Plan to take back what the audience alone gave and the contact still has."""
    part = leaver.part
    if values is None:
        part.remarks += [GONE] if leaver.contact else []
        return
    leaver.change.email = str(values.row.get("email") or "").strip() or None
    holdout, email = context.holdout, leaver.change.email
    part.row.is_held_out = holdout.is_active and email is not None and holdout.is_held_out(email)
    giver = audience_giver(part.row.input_stream)
    kinds = {KINDS[word] for word in rule.on_leave}
    for token, holders in sorted(given.tokens.items()):
        if giver not in holders or split(token)[0] not in kinds:
            continue
        if len(holders) > 1:
            _remark(leaver, ELSEWHERE)
        else:
            leaver.tokens[token] = holders[giver] if split(token)[0] == "field" else ""
            _take(context, leaver, token, holders[giver], values)


def _take(
    context: WriteContext, leaver: Leaver, token: str, value: str, values: ContactValues
) -> None:
    """Add what a token stands for to a leaver's change, if the contact has it.

    ``value`` is what the ledger keeps of the token beside its holders.
    """
    kind, one = split(token)
    change, references = leaver.change, context.references
    if kind == "tag" and one in values.tags:
        if began_after(values, token, value):
            _remark(leaver, BEGAN_AGAIN)
            return
        change.associations += (values.tags[one],)
        name = references.table("tag").get(one, {}).get("tag") or one
        _request(leaver, f"association:{values.tags[one]}", f"the tag {name}")
    elif kind == "list" and one in values.lists and values.lists[one].status == ACTIVE:
        if began_after(values, token, value):
            _remark(leaver, BEGAN_AGAIN)
            return
        change.lists[one] = UNSUBSCRIBE
        name = references.table("list").get(one, {}).get("name") or one
        _request(leaver, f"list:{one}", f"the subscription to the list {name}")
    elif kind == "field" and values.fields.get(one) not in BLANK:
        found = [known for known in references.fields("contact").definitions if known.id == one]
        if not found:
            return
        text = normal_text(found[0], values.fields[one])
        if context.ledger.audiences.digest(text) != value:
            _remark(leaver, OTHER_VALUE)
            return
        change.values[one] = (found[0], "", None)
        _request(leaver, f"value:{one}", f"the value of the field {found[0].title}")
    elif kind == "automation":
        change.automations[one] = False
        leaver.part.requested.add(f"automation:{one}")


def _remark(leaver: Leaver, text: str) -> None:
    remarks = leaver.part.remarks
    remarks += [text] if text not in remarks else []


def _request(leaver: Leaver, request: str, text: str) -> None:
    leaver.part.requested.add(request)
    leaver.taken[request] = text

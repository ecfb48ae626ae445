"""At the end of the input, finds who left an audience, and revokes what the audience granted."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_activecampaign_unified.cli import unmute_log
from tap_activecampaign_unified.client import RequestError, walk_keyset
from target_activecampaign.ledger.audience_records import NO_ADDRESS, Grants, placeholder_of
from target_activecampaign.outcome import Action, Outcome, outcome_of
from target_activecampaign.sinks.contacts.sink import write_revocations
from target_activecampaign.sinks.registry import SINKS

from .imports_of_killed_runs import wait_for_imports
from .input_completeness import REJECTED
from .leaver_results import LeaverResults
from .other_audiences import join_other_audiences
from .report import AudienceReport
from .requested_grants import audience_grantor
from .revocation_plan import Leaver, leaver_of, plan_revocation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from target_activecampaign.config.audience_rules import AudienceRule
    from target_activecampaign.ledger.audience_records import Grantors, Member
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.write_context import WriteContext

    from .grant_recorder import GrantRecorder
    from .input_completeness import InputCompleteness
    from .leaver_results import OpenRows

logger = logging.getLogger(__name__)

MAX_AT_ONCE = 2_000
MAX_LINES = 20
EMPTY_INPUT = "no row of it came, and allow_empty is not set"
TOO_MANY = (
    "audience {}: {:,} of {:,} members would leave; max_leave_share is {:g}, which lets {:,} leave "
    "at once: no one left; check the query, or set max_leave_share to {:g}"
)
NOT_IN_INPUT = "the input does not have this stream; its members stay"
NO_ONE_LEAVES = "Audience %s: no one leaves it: %s"
HAS_ADDRESS = "the contact has an address of the input now; it stays in the audience"
LEAVES_IN_LATER_RUN = "max_changes is reached; the person leaves in another run"
IMPORT_PENDING = "Audience %s: %d people leave in a later run: an import of them may be under way"
MAY_START_AUTOMATIONS = (
    "Dry run: audience %s: automations may start where a tag is removed or a person is "
    "unsubscribed; the API does not say which"
)


class LeaverProcessor:
    """Finds the people who left each audience of a run, and revokes their grants.

    ``alias`` returns the target's name of a stream of the input.
    """

    def __init__(
        self,
        context: WriteContext,
        finisher: OpenRows,
        grants: GrantRecorder,
        completeness: InputCompleteness,
        alias: Callable[[str], str],
    ) -> None:
        self._context, self._finisher, self._grants = context, finisher, grants
        self._completeness = completeness
        self._alias = alias
        self._records = context.ledger.audiences
        self._people_in_input = grants.members.people_in_input

    def run(self, input_fault: str | None) -> None:
        """Process the leavers of all audiences. With an ``input_fault``, no one may leave."""
        for name, rule in self._context.policy.audiences.items():
            report = self._grants.reports[name] = AudienceReport()
            if not self._completeness.has(name):
                report.reason = NOT_IN_INPUT
                logger.info("Audience %s: %s", name, NOT_IN_INPUT)
                continue
            report.reason = input_fault or self._refusal_reason(name, rule)
            if report.reason is not None:
                logger.warning(NO_ONE_LEAVES, name, report.reason)
                continue
            self._process_audience(name, rule, report)

    def _refusal_reason(self, name: str, rule: AudienceRule) -> str | None:
        """Return why no one may leave an audience; None if people may leave."""
        if self._completeness.has_end_mark(name):
            self._records.note_end_mark(name)
        needs_mark = self._records.had_end_mark(name)
        why = self._completeness.why_incomplete(name, needs_mark=needs_mark)
        if why is None and name in self._finisher.faulty_streams:
            why = REJECTED
        if why is None and not self._people_in_input[name] and not rule.allow_empty:
            why = EMPTY_INPUT
        return why

    def _process_audience(self, name: str, rule: AudienceRule, report: AudienceReport) -> None:
        gone: list[Member] = []
        for member in self._records.members(name):
            is_gone = self._is_gone(name, member)
            gone += [member] if is_gone else []
            # Members whose first complete input this is do not count: they would raise the limit.
            report.members += member.is_complete or is_gone
        report.leavers = len(gone)
        # The addition is for binary fractions: 0.29 * 100 is less than 29, and 29 may leave.
        most = int(rule.max_leave_share * report.members + 1e-9)
        if len(gone) > most:
            enough = math.ceil(100 * len(gone) / report.members) / 100
            report.reason = TOO_MANY.format(
                name, len(gone), report.members, rule.max_leave_share, most, enough
            )
            self._finisher.note_refusal(report.reason)
            return
        self._mark_complete(name)
        leavers = self._leavers_of(gone, name)
        for at in range(0, len(leavers), MAX_AT_ONCE):
            self._process_leavers(rule, leavers[at : at + MAX_AT_ONCE], report)
        self._log_report(name, report)

    def _is_gone(self, name: str, member: Member) -> bool:
        """Return whether a member of an audience is not in its input."""
        people_in_input = self._people_in_input[name]
        if people_in_input.includes(member):
            return False
        contact = member.contact or self._records.grants_of(member.person).contact
        return contact is None or not people_in_input.includes_contact(contact)

    def _mark_complete(self, name: str) -> None:
        """Mark the members of this input as complete: they were in an input read to its end."""
        for member in self._records.members(name):
            if not member.is_complete and not self._is_gone(name, member):
                self._records.put_member(name, member._replace(is_complete=True))

    # --- leavers ----------------------------------------------------------------------------

    def _leavers_of(self, gone: list[Member], name: str) -> list[Leaver]:
        """Return a leaver for each contact, without those whose import may be unfinished."""
        if any(member.is_pending for member in gone) and not wait_for_imports(self._context):
            count = sum(member.is_pending for member in gone)
            logger.warning(IMPORT_PENDING, name, count)
            gone = [member for member in gone if not member.is_pending]
        contacts = {
            member.person: member.contact or self._records.grants_of(member.person).contact
            for member in gone
        }
        unknown = {
            member.address: member.person
            for member in gone
            if contacts[member.person] is None and self._records.grants_of(member.person).by_id
        }
        contacts_by_address = _contacts_of_addresses(self._context, unknown.keys())
        contacts |= {unknown[address]: contact for address, contact in contacts_by_address.items()}
        grouped: dict[str, list[Member]] = {}
        for member in gone:
            grouped.setdefault(contacts[member.person] or member.person, []).append(member)
        stream = self._alias(name)
        return [
            leaver_of(members, contacts[members[0].person], name, stream)
            for members in grouped.values()
        ]

    def _process_leavers(
        self, rule: AudienceRule, leavers: list[Leaver], report: AudienceReport
    ) -> None:
        """Revoke the grants of up to `MAX_AT_ONCE` leavers, of as many as `max_changes` allows.

        If a request before the first write fails, the results of all these leavers are failed.
        """
        context = self._context
        now, later = context.limits.split(leavers)
        results = LeaverResults(self._finisher, now, report)
        self._finisher.open([leaver.row_request.row for leaver in leavers])
        self._finish_postponed(later)
        with context.ledger.transaction():
            # Forget the rows first: a person who returns after a killed run is written again.
            for key in (key for leaver in now for member in leaver.members for key in member.keys):
                context.ledger.forget(key)
        try:
            values = self._values_of(now)
            now = self._drop_readdressed(now, values)
            self._plan_revocations(rule, now, values)
        except RequestError as problem:
            for leaver in now:
                results.finish(leaver.row_request.row, outcome_of(problem))
            return
        if now:
            sink = SINKS[self._alias(now[0].row_request.row.input_stream)]
            write_revocations(
                replace(context, finisher=results), sink, [leaver.change for leaver in now]
            )
        self._finish_leavers(
            [leaver for leaver in now if id(leaver.row_request.row) in results.done], report
        )

    def _finish_postponed(self, leavers: list[Leaver]) -> None:
        """Give a result to leavers who leave in a later run because of `max_changes`."""
        for leaver in leavers:
            outcome = Outcome(
                Action.SKIPPED, reason=LEAVES_IN_LATER_RUN, confirms_row=False, blocks_state=True
            )
            details = {"audience": leaver.row_request.row.input_stream}
            self._finisher.finish(leaver.row_request.row, replace(outcome, details=details))

    def _values_of(self, leavers: list[Leaver]) -> dict[str, ContactValues]:
        """Return the present values of leavers by contact id. Raises `RequestError`."""
        if self._context.earlier_values is not None:
            self._context.earlier_values.announce_records(
                "contact", [leaver.row_request.row for leaver in leavers]
            )
        return self._grants.reader.read(leaver.contact for leaver in leavers if leaver.contact)

    def _plan_revocations(
        self, rule: AudienceRule, leavers: list[Leaver], values: dict[str, ContactValues]
    ) -> None:
        """Plan which grants each leaver loses, and note them for an undo. Raises `RequestError`."""
        joined = self._join_others(leavers, values)
        self._prefetch_stream_grants(leavers, values)
        for leaver in leavers:
            present = values.get(leaver.contact or "")
            others = joined.get(leaver.contact or "", {})
            grants = self._grants_of(leaver, present, others)
            plan_revocation(self._context, leaver, rule, grants, present)
        self._records.uncache()
        recorder = self._context.write_client.recorder
        if recorder is not None and leavers:
            grantor = audience_grantor(leavers[0].row_request.row.input_stream)
            recorder.note_leavers(
                [
                    (leaver.contact, grantor, leaver.grant_ids)
                    for leaver in leavers
                    if leaver.contact
                ]
            )

    def _drop_readdressed(
        self, leavers: list[Leaver], values: dict[str, ContactValues]
    ) -> list[Leaver]:
        """Return the leavers, without the contacts that now have an address of the input.

        These contacts stay in the audience.
        """
        gone = []
        for leaver in leavers:
            name = leaver.row_request.row.input_stream
            address = self._address_of(values.get(leaver.contact or ""))
            moved = [member._replace(address=address) for member in leaver.members]
            if not self._people_in_input[name].includes(moved[0]):
                gone.append(leaver)
                continue
            for member in moved:
                self._records.put_member(name, member)
            outcome = Outcome(Action.SKIPPED, leaver.contact, HAS_ADDRESS, confirms_row=False)
            self._finisher.finish(
                leaver.row_request.row, replace(outcome, details={"audience": name})
            )
        return gone

    def _address_of(self, present: ContactValues | None) -> bytes:
        """Return the hash of a contact's present address."""
        email = str(present.row.get("email") or "") if present is not None else ""
        return self._records.hashed_address(email)

    def _prefetch_stream_grants(
        self, leavers: list[Leaver], values: dict[str, ContactValues]
    ) -> None:
        names = [leaver.contact for leaver in leavers if leaver.contact]
        addresses = map(self._address_of, values.values())
        self._records.prefetch_stream_grants(
            [*names, *(placeholder_of(address) for address in addresses if address)]
        )

    def _join_others(
        self, leavers: list[Leaver], values: dict[str, ContactValues]
    ) -> dict[str, dict[str, Grantors]]:
        """Make leavers members of the other audiences that have a row of their present address."""
        contacts = {
            self._address_of(values[leaver.contact]): leaver.contact
            for leaver in leavers
            if leaver.contact in values
        }
        contacts.pop(NO_ADDRESS, None)
        name = leavers[0].row_request.row.input_stream if leavers else ""
        return join_other_audiences(self._context.ledger, name, contacts) if contacts else {}

    def _grants_of(
        self, leaver: Leaver, present: ContactValues | None, joined: dict[str, Grantors]
    ) -> Grants:
        """Return the grants to a leaver's contact and addresses, with all their grantors.

        ``joined`` are the grantors of audiences of which the leaver just became a member.
        """
        grants = Grants(by_id=dict(self._records.grants_of(leaver.contact or "").by_id))
        for member in leaver.members:
            for grant_id, grantors in self._records.grants_of(member.person).by_id.items():
                grants.by_id[grant_id] = {**grants.by_id.get(grant_id, {}), **grantors}
        streams = self._grants.others.grantors_of(leaver.contact or "", self._address_of(present))
        for others in (streams, joined):
            for grant_id in grants.by_id.keys() & others.keys():
                grants.by_id[grant_id] = {**others[grant_id], **grants.by_id[grant_id]}
        return grants

    def _finish_leavers(self, leavers: list[Leaver], report: AudienceReport) -> None:
        context = self._context
        report.left += len(leavers)
        for leaver in leavers:
            if context.write_client.is_dry_run and context.plan.wants_sample():
                fields = {text: ["given", None] for text in leaver.revoked_texts}
                stream = leaver.row_request.row.stream
                context.plan.add_sample(stream, leaver.contact, fields)
        with context.ledger.transaction():
            for leaver in leavers:
                self._remove_leaver(leaver)
        self._records.uncache()

    def _remove_leaver(self, leaver: Leaver) -> None:
        """Remove a leaver from the members, and the audience from the leaver's grantors."""
        name = leaver.row_request.row.input_stream
        persons = {leaver.contact, *(member.person for member in leaver.members)}
        for person in filter(None, persons):
            grants = self._records.grants_of(person)
            for grantors in grants.by_id.values():
                grantors.pop(audience_grantor(name), None)
            self._records.put_grants(person, grants)
        for member in leaver.members:
            self._records.remove_member(name, member.person)
            if leaver.contact and not self._records.grants_of(leaver.contact).by_id:
                # The entry of the address only names the contact, which has no grants any more.
                self._records.put_grants(placeholder_of(member.address), Grants())

    def _log_report(self, name: str, report: AudienceReport) -> None:
        is_dry = self._context.write_client.is_dry_run
        if is_dry:
            unmute_log()
        start, verb = ("Dry run: audience", "would lose") if is_dry else ("Audience", "lost")
        leave = "would leave" if is_dry else "left"
        logger.info("%s %s: %d of %d members %s", start, name, report.left, report.members, leave)
        for what, count in report.revoked.most_common(MAX_LINES):
            logger.info("%s %s: %d %s %s", start, name, count, verb, what)
        for why, count in report.kept.most_common(MAX_LINES):
            logger.info(
                "%s %s: %d people who %s keep something: %s", start, name, count, leave, why
            )
        if is_dry and report.revoked:
            logger.info(MAY_START_AUTOMATIONS, name)


def _contacts_of_addresses(context: WriteContext, addresses: Collection[bytes]) -> dict[bytes, str]:
    """Return the contacts of hashed addresses, by the hash. Reads all contacts."""
    contacts: dict[bytes, str] = {}
    if not addresses:
        return contacts
    for page in walk_keyset(context.client, "contacts", "contacts", [("status", -1)]):
        for row in page.rows:
            key = context.ledger.audiences.address_key(str(row.get("email") or ""))
            if key in addresses:
                contacts[key] = str(row["id"])
    return contacts

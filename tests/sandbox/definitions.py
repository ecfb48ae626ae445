"""Definitions of a seeded account: fields of every type and trap, tags, lists, users."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tests.sandbox import names, rows
from tests.sandbox.people_rows import GROUP_FLAGS

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

TIERS = ["Free", "Team", "Business", "Enterprise"]
CHANNELS = ["E-mail", "Phone", "Post"]
INTERESTS = ["Hiking", "Cooking", "Music", "Chess", "Sailing"]
SIZES = ["1-10", "11-50", "51-200", "200+"]
# title, type, perstag, options: first every type, then the traps of field keys
CONTACT_FIELDS: list[tuple[str, str, str, list[str]]] = [
    ("Lead source", "text", "LEAD_SOURCE", []),
    ("Plan tier", "dropdown", "PLAN_TIER", TIERS),
    ("Lead score", "number", "LEAD_SCORE", []),
    ("Renewal date", "date", "RENEWAL_DATE", []),
    ("Last demo", "datetime", "LAST_DEMO", []),
    ("Channels", "checkbox", "CHANNELS", CHANNELS),
    ("Interests", "listbox", "INTERESTS", INTERESTS),
    ("Remarks", "textarea", "REMARKS", []),
    ("Company size", "radio", "COMPANY_SIZE", SIZES),
    ("External ID", "hidden", "EXTERNAL_ID", []),
    ("Region", "text", "REGION", []),
    ("Region", "text", "SALES_REGION", []),  # one title twice
    ("Plan-tier", "text", "PLAN-TIER", []),  # two titles with the same key
    ("Größe", "text", "GRE", []),
    ("Status", "text", "STATUS", []),  # keys that are also names of columns
    ("Name", "text", "NAME", []),
    ("E-mail address", "text", "EMAIL_ADDRESS", []),
    ("顧客ランク", "text", "", []),  # a tag without any letter of the title
]
_ACCOUNT_ATTRIBUTES = [
    ("Description", "textarea", "ACCT_DESCRIPTION", None),
    ("Address 1", "text", "ACCT_ADDRESS_1", None),
    ("Address 2", "text", "ACCT_ADDRESS_2", None),
    ("City", "text", "ACCT_CITY", None),
    ("State/Province", "text", "ACCT_STATE_PROVINCE", None),
    ("Postal Code", "text", "ACCT_POSTAL_CODE", None),
    ("Country", "text", "ACCT_COUNTRY", None),
    ("Number of Employees", "dropdown", "ACCT_NUMBER_OF_EMPLOYEES", [*SIZES, "120"]),
    ("Annual Revenue", "currency", "ACCT_ANNUAL_REVENUE", None),
    ("Industry/Vertical", "dropdown", "ACCT_INDUSTRY_VERTICAL", names.TRADE[:8]),
    ("Phone Number", "text", "ACCT_PHONE_NUMBER", None),
]
ACCOUNT_FIELDS: list[tuple[str, str, str, list[str] | None]] = [
    *_ACCOUNT_ATTRIBUTES,
    ("Customer number", "text", "", None),
    ("Contract notes", "textarea", "%ACCT_CONTRACT_NOTES%", None),
    ("Customer since", "date", "", None),
    ("Next review", "datetime", "", None),
    ("Tier", "dropdown", "", TIERS),
    ("Products", "multiselect", "", INTERESTS),
    ("Billing", "radio", "", ["Monthly", "Yearly"]),
    ("Channels", "checkbox", "", CHANNELS),
    ("ERP key", "hidden", "", None),
    ("Credit limit", "currency", "", None),
    ("Sites", "number", "", None),
]
DEAL_FIELDS: list[tuple[str, str, str, list[str] | None]] = [
    ("Forecasted Close Date", "date", "DEAL_FORECASTED_CLOSE_DATE", None),
    ("External key", "text", "", None),
    ("Scope", "textarea", "", None),
    ("Kick-off", "datetime", "", None),
    ("Incoterm", "dropdown", "", ["EXW", "DAP", "FCA"]),
    ("Modules", "multiselect", "", INTERESTS),
    ("Priority", "radio", "", ["Low", "Normal", "High"]),
    ("Delivery", "checkbox", "", CHANNELS),
    ("Campaign", "hidden", "", None),
    ("Margin", "currency", "", None),
    ("Seats", "number", "", None),
    ("Delivery date", "date", "", None),
    ("Scope", "text", "%DEAL_SCOPE_CODE%", None),  # one label twice
]
_ODD_TAGS = ["R&D + QA", "50 % off", 'said "yes"', "Søknad/2030", "to do: call"]


def define(w: World, dice: Random, shape: Shape, born: int) -> None:
    """Create everything that a seeded account has before its contacts; `born` is the time."""
    _people(w, shape, born)
    _contact_fields(w, shape, born)
    _custom_fields(w, "account", ACCOUNT_FIELDS, shape.account_fields, born)
    _custom_fields(w, "deal", DEAL_FIELDS, shape.deal_fields, born)
    _tags(w, dice, shape, born)
    for number in range(shape.lists):
        name = names.LISTS[number % len(names.LISTS)]
        round_ = number // len(names.LISTS)
        slug = name.casefold().replace(" ", "-") + (f"-{round_}" if round_ else "")
        columns = {
            "sender_url": "https://acme.example/",
            "sender_reminder": "You signed up on our site.",
        }
        w.tables["lists"].insert(rows.MailList(name, slug, born, None, born, columns=columns))
    _pipelines(w, shape, born)
    for number in range(shape.automations):
        w.tables["automations"].insert(
            rows.Automation(f"Welcome series {number + 1}", born, born, 1 + number % 2)
        )
    if shape.scores_share:
        w.tables["scores"].insert(rows.Score("Engagement", "contact", born, born))
        w.tables["scores"].insert(rows.Score("Fit", "deal", born, born))
    if len(w.tables["tags"]):
        w.tables["segments"].insert(rows.Segment("Webinar guests", born, born, tag=1))
        w.tables["segments"].insert(rows.Segment("Trial users", born, born, tag=2))


def _people(w: World, shape: Shape, born: int) -> None:
    t = w.tables
    titles = ["Admin", "Sales", "Viewers", "Support", "Finance"]
    for number in range(shape.groups):
        title = titles[number % len(titles)] + (f" {number}" if number >= len(titles) else "")
        flags = {flag: "1" for flag in GROUP_FLAGS if number == 1 and "Deal" in flag}
        sdate = born if number else None
        t["groups"].insert(rows.Group(title, None, sdate, int(number == 0), flags))
    for number in range(max(1, shape.users)):
        first, last = names.FIRST[number * 7 % 80], names.LAST[number * 11 % 80]
        name = "admin" if number == 0 else f"{first}.{last}".casefold()
        user = rows.User(name, first, last, f"{name}@acme.example", born, born)
        t["users"].insert(user)
        if shape.groups:
            group = 1 if number == 0 else 1 + number % shape.groups
            t["userGroups"].insert(rows.UserGroup(user.id, group))


def _contact_fields(w: World, shape: Shape, born: int) -> None:
    none: list[str] = []
    extra = ((f"Extra {n}", "text", f"EXTRA_{n}", none) for n in itertools.count(1))
    defined = itertools.chain(CONTACT_FIELDS, extra)
    for number, (title, kind, perstag, options) in enumerate(
        itertools.islice(defined, shape.contact_fields), 1
    ):
        row = rows.Field(title, kind, perstag, born, born, ordernum=number)
        w.tables["fields"].insert(row)
        w.add_options(row.id, *options)
        w.tables["fieldRels"].insert(rows.FieldRel(row.id, 0, born))


def _custom_fields(w: World, kind: str, defined: list[Any], count: int, born: int) -> None:
    table = w.tables[f"{kind}CustomFieldMeta"]
    for number, (label, field_type, personalization, options) in enumerate(defined[:count], 1):
        table.insert(
            rows.CustomField(
                label,
                field_type,
                born,
                born,
                fieldOptions=options,
                personalization=personalization,
                displayOrder=number,
                fieldDefaultCurrency="usd" if field_type == "currency" else None,
                knownFieldId=number
                if "_" in personalization and "%" not in personalization
                else None,
            )
        )


def _tags(w: World, dice: Random, shape: Shape, born: int) -> None:
    made = [f"{topic}-{source}" for source in names.SOURCES for topic in names.TOPICS]
    wanted = [*names.TOPICS[:2], *_ODD_TAGS, *names.TOPICS[2:], *made][: shape.tags]
    wanted += [f"tag {number}" for number in range(len(wanted), shape.tags)]
    for name in wanted:
        at = born + dice.randrange(86400 * 30)
        w.tables["tags"].insert(rows.Tag(name, at, at, description=""))
    for number in range(shape.template_tags if shape.tags else 0):
        name = wanted[number] if number < 1 else f"layout {number}"
        w.tables["tags"].insert(rows.Tag(name, born, born, "template", None))


def _pipelines(w: World, shape: Shape, born: int) -> None:
    for number in range(shape.pipelines):
        title = names.PIPELINES[number % len(names.PIPELINES)]
        pipeline = w.tables["dealGroups"].insert(rows.Pipeline(title, born, born))
        for order, stage in enumerate(names.STAGES[: 3 + number % 3], 1):
            w.tables["dealStages"].insert(rows.Stage(stage, pipeline.id, order, None, born))
    for title in ("Decision maker", "Influencer"):
        w.tables["dealRoles"].insert(rows.DealRole(title, born, born))

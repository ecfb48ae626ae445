"""The account of docs/recipes.md: eight people, four companies, five deals, two lists."""

from __future__ import annotations

from tests.sandbox import World
from tests.sandbox.ecommerce import store
from tests.sandbox.ecommerce.planting import stamp
from tests.sandbox.engagement import acts
from tests.sandbox.rows import Group, User, UserGroup
from tests.sandbox.tasks.planting import define_types

KEY = "k3y-of-the-recipes-that-nobody-may-see"
DAY = 86_400

NEWSLETTER, WEBINARS = "Monthly newsletter", "Webinar invitations"
ACTIVE, UNSUBSCRIBED, BOUNCED = 1, 2, 3

# First and last name, address, company, job, status by list, tags.
Person = tuple[str, str, str, str | None, str | None, dict[str, int], str]
PEOPLE: tuple[Person, ...] = (
    ("Anna", "Abel", "anna@harbour.example", "Harbour Hotels", "Buyer", {NEWSLETTER: 1}, "vip"),
    ("Ben", "Bakker", "Ben.Bakker@harbour.example", "Harbour Hotels", "CFO", {NEWSLETTER: 2}, ""),
    (
        "Cleo",
        "Castel",
        "cleo@maple.example",
        "Maple Foods",
        "CEO",
        {NEWSLETTER: 1, WEBINARS: 1},
        "",
    ),
    ("Dan", "Dahl", "dan@maple.example", "Maple Foods", None, {NEWSLETTER: 3}, "score:hot"),
    ("Eve", "Engel", "eve@stone.example", "Stone Works", None, {NEWSLETTER: 1}, "vip"),
    ("Finn", "Falk", "finn@quiet.example", "Quiet Labs", "Owner", {NEWSLETTER: 1}, ""),
    ("Gita", "Gallo", "gita@post.example", None, None, {WEBINARS: 2}, ""),
    ("", "", "hugo@post.example", None, None, {}, ""),
)
COMPANIES = (
    ("Harbour Hotels", "https://www.harbour.example"),
    ("Maple Foods", "https://maple.example/"),
    ("Stone Works", None),
    ("Quiet Labs", "http://quiet.example"),
)
# Title, whose, pipeline, stage, status, value in cents, owner, own key, days since its last change.
DEALS = (
    ("Annual licence", "anna", "Sales", "To Contact", 0, 1_200_000, "rita", "A-1001", 20),
    ("Spare parts", "cleo", "Sales", "Proposal", 0, 85_000, "tom", "A-1002", 9),
    ("Pilot project", "eve", "Sales", "In Contact", 0, 400_000, "tom", "A-1003", 0),
    ("Licence renewal", "anna", "Renewals", "To Contact", 0, 900_000, "tom", "A-1004", 30),
    ("Training", "dan", "Sales", "Proposal", 1, 150_000, "rita", "A-1005", 40),
    ("First order", "finn", "Sales", "Proposal", 1, 60_000, "tom", "A-0990", 300),
)


# The shop's key, whose, status, days since it last changed.
SUBSCRIPTIONS = (
    ("s-1", "anna", "ACTIVE", 20),
    ("s-2", "anna", "CANCELLED", 2),
    ("s-3", "cleo", "PAYMENT_FAILED", 1),
    ("s-4", "finn", "CANCELLED", 3),
    ("s-5", "eve", "EXPIRED", 200),
)


def make_account() -> World:
    """Create the account, the same each time except for its dates."""
    w = World(is_empty=True, api_key=KEY, requests_per_second=0, import_seconds=0)
    _people_of_ours(w)
    _definitions(w)
    _companies(w)
    _contacts(w)
    _deals(w)
    w.link(
        contact(w, "eve"),
        next(company.id for company in w.tables["accounts"] if company.name == "Quiet Labs"),
    )
    w.add_automation("Payment reminders")
    _shop(w)
    _mails(w)
    w.automation_log.clear()
    return w


def _shop(w: World) -> None:
    """Connect a shop whose list Gita left, with subscriptions that run and that lapsed."""
    w.switches.ecommerce = w.switches.tasks = "served"
    define_types(w)
    shop = store.add_connection(w, "harbour", "harbour-shop", "Harbour shop")
    webinars = next(
        mailing_list.id for mailing_list in w.tables["lists"] if mailing_list.name == WEBINARS
    )
    w.tables["connections"].change(shop, listId=webinars)
    for key, first, status, days in SUBSCRIPTIONS:
        at = stamp(w.now() - days * DAY)
        document = {
            "legacyConnectionId": shop.id,
            "storeRecurringPaymentId": key,
            "name": f"Plan {key[-1]}",
            "email": w.tables["contacts"][contact(w, first)].email,
            "normalizedStatus": status,
            "storeCreatedDate": stamp(w.now() - 400 * DAY),
            "storeModifiedDate": at,
        }
        document |= {"cancelledDate": at} if status == "CANCELLED" else {"lastPaymentDate": at}
        store.put_record(w, "storeRecurringPayments", document, replaces=True)


def _mails(w: World) -> None:
    """Send two campaigns; some people open and click them, and a program fetches a message."""
    w.switches.engagement = "served"
    at = w.now() - 3 * DAY
    for campaign in (1, 2):
        for number, person in enumerate(list(w.tables["contacts"])[: 8 - 3 * (campaign - 1)]):
            acts.send(w, person.id, campaign, at=at)
            if number < 3:
                acts.click(w, person.id, "open", campaign, at=at + 600 + number)
            if number == 1:
                acts.click(w, person.id, "open", campaign, at=at + 6000)
                acts.click(w, person.id, "https://acme.example/offer", campaign, at=at + 700)
            if number == 3:
                acts.prefetch(w, person.id, campaign, at=at + 5)
            if number == 4:
                acts.bounce(w, person.id, campaign, at=at + 30)


def contact(w: World, first: str) -> int:
    """Return a contact's id by the start of its address."""
    found = [c.id for c in w.tables["contacts"] if c.email.casefold().startswith(first)]
    assert len(found) == 1, first
    return int(found[0])


def tags_of(w: World, first: str) -> set[str]:
    """Return the names of a contact's tags."""
    rows = w.tables["contactTags"].by("contact", contact(w, first))
    return {w.tables["tags"][row.tag].tag for row in rows}


def lists_of(w: World, first: str) -> dict[str, int]:
    """Return a contact's status by the name of the list."""
    rows = w.tables["contactLists"].by("contact", contact(w, first))
    return {w.tables["lists"][row.list].name: row.status for row in rows}


def statuses(w: World) -> dict[str, dict[str, int]]:
    """Return each contact's status by list."""
    return {c.email: lists_of(w, c.email.casefold()) for c in w.tables["contacts"]}


def _people_of_ours(w: World) -> None:
    t, born = w.tables, w.born
    for title in ("Sales", "Support"):
        t["groups"].insert(Group(title, None, born))
    for name, group in (("Rita Reyes", "Sales"), ("Tom Toth", "Sales"), ("Uma Urban", "Support")):
        first, last = name.split()
        user = User(first.lower(), first, last, f"{first.lower()}@acme.example", born, born)
        t["users"].insert(user)
        home = next(found.id for found in t["groups"] if found.title == group)
        t["userGroups"].insert(UserGroup(user.id, home))


def _definitions(w: World) -> None:
    for name in ("vip", "score:hot", "score:warm"):
        w.add_tag(name)
    for name in (NEWSLETTER, WEBINARS):
        w.add_list(name)
    w.add_field("Lead score", "number", "LEAD_SCORE")
    w.add_pipeline("Sales", currency="eur")
    w.add_stage("Proposal", 1)
    w.add_pipeline("Renewals", currency="eur")
    w.add_custom_field("deal", "Order number")
    fields: tuple[tuple[str, str, str, list[str] | None], ...] = (
        ("Industry/Vertical", "text", "ACCT_INDUSTRY_VERTICAL", None),
        ("Size", "dropdown", "", ["1-10", "11-50", "51-200", "201-500", "501+"]),
        ("Annual Revenue", "currency", "ACCT_ANNUAL_REVENUE", None),
    )
    for label, kind, tag, options in fields:
        w.add_custom_field("account", label, kind, personalization=tag, fieldOptions=options)


def _companies(w: World) -> None:
    for name, site in COMPANIES:
        w.add_account(name, accountUrl=site, owner=2)
    # A value that a user typed in, which no list of companies may replace.
    maple = next(company.id for company in w.tables["accounts"] if company.name == "Maple Foods")
    w.set_datum("account", maple, 1, "Organic food")


def _contacts(w: World) -> None:
    for first, last, email, company, job, lists, tag in PEOPLE:
        row = w.add_contact(email, firstName=first, lastName=last)
        for known in w.tables["accounts"]:
            if known.name == company:
                w.link(row.id, known.id, job)
        for mailing_list in w.tables["lists"]:
            if mailing_list.name in lists:
                status = lists[mailing_list.name]
                w.subscribe(row.id, mailing_list.id, status, by_self=status == UNSUBSCRIBED)
        for known in w.tables["tags"]:
            if known.tag == tag:
                w.tag(row.id, known.id)
    w.set_field(contact(w, "dan"), 1, "75")


def _deals(w: World) -> None:
    t, now = w.tables, w.now()
    for title, whose, pipeline, stage, status, value, owner, key, days in DEALS:
        group = next(found.id for found in t["dealGroups"] if found.title == pipeline)
        place = next(s.id for s in t["dealStages"].by("group", group) if s.title == stage)
        link = t["accountContacts"].first("contact", contact(w, whose))
        row = w.add_deal(
            title,
            contact=contact(w, whose),
            account=link.account,
            group=group,
            stage=place,
            status=status,
            value=value,
            currency="eur",
            owner=next(u.id for u in t["users"] if u.username == owner),
            cdate=now - 400 * DAY,
            mdate=now - days * DAY,
        )
        w.set_datum("deal", row.id, 1, key)

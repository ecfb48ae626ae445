"""Random rows of the kinds that an undo covers, and settings of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.target.runner import state_of, stream_of

from .random_stores import rows_of_stores

if TYPE_CHECKING:
    from tests.sandbox import World

Row = dict[str, Any]
Rows = st.SearchStrategy[Row]
Values = dict[str, tuple[Any, ...]]
#: The parts of the streams: each search covers one part.
PEOPLE, STORES = "people", "stores"
TAGS = ("vip", "webinar", "trial", "pricing", "brand new")
COMPANIES = ("Initech", "Hooli")
NEW = tuple(f"new{number}@shop.example" for number in range(1, 5))
CONTACT_VALUES: Values = {
    "lead_source": ("fair", "ad"),
    "plan_tier": ("Team", "Business"),
    "lead_score": (1, 7.5),
    "renewal_date": ("2031-01-05", "2032-02-06"),
    "last_demo": ("2031-01-05T10:00:00Z",),
    "channels": (["E-mail", "Post"], ["Phone"]),
}
DEAL_VALUES: Values = {
    "field_4": ("2031-01-05T10:00:00Z",),
    "field_5": ("EXW", "DAP"),
    "field_6": (["Hiking"], ["Music", "Chess"]),
    "field_10": ({"amount": "7.50", "currency": "EUR"}, {"amount": "100", "currency": "USD"}),
    "field_11": (3, 12),
    "field_12": ("2031-01-05", "2032-02-06"),
}
ACCOUNT_VALUES: Values = {
    "field_12": ("K1", "K2"),
    "field_14": ("2031-01-05",),
    "field_17": (["Hiking"],),
    "field_21": ({"amount": "5", "currency": "EUR"},),
    "field_22": (1, 2),
}
#: The settings of a run, and the values that each may have.
SETTINGS: Values = {
    "bulk_import": ("auto", "always", "never"),
    "null_policy": ("ignore", "clear"),
    "resubscribe": (False, True),
    "holdout_percent": (0, 30),
    "respect_contact_limit": (True, False),
    "audiences": (
        {},
        {
            "crm_contacts": {
                "on_leave": ["remove_tags", "unsubscribe", "clear_fields", "leave_automations"],
                "max_leave_share": 1,
            }
        },
    ),
}


@dataclass(frozen=True)
class RandomRun:
    """The messages and the settings of one run."""

    messages: list[dict[str, Any]]
    settings: dict[str, Any]


def runs(world: World, part: str) -> st.SearchStrategy[RandomRun]:
    """Return runs: some streams of a part, some rows each, with states after some of them."""
    kinds = (
        rows_of_stores(world)
        if part == STORES
        else {
            "crm_contacts": _contacts(world),
            "marketing_contact_tags": _tag_pairs(world),
            "marketing_segment_memberships": _memberships(world),
            "crm_opportunities": _deals(world),
            "crm_accounts": _accounts(world),
            "crm_notes": _notes(world),
        }
    )
    blocks = [
        st.tuples(st.just(name), st.lists(rows, min_size=1, max_size=12), st.booleans())
        for name, rows in kinds.items()
    ]
    fixed = {"allow_automations": True, "match_opportunities_on": ["id", "name+contact"]}
    settings = st.fixed_dictionaries(
        {name: st.sampled_from(values) for name, values in SETTINGS.items()}
    )
    return st.builds(
        lambda found, chosen: RandomRun(_messages(found), chosen | fixed),
        st.lists(st.one_of(blocks), min_size=1, max_size=4),
        settings,
    )


def _messages(blocks: list[tuple[str, list[Row], bool]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, (stream, rows, has_state) in enumerate(blocks, 1):
        found += stream_of(stream, *rows)
        found += [state_of(number)] * has_state
    return [*found, state_of(len(blocks) + 1)]


def _row(fixed: Rows, **parts: Any) -> Rows:
    """Return rows with all fixed columns and some of the parts."""
    return st.builds(
        lambda row, other: row | other, fixed, st.fixed_dictionaries({}, optional=parts)
    )


def _some(values: Values) -> Rows:
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from((*found, None)) for name, found in values.items()}
    )


def people(world: World) -> Rows:
    """Return references to contacts of an account, by id or by address."""
    known = list(world.tables["contacts"])
    by_id = [{"id": str(contact.id)} for contact in known]
    by_email = [{"email": contact.email} for contact in known]
    return st.sampled_from([*by_id, *by_email, {"email": known[0].email.upper()}])


def _contacts(world: World) -> Rows:
    tables = world.tables
    lists = st.sampled_from([str(mailing_list_id) for mailing_list_id in tables["lists"].ids()])
    others = [tag.tag for tag in tables["tags"] if tag.tagType == "contact" and tag.tag not in TAGS]
    statuses = st.sampled_from(("active", "unsubscribed"))
    new = st.sampled_from([{"email": email} for email in NEW])
    return _row(
        people(world) | new,
        first_name=st.sampled_from(("Zed", "", None)),
        last_name=st.just("Quill"),
        phone=st.just("555 1"),
        custom_fields=_some(CONTACT_VALUES),
        tags=st.lists(st.sampled_from(TAGS), min_size=1, max_size=2, unique=True),
        remove_tags=st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True),
        segments=st.lists(
            st.builds(lambda list_id, status: {"id": list_id, "status": status}, lists, statuses),
            min_size=1,
            max_size=2,
            unique_by=lambda membership: membership["id"],
        ),
        company=st.sampled_from(COMPANIES),
        title=st.sampled_from(("Boss", "Chef")),
        automations=st.just(["Welcome series 1"]),
        leave_automations=st.just(["Welcome series 3"]),
    )


def _pairs(world: World, name: str, ids: list[str], statuses: tuple[str, str]) -> Rows:
    named = people(world).map(
        lambda person: {"contact_id": person["id"]} if "id" in person else person
    )
    other = st.fixed_dictionaries({name: st.sampled_from(ids), "status": st.sampled_from(statuses)})
    return st.builds(lambda row, rest: row | rest, named, other)


def _tag_pairs(world: World) -> Rows:
    ids = [str(tag.id) for tag in world.tables["tags"] if tag.tagType == "contact"]
    return _pairs(world, "tag_id", ids, ("applied", "removed"))


def _memberships(world: World) -> Rows:
    ids = [str(mailing_list_id) for mailing_list_id in world.tables["lists"].ids()]
    return _pairs(world, "segment_id", ids, ("active", "unsubscribed"))


def _deals(world: World) -> Rows:
    tables = world.tables
    known = st.sampled_from([{"id": str(deal_id)} for deal_id in tables["deals"].ids()])
    stages = st.sampled_from([{"id": str(stage.id)} for stage in tables["dealStages"]])
    owners = st.sampled_from([{"id": "1"}, {"id": "2"}])
    new = st.fixed_dictionaries(
        {
            "name": st.just("New deal"),
            "contact": st.lists(people(world), min_size=1, max_size=1),
            "owner": owners,
            "stage": stages,
        }
    )
    parts: dict[str, Any] = {
        "amount": st.sampled_from(("7.50", "10")),
        "currency": st.just("EUR"),
        "status": st.sampled_from(("open", "won", "lost")),
        "description": st.sampled_from(("long", None)),
        "custom_fields": _some(DEAL_VALUES),
    }
    changed: dict[str, Any] = {
        "name": st.sampled_from(("Deal 1", "Deal 2")),
        "owner": owners,
        "contact": st.lists(people(world), min_size=1, max_size=2),
        "stage": stages,
    }
    return _row(known, **parts, **changed) | _row(new, **parts)


def _accounts(world: World) -> Rows:
    known = st.sampled_from(
        [{"id": str(company_id)} for company_id in world.tables["accounts"].ids()]
    )
    names = [{"name": f"Company {number}"} for number in range(3)]
    return _row(
        known
        | st.builds(lambda row, name: row | name, known, st.sampled_from(names))
        | st.sampled_from(names),
        website=st.just("https://co.example"),
        custom_fields=_some(ACCOUNT_VALUES),
    )


def _notes(world: World) -> Rows:
    known = st.sampled_from([{"id": str(note_id)} for note_id in world.tables["notes"].ids()])
    texts = st.sampled_from([{"content": f"text {number}"} for number in range(1, 6)])
    parents = people(world).map(lambda person: {"contact": person})
    return st.builds(lambda row, text: row | text, known | parents, texts)

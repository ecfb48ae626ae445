"""The examples of docs/python.md run in order and return what the page shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from tests.sandbox import serve
from tests.tap.client.clients import KEY, ORIGIN
from tests.tap.running import Account

DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def people() -> Account:
    """Return the account of the page: five people, and deals of two companies."""
    account = Account(is_empty=True)
    world = account.world
    plan = world.add_field("Plan", "text")
    for tag in ("vip", "webinar"):
        world.add_tag(tag)
    newsletter = world.add_list("Newsletter").id
    people = []
    for email, first, last in (
        ("mila@fjord.example", "Mila", "Vang"),
        ("lars@fjord.example", "Lars", ""),
        ("noah@fjord.example", "Noah", "Dahl"),
        ("olga@pier.example", "Olga", ""),
        ("paul@pier.example", "Paul", ""),
    ):
        people.append(world.add_contact(email, firstName=first, lastName=last).id)
        account.wait(seconds=60)
    mila, lars, noah, olga, _ = people
    for contact, tag in ((mila, 1), (mila, 2), (lars, 1), (noah, 2)):
        world.tag(contact, tag)
    for contact, status in ((mila, 1), (noah, 1), (olga, 2)):
        world.subscribe(contact, newsletter, status)
    world.set_field(mila, plan.id, "gold")
    world.link(mila, world.add_account("Fjord Ltd").id, "CFO")
    pipeline = world.add_pipeline("Sales", currency="eur")
    stages = [stage.id for stage in world.tables["dealStages"].by("group", pipeline.id)]
    world.add_deal(
        "Pallet order", value=45000, contact=mila, group=pipeline.id, stage=stages[0], owner=1
    )
    world.add_deal(
        "Crane", value=1200050, contact=noah, group=pipeline.id, stage=stages[1], owner=1
    )
    return account


def test_every_example_gives_what_is_shown(monkeypatch):
    """Each block of the page gives the output that the page shows, over HTTP."""
    account = people()
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) > 15
    assert text.count("```") == 2 * (len(blocks) + text.count("```sh\n"))  # no other code
    monkeypatch.setattr(
        "tap_activecampaign_unified.python_reader.reader.SystemClock", lambda: account.clock
    )
    output: list[str] = []
    with serve(account.world) as served:
        monkeypatch.setenv("ACTIVECAMPAIGN_API_URL", served.url)
        monkeypatch.setenv("ACTIVECAMPAIGN_API_KEY", KEY)
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        names: dict[str, object] = {}
        for block in blocks:
            source = block.replace(ORIGIN, served.url).replace("…", "...")
            line = text[: text.index(block)].count("\n")
            test = doctest.DocTestParser().get_doctest(source, names, "python.md", None, line)
            runner.run(test, out=output.append, clear_globs=False)
            names = test.globs
        names["ac"].close()
    assert runner.summarize(verbose=False).failed == 0, "".join(output)

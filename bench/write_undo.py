"""Requests, seconds and memory to undo a run that changed 10,000 contacts.

The run imports a name, a custom field and a tag for each contact. The undo reads all contacts,
puts each name and field back with one request, and removes each tag with one request.
"""

from __future__ import annotations

import json

from .figures import Figure, Found, run_script
from .measuring import account, log_of, temp_folder
from .writing import Target

CONTACTS, SHORT = 10_000, 2_000
PER_HUNDRED = 1.1
#: Requests of a run or an undo that do not depend on the number of contacts.
FIXED = 12
WRONG = {"first_name": "Wrong", "custom_fields": {"lead_source": "wrong"}, "tags": ["wrong join"]}


def measure(*, short: bool) -> Found:
    """Change every contact of an account, and undo that."""
    contacts = SHORT if short else CONTACTS
    reads = PER_HUNDRED * contacts / 100
    options = ("--contacts", str(contacts), "--requests-per-second", "0")
    with temp_folder() as folder, account(folder, *options) as url:
        target = Target(folder, url, requests_per_second=0, undo_path=str(folder / "undo.sqlite"))
        rows = ({"id": str(number), **WRONG} for number in range(1, contacts + 1))
        source = target.feed("wrong.jsonl", "crm_contacts", ["id"], rows)
        ran = target.run(source)
        writing = log_of(url)["requests"]
        with (folder / "results.jsonl").open() as lines:
            run = json.loads(next(lines))["run"]
        undone = target.run(source, "--undo", run)
        undoing = log_of(url)["requests"] - writing
        size = sum(path.stat().st_size for path in folder.glob("undo.sqlite*")) / 1e6
    return Found(
        f"Undo of {contacts:,} contacts: a name, a custom field and a tag each",
        (
            Figure("requests of the undo", undoing, "count", 2 * contacts + reads + FIXED),
            Figure("seconds of the undo", undone.seconds, "seconds"),
            Figure("peak MB of the undo", undone.peak_mb, "memory"),
            Figure("seconds of the run", ran.seconds, "seconds"),
        ),
        (
            (ran.actions == {"updated": contacts}, "every contact changed"),
            (undone.actions == {"updated": 2 * contacts}, "every field and tag put back"),
        ),
        (("requests of the run", f"{writing:,}"), ("MB of the undo file", f"{size:.1f}")),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()

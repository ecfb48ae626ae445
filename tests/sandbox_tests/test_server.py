"""The HTTP interface, the control interface, and the state between runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.sandbox import World, serve, state
from tests.sandbox.control import change

KEY = {"Api-Token": "sandbox-key"}


def test_links_of_a_served_world_can_be_asked():
    """Links of rows lead back to the server, over a kept connection."""
    world = World(1, contacts=3, requests_per_second=0)
    with serve(world) as served, requests.Session() as session:
        session.headers.update(KEY)
        row = session.get(f"{served.url}/api/3/contacts", timeout=5).json()["contacts"][0]
        assert row["links"]["fieldValues"].startswith(served.url)
        assert "fieldValues" in session.get(row["links"]["fieldValues"], timeout=5).json()


def test_the_wire_looks_like_php():
    """Slashes are escaped, all text is ASCII, and there is one Date."""
    world = World(1, contacts=30)
    with serve(world) as served:
        answer = requests.get(f"{served.url}/api/3/fields?limit=100", headers=KEY, timeout=5)
    assert b"\\/api\\/3\\/fields" in answer.content
    assert answer.content.isascii()
    assert "," in answer.headers["Date"]
    assert answer.headers["Date"].count("GMT") == 1


@pytest.mark.parametrize("kind", ["reset", "chunk"])
def test_connections_break_on_the_wire(kind):
    """A lost answer is a broken connection, and the server goes on."""
    world = World(1)
    world.faults.reset_after_apply("/tags", kind=kind)
    with serve(world) as served:
        url = f"{served.url}/api/3/tags"
        with pytest.raises(requests.RequestException):
            requests.get(url, headers=KEY, timeout=5)
        assert requests.get(url, headers=KEY, timeout=5).status_code == 200


def test_the_control_interface_changes_and_counts():
    """A change reports exactly what it changed, as log and tables do, without a key."""
    world = World(1, contacts=50, deals=10, accounts=5)
    with serve(world) as served:
        requests.get(f"{served.url}/api/3/contacts/7", headers=KEY, timeout=5)
        url = f"{served.url}/sandbox"
        done = requests.post(f"{url}/change", json={"seed": 4}, timeout=5).json()
        log = requests.get(f"{url}/log", timeout=5).json()
        tables = requests.get(f"{url}/tables", timeout=5).json()
        assert requests.get(f"{url}/nothing", timeout=5).status_code == 404
    assert done["counts"]["contacts_added"] == 2
    assert log["requests"] == log["busiest_second"] == 1
    assert log["by_endpoint"] == {"GET /contacts/{id}": 1}
    assert log["by_status"] == {"200": 1}
    assert tables["contacts"] == 52


def test_a_change_is_what_it_says():
    """Every id of a change differs from before, and no other row of its kind does."""
    world = World(1, contacts=50, deals=10, accounts=5)
    udates = {row.id: row.udate for row in world.tables["contacts"]}
    done = change(world, 9)
    touched = {row.id for row in world.tables["contacts"] if udates.get(row.id) != row.udate}
    expected = {*done["contacts_edited"], *done["contacts_added"]}
    expected |= {entry["contact"] for entry in done["tags_added"]}
    expected |= {world.tables["notes"][note].relid for note in done["notes_added"]}
    assert touched == expected


def test_state_survives(tmp_path):
    """A saved account loads the same and continues its ids."""
    world = World(1, contacts=30, deals=10, accounts=5)
    world.delete_contact(30)
    state.save(world, str(tmp_path / "state"))
    other = World(1, is_empty=True)
    state.load(other, str(tmp_path / "state"))
    assert {n: t.rows for n, t in other.tables.items()} == {
        n: t.rows for n, t in world.tables.items()
    }
    assert other.add_contact("a@x.example").id == 31


def test_the_program_starts_listens_and_ends(tmp_path):
    """The ready file has the URL; SIGTERM ends with 0 and saves the state."""
    ready, kept = tmp_path / "ready", tmp_path / "state"
    command = [sys.executable, "-m", "tests.sandbox", "--port", "0", "--contacts", "20"]
    command += ["--ready-file", str(ready), "--state", str(kept)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as program:
        url = program.stdout.readline().strip()
        assert ready.read_text().strip() == url
        sync = {"contact": {"email": "new@x.example"}}
        answer = requests.post(f"{url}/api/3/contact/sync", json=sync, headers=KEY, timeout=5)
        assert answer.status_code == 201
        os.kill(program.pid, signal.SIGTERM)
        assert program.wait(10) == 0
    world = World(1, is_empty=True)
    state.load(world, str(kept))
    assert world.find_contact("new@x.example").id == 21


def test_a_port_in_use_is_one_line():
    """A used port is one line with the port and the option."""
    with serve(World(1, is_empty=True)) as served:
        port = served.url.rpartition(":")[2]
        command = [sys.executable, "-m", "tests.sandbox", "--port", port, "--contacts", "1"]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"port {port}: Address already in use; choose another with --port"
    ]

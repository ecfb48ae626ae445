"""The machine of the measurement: its description, and its present speed."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time

ROUNDS = 5


def machine() -> str:
    """Return a description of the machine."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def work() -> int:
    """Do a fixed piece of work like that of the programs: JSON in, plain Python, JSON out."""
    row = {
        "id": "4711",
        "email": "mila@fjord.example",
        "cdate": "2031-03-02T08:15:04-06:00",
        "fieldValues": [str(n) for n in range(8)],
        "links": {name: f"https://acme.example/api/3/contacts/4711/{name}" for name in "abcdefgh"},
    }
    text = json.dumps([row] * 100)
    size = 0
    for _ in range(250):
        for parsed in json.loads(text):
            record = {
                key.lower(): value.strip() if isinstance(value, str) else value
                for key, value in parsed.items()
            }
            record["tags"] = sorted(int(value) % 5 for value in parsed["fieldValues"])
            record["day"], _, record["time"] = parsed["cdate"].partition("T")
            size += len(json.dumps(record))
    return size


def speed(rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the seconds of clock and CPU of the fixed work, each the median."""
    clock, cpu = [], []
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return statistics.median(clock), statistics.median(cpu)

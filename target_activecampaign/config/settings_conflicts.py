"""Settings of the target that contradict each other, or that name one file twice."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from tap_activecampaign_unified.client.event_client import is_event_url

MIN_SECRET_LENGTH = 16
#: Files that a run writes. A run replaces each file, or the file has a format of its own.
FILES = (
    "results_path",
    "retry_path",
    "ledger_path",
    "undo_path",
    "run_report_path",
    "run_report_html_path",
)


def _shared_files(values: dict[str, Any]) -> list[str]:
    """Return a line for each pair of settings that name the same file."""
    paths = {name: values[name] for name in FILES if values.get(name)}
    files = {
        name: os.path.realpath(Path(path).expanduser())
        for name, path in paths.items()
        if path != os.devnull
    }
    return [
        f"{file} and {other} must be different files"
        for file, other in itertools.combinations(files, 2)
        if files[file] == files[other]
    ]


def conflicts_of(values: dict[str, Any]) -> list[str]:
    """Return a line for each conflict between settings."""
    faults = []
    if values["tags_mode"] == "mirror" and not values["tag_namespace"]:
        faults.append(
            "tag_namespace is missing: tags_mode mirror may only touch tags that begin with it"
        )
    if values["max_reject_ratio"] > 1:
        faults.append("max_reject_ratio must be between 0 and 1")
    aliases = values["stream_aliases"] or {}
    if not all(isinstance(name, str) for name in aliases.values()):
        faults.append("stream_aliases must name a stream for each of its keys")
    faults += _shared_files(values)
    if 0 < len(values["ledger_secret"] or "") < MIN_SECRET_LENGTH:
        faults.append(f"ledger_secret must have at least {MIN_SECRET_LENGTH} characters")
    if not is_event_url(values["event_url"]):
        faults.append("event_url must be an https address, or http on this machine")
    if bool(values["event_account_id"]) != bool(values["event_key"]):
        faults.append("event_account_id and event_key belong together: set both, or none")
    return faults

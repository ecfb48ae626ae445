"""docs/troubleshooting.md has each message of the code with its fix, and no other message."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.render import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/troubleshooting.md"
PACKAGES = ("tap_activecampaign_unified", "target_activecampaign")
#: The calls that end a row or a run, with a message as their first argument.
ROW_ERRORS = {"RowRejected", "RowSkipped", "RowFailed"}
RUN_ERRORS = {"SettingsError", "AuthenticationError", "PaymentRequired", "ConnectionFailed"}
#: Messages without a text of their own: joined from others, or passed on.
PASSED_ON = re.compile(r"[…:; .]*")


def text_of(node: ast.expr) -> str | None:
    """Return a text of the code with `…` for each value in it; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return "".join(map(str, parts))
    return None


def message_of(call: ast.Call) -> ast.expr | None:
    """Return the argument of a call that is a message for users."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    is_fault = ast.unparse(call.func).endswith("_faults.append")
    if not call.args or not (name in ROW_ERRORS | RUN_ERRORS or is_fault):
        return None
    first = call.args[0]
    return first.elts[0] if isinstance(first, ast.List) and first.elts else first


def messages() -> Iterator[str]:
    """Return the messages of the code."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            is_settings = path.name == "read_settings.py"
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                found = message_of(node)
                text = None if found is None else text_of(found)
                if text and not PASSED_ON.fullmatch(text):
                    yield text
                if is_settings and ast.unparse(node.func) == "ValueError":
                    fault = text_of(node.args[0])
                    if fault:  # the name of the setting comes before it
                        yield f"… {fault}"


def explained() -> set[str]:
    """Return the messages in the tables of the page."""
    rows = [line.split(" | ")[0] for line in (ROOT / PAGE).read_text("utf-8").splitlines()]
    cells = [row for row in rows if row.startswith("| `")]
    return {text for cell in cells for text in re.findall(r"`([^`]+)`", cell)}


def test_every_message_is_explained() -> None:
    """Every message that ends a row or a run is on the page with its fix."""
    assert set(messages()) - explained() == set()


def test_every_explained_message_exists() -> None:
    """Every message on the page is in the code."""
    code = "\n".join(
        path.read_text("utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    )
    found = set(messages())
    assert [phrase for phrase in explained() - found if phrase.removeprefix("… ") not in code] == []

"""The plan of a dry run: gains, samples of old and new values, requests, and time.

`WriteClient.count_planned` counts the requests; the caller passes them to `DryRunPlan.as_json`.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from tap_activecampaign_unified.reporting.durations import clock_time

logger = logging.getLogger(__name__)

MAX_SAMPLES = 10


class DryRunPlan:
    """Collects the findings of a dry run; a real run leaves it empty.

    ``gains`` counts contacts that would gain a tag or a list. ``stages`` counts deals whose rows
    name a stage; the plan does not read whether a deal is in it. Both can start automations and
    e-mails. ``enters`` and ``leaves`` count contacts by the automation's name.
    ``unknown`` counts rows by the names in them that the account does not have yet. ``samples``
    hold the present and the new value of each field.
    """

    def __init__(self) -> None:
        self.gains: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()
        self.enters: Counter[str] = Counter()
        self.leaves: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []
        #: Contacts that would be created, also those beyond the limit.
        self.new_contacts = 0
        #: How many more contacts the account may have; None if the target respects no limit.
        self.contact_room: int | None = None
        #: Requests that would read the earlier values for an undo; None without an undo file.
        self.undo_requests: int | None = None
        self._counted: set[tuple[str, object]] = set()

    def gain(self, what: str, who: object) -> None:
        """Count a contact that would gain ``what``, only once for any number of rows."""
        self.gains[what] += self._is_first(what, who)

    def put_into_stage(self, title: str, who: object) -> None:
        """Count a deal that would be put into a stage, only once for any number of rows."""
        self.stages[title] += self._is_first(f"the stage {title}", who)

    def count_new_contact(self, email: str) -> None:
        """Count a contact that would be created, only once for any number of rows."""
        self.new_contacts += self._is_first("contact", email)

    def _is_first(self, what: str, who: object) -> bool:
        is_first = (what, who) not in self._counted
        self._counted.add((what, who))
        return is_first

    def wants_sample(self) -> bool:
        """Return whether the plan takes another sample."""
        return len(self.samples) < MAX_SAMPLES

    def add_sample(self, stream: str, native_id: str | None, fields: dict[str, Any]) -> None:
        """Add a sample of changes: ``{field: [old, new]}``."""
        if fields and self.wants_sample():
            self.samples.append({"stream": stream, "id": native_id, "fields": fields})

    def as_json(self, planned: Counter[str], rate: float) -> dict[str, Any]:
        """Return the plan as JSON. ``seconds`` is the shortest time that the rate limit allows.

        ``planned`` counts requests by endpoint; ``rate`` is in requests per second.
        """
        requests = sum(planned.values())
        imports = planned.get("POST import/bulk_import", 0)
        requests += imports + (self.undo_requests or 0)
        return {
            "actions": dict(self.actions),
            "gains": dict(sorted(self.gains.items())),
            "stages": dict(sorted(self.stages.items())),
            "enters": dict(sorted(self.enters.items())),
            "leaves": dict(sorted(self.leaves.items())),
            "unknown": dict(self.unknown.most_common(100)),
            "samples": self.samples,
            "contacts": {"created": self.new_contacts, "room": self.contact_room},
            "undo_requests": self.undo_requests,
            "requests": requests,
            "by_endpoint": dict(sorted(planned.items())),
            "seconds": round(max(requests / rate if rate else 0.0, 60.0 * imports / 95), 1),
        }

    def log(self, planned: Counter[str], rate: float) -> None:
        """Write the plan to the process log, without a value of any row."""
        plan = self.as_json(planned, rate)
        actions = (f"{count} {action}" for action, count in plan["actions"].items())
        logger.info("Dry run: nothing was written; it would be %s", ", ".join(actions) or "nothing")
        if self.new_contacts and self.contact_room is not None:
            is_over = self.new_contacts > self.contact_room
            logger.log(
                logging.WARNING if is_over else logging.INFO,
                "Dry run: creates %s contacts; the account has room for %s",
                f"{self.new_contacts:,}",
                f"{self.contact_room:,}",
            )
        for what, count in plan["gains"].items():
            logger.info("Dry run: %d would gain %s", count, what)
        for title, count in plan["stages"].items():
            logger.info("Dry run: %d would be put into the stage %s", count, title)
        for verb in ("enter", "leave"):
            for what, count in plan[f"{verb}s"].items():
                logger.info("Dry run: %d would %s the automation %s", count, verb, what)
        for what, count in plan["unknown"].items():
            logger.warning("Dry run: the account has no %s yet (named %d times)", what, count)
        time = clock_time(plan["seconds"])
        logger.info("Dry run: requests needed: about %d, %s at best", plan["requests"], time)
        if self.undo_requests is not None:
            logger.info("Dry run: %d of them read earlier values for an undo", self.undo_requests)

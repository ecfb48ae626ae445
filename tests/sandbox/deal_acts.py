"""Changes of deals, pipelines and stages, and their effects."""

from __future__ import annotations

from typing import Any

from tests.sandbox import rows
from tests.sandbox.acts import Acts, hash_of
from tests.sandbox.names import STAGES


class DealActs(Acts):
    """Changes of deals; `World` inherits it."""

    def add_pipeline(self, title: str, **columns: Any) -> rows.Pipeline:
        """Create a pipeline with three stages, "To Contact" first."""
        now = self.now()
        row = self.tables["dealGroups"].insert(rows.Pipeline(title, now, now, **columns))
        colors = ("19CCA3", "2F7DE1", "F5A623")
        for order, (name, color) in enumerate(zip(STAGES[:3], colors, strict=True), 1):
            self.tables["dealStages"].insert(rows.Stage(name, row.id, order, color=color))
        return row

    def add_stage(self, title: str, pipeline: int, **columns: Any) -> rows.Stage:
        """Add a stage after the last stage of a pipeline."""
        now = self.now()
        others = self.tables["dealStages"].by("group", pipeline)
        order = columns.pop("order", None) or max((s.order for s in others), default=0) + 1
        return self.tables["dealStages"].insert(
            rows.Stage(title, pipeline, order, now, now, **columns)
        )

    def first_stage(self, pipeline: int) -> rows.Stage | None:
        """Return the first stage of a pipeline."""
        stages = self.tables["dealStages"].by("group", pipeline)
        return min(stages, key=lambda stage: (stage.order, stage.id), default=None)

    def add_deal(self, title: str, **columns: Any) -> rows.Deal:
        """Create a deal, by default in the first stage of the first pipeline."""
        now, t = self.now(), self.tables
        stage = t["dealStages"].get(columns.get("stage"))
        if stage is not None:
            columns.setdefault("group", stage.group)
        group = columns.setdefault("group", next(iter(t["dealGroups"]), rows.Pipeline("", 0, 0)).id)
        if stage is None:
            first = self.first_stage(group)
            columns["stage"] = first.id if first else 0
        row = rows.Deal(title, **({"cdate": now, "mdate": now} | columns))
        row.id = row.id or t["deals"].take_id()
        row.hash = row.hash or hash_of(f"deal/{row.id}")[:8]
        t["deals"].insert(row)
        if self.switches.bump_deal and row.contact:
            self.touch(row.contact)
        self.trigger("deal_added", deal=row.id, contact=row.contact, stage=row.stage)
        return row

    def edit_deal(self, deal: int, **columns: Any) -> rows.Deal:
        """Change a deal; a new stage or status adds a row to its history."""
        now, t = self.now(), self.tables
        row: rows.Deal = t["deals"][deal]
        before = {"stage": row.stage, "status": row.status}
        t["deals"].change(row, mdate=now, **columns)
        for name, old in before.items():
            new = getattr(row, name)
            if new != old:
                activity = rows.DealActivity(
                    deal, name, str(new), str(old), new, row.stage, row.owner, now
                )
                t["dealActivities"].insert(activity)
                t["deals"].change(row, activitycount=row.activitycount + 1)
                self.trigger(f"deal_{name}_changed", deal=deal, before=old, after=new)
        return row

    def delete_deal(self, deal: int) -> None:
        """Delete a deal with its values, notes and secondary contacts."""
        t = self.tables
        for name, index in (
            ("dealCustomFieldData", "owner"),
            ("contactDeals", "deal"),
            ("dealActivities", "deal"),
            ("scoreValues", "deal"),
        ):
            for row_id in list(t[name].ids_by(index, deal)):
                t[name].delete(row_id)
        for row_id in list(t["notes"].ids_by("parent", ("Deal", deal))):
            t["notes"].delete(row_id)
        t["deals"].delete(deal)

    def delete_stage(self, stage: int) -> None:
        """Delete a stage with every deal in it (§10 trap 28)."""
        for deal in list(self.tables["deals"].ids_by("stage", stage)):
            self.delete_deal(deal)
        self.tables["dealStages"].delete(stage)

    def delete_pipeline(self, pipeline: int) -> None:
        """Delete a pipeline with its stages and deals."""
        for stage in list(self.tables["dealStages"].ids_by("group", pipeline)):
            self.delete_stage(stage)
        for deal in list(self.tables["deals"].ids_by("group", pipeline)):
            self.delete_deal(deal)
        self.tables["dealGroups"].delete(pipeline)

    def set_datum(
        self, kind: str, owner: int, field: int, value: Any, currency: str | None = None
    ) -> rows.Datum:
        """Set a custom field of an account or deal; `kind` is account or deal."""
        now, table = self.now(), self.tables[f"{kind}CustomFieldData"]
        data: list[rows.Datum] = table.by("owner", owner)
        row = next((datum for datum in data if datum.customFieldId == field), None)
        if row is None:
            return table.insert(rows.Datum(owner, field, value, now, now, currency))
        code = currency or row.fieldCurrency
        return table.change(row, fieldValue=value, fieldCurrency=code, updated=now)

    def add_custom_field(
        self, kind: str, label: str, fieldType: str = "text", **columns: Any
    ) -> rows.CustomField:
        """Create a custom field of accounts or deals."""
        now, table = self.now(), self.tables[f"{kind}CustomFieldMeta"]
        columns.setdefault("displayOrder", len(table) + 1)
        return table.insert(rows.CustomField(label, fieldType, now, now, **columns))

    def delete_custom_field(self, kind: str, field: int) -> None:
        """Delete a custom field with all its values."""
        data = self.tables[f"{kind}CustomFieldData"]
        for row_id in list(data.ids_by("customFieldId", field)):
            data.delete(row_id)
        self.tables[f"{kind}CustomFieldMeta"].delete(field)

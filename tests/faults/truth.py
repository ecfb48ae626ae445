"""The expected records of every stream, derived from the account's tables alone.

It shares no code with the product. It turns stored rows (instants in seconds, ids as ints) into the
records of the contract, with all fields, by key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.people_rows import GROUP_FLAGS

from . import truth_crm
from .values import ENTITIES, Fields, Record, joined, named, text, utc

if TYPE_CHECKING:
    from tests.sandbox import World

STATUS = {0: "unconfirmed", 1: "active", 2: "unsubscribed", 3: "bounced"}
KEYS = {
    "crm_fields": ("entity", "id"),
    "marketing_contact_tags": ("contact_id", "tag_id"),
    "marketing_segment_memberships": ("contact_id", "segment_id"),
}


class Truth:
    """The records of an account now, by stream and key."""

    def __init__(self, w: World) -> None:
        """Derive all streams."""
        self.w, self.t = w, w.tables
        t = self.t
        self.tags = {row.id: text(row.tag) for row in t["tags"]}
        self.lists = {row.id: text(row.name) for row in t["lists"]}
        self.accounts = {row.id: text(row.name) for row in t["accounts"]}
        seen = [row for row in t["dealGroups"] if not row.hidden]
        self.pipelines = {row.id: text(row.title) for row in seen}
        self.stages = {r.id: text(r.title) for r in t["dealStages"] if r.group in self.pipelines}
        self.fields = {entity: Fields(w, entity) for entity in ENTITIES}
        self.streams: dict[str, dict[tuple[str, ...], Record]] = {}
        self._people()
        self._marketing()
        truth_crm.add(self)
        self._directory()

    def put(self, stream: str, record: Record) -> None:
        """Add a record under its keys."""
        keys = tuple(record[key] for key in KEYS.get(stream, ("id",)))
        self.streams.setdefault(stream, {})[keys] = record | {"_errors": []}

    def _people(self) -> None:
        for name in (
            "crm_contacts",
            "marketing_contacts",
            "marketing_contact_tags",
            "marketing_segment_memberships",
        ):
            self.streams[name] = {}
        for c in self.t["contacts"]:
            shared = self._shared(c)
            self.put("crm_contacts", self._crm_contact(c) | shared)
            self.put("marketing_contacts", self._marketing_contact(c) | shared)

    def _shared(self, c: Any) -> Record:
        t, changed = self.t, utc(c.udate if c.udate is not None else c.updated)
        tags = sorted(t["contactTags"].by("contact", c.id), key=lambda row: row.tag)
        members = sorted(t["contactLists"].by("contact", c.id), key=lambda row: row.list)
        for row in tags:
            self.put(
                "marketing_contact_tags",
                {
                    "contact_id": str(c.id),
                    "tag_id": str(row.tag),
                    "tag_name": self.tags.get(row.tag),
                    "created_at": utc(row.cdate),
                    "contact_updated_at": changed,
                },
            )
        for row in members:
            self.put(
                "marketing_segment_memberships",
                {
                    "contact_id": str(c.id),
                    "segment_id": str(row.list),
                    "segment_name": self.lists.get(row.list),
                    "status": STATUS[row.status],
                    "subscribed_at": utc(row.sdate),
                    "unsubscribed_at": utc(row.udate) if row.status == 2 else None,
                    "contact_updated_at": changed,
                },
            )
        values = {v.field: (v.value, None) for v in t["fieldValues"].by("contact", c.id)}
        return {
            "id": str(c.id),
            "first_name": text(c.firstName),
            "last_name": text(c.lastName),
            "name": joined(c.firstName, c.lastName),
            "addresses": [],
            "tags": [named(row.tag, self.tags) for row in tags],
            "segments": [
                {**(named(row.list, self.lists) or {}), "status": STATUS[row.status]}
                for row in members
            ],
            "deleted": False,
            "anonymized": bool(c.anonymized),
            "created_at": utc(c.cdate),
            "updated_at": changed,
            "custom_fields": self.fields["contact"].read(values),
        }

    def _links(self, contact: int) -> list[Record]:
        return [
            {
                **(named(row.account, self.accounts) or {}),
                "title": text(row.jobTitle),
                "link_id": str(row.id),
            }
            for row in self.t["accountContacts"].by("contact", contact)
        ]

    def _account(self, contact: int) -> Record | None:
        links = self._links(contact)
        return {"id": links[0]["id"], "name": links[0]["name"]} if links else None

    def _crm_contact(self, c: Any) -> Record:
        links = self._links(c.id)
        active = [moment for moment in (c.last_open, c.last_click) if moment is not None]
        phone, email = text(c.phone), text(c.email)
        return {
            "title": links[0]["title"] if links else None,
            "account": self._account(c.id),
            "accounts": links,
            "email_addresses": [{"email": email, "id": None, "type": None}] if email else [],
            "phone_numbers": [{"number": phone, "id": None, "extension": None, "type": None}]
            if phone
            else [],
            "scores": [],
            "last_activity_at": utc(max(active)) if active else None,
            "bounced_hard": c.bounced_hard,
            "bounced_soft": c.bounced_soft,
            "etag": None,
            "owner": None,
            "urls": [],
        }

    def _marketing_contact(self, c: Any) -> Record:
        found = {row.status for row in self.t["contactLists"].by("contact", c.id)}
        order = (1, 3, 0, 2)
        status = next((STATUS[code] for code in order if code in found), None)
        if status != "active" and c.bounced_hard:
            status = "bounced"
        phone = text(c.phone)
        return {
            "email": text(c.email),
            "phones": [{"phone": phone, "type": None}] if phone else [],
            "status": status,
            "account": self._account(c.id),
            "email_domain": text(c.email.rpartition("@")[2]),
            "last_open_at": utc(c.last_open),
            "last_click_at": utc(c.last_click),
            "score_values": [],
            "sms_consent": "0" if c.edited else None,
        }

    def _marketing(self) -> None:
        t = self.t
        for row in t["tags"]:
            self.put(
                "marketing_tags",
                {
                    "id": str(row.id),
                    "name": text(row.tag),
                    "description": text(row.description),
                    "type": row.tagType,
                    "contact_count": len(t["contactTags"].ids_by("tag", row.id)),
                    "created_at": utc(row.cdate),
                    "updated_at": utc(row.updated),
                },
            )
        for row in t["lists"]:
            members = t["contactLists"].by("list", row.id)
            self.put(
                "marketing_segments",
                {
                    "id": str(row.id),
                    "name": text(row.name),
                    "description": text(row.columns.get("description")),
                    "status": "active",
                    "is_starred": None,
                    "string_id": text(row.stringid),
                    "channel": row.columns.get("channel", "email"),
                    "sender_url": text(row.columns.get("sender_url")),
                    "sender_reminder": text(row.columns.get("sender_reminder")),
                    "subscriber_count": sum(member.status == 1 for member in members),
                    "created_at": utc(row.cdate),
                    "updated_at": utc(row.udate),
                    "last_calculated_at": None,
                },
            )

    def _directory(self) -> None:
        t, w = self.t, self.w
        groups = {row.id: text(row.title) for row in t["groups"]}
        for row in t["groups"]:
            flags = dict.fromkeys(GROUP_FLAGS, str(row.admin)) | row.flags
            self.put(
                "directory_groups",
                {
                    "id": str(row.id),
                    "name": text(row.title),
                    "description": text(row.descript),
                    "organization": None,
                    "group_type": "group",
                    "is_admin": bool(row.admin),
                    "permissions": {name: flag == "1" for name, flag in flags.items()},
                    "created_at": utc(row.sdate),
                    "updated_at": None,
                },
            )
        for row in t["users"]:
            name, phone, stamped = joined(row.firstName, row.lastName), text(row.phone), {}
            sent = w.switches.users_stamps
            stamped = {
                "created_at": utc(row.cdate) if sent else None,
                "updated_at": utc(row.udate) if sent else None,
            }
            crm = {
                "id": str(row.id),
                "name": name or text(row.username),
                "email": text(row.email),
                "username": text(row.username),
                "phone": phone,
                "is_active": None,
                "urls": [],
            }
            self.put("crm_users", crm | stamped)
            inside = t["userGroups"].first("user", row.id)
            without_values = ("roles", "organizations", "workspaces", "licenses")
            nothing = (
                "external_id",
                "identifiers",
                "title",
                "status",
                "is_email_verified",
                "user_type",
                "avatar",
                "bio",
            )
            person = {
                "id": str(row.id),
                "first_name": text(row.firstName),
                "last_name": text(row.lastName),
                "name": name,
                "username": text(row.username),
                "emails": [{"email": row.email, "type": None, "is_primary": True}],
                "phones": [{"number": phone, "extension": None, "type": None}] if phone else [],
                "is_2fa_enabled": False if w.switches.users_mfa else None,
                "groups": [{**(named(inside.group, groups) or {}), "organization": None}]
                if inside
                else [],
                "timezone": w.zone.name,
                "languages": [row.lang],
                **{key: [] for key in without_values},
                **dict.fromkeys(nothing),
            }
            self.put("directory_users", person | stamped)


def truth_of(w: World) -> dict[str, dict[tuple[str, ...], Record]]:
    """Return the expected records of every stream, by stream and key."""
    return Truth(w).streams

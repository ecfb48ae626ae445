"""The sinks of users and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.person_names import split_full_name
from target_activecampaign.lookups.users import find_user
from target_activecampaign.outcome import Action, Outcome, RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.email import email_of
from target_activecampaign.records.row_references import parse_references
from target_activecampaign.records.skip_marked_rows import flag_of
from target_activecampaign.sinks.fields.native_fields import native_fields_of

from .named_resource import write_named

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def write_group(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create or update a group of users, with its permissions."""
    native = native_fields_of(context, sink, row)
    permissions = row.record.get("permissions")
    permissions = permissions if isinstance(permissions, dict) else {}
    for name, value in permissions.items():
        if name.startswith("pg") and not is_nothing(value):
            native.columns[name] = int(flag_of(permissions, name, f"permissions.{name}"))
    name = str(native.columns.get("title") or "").strip()
    return write_named(context, sink, row, native, name=name, new_columns=native.columns)


def write_user(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create or update a user. The target never stores the password."""
    native = native_fields_of(context, sink, row)
    columns = native.columns
    if is_nothing(columns.get("email")) and not is_nothing(row.record.get("email")):
        columns["email"] = row.record["email"]
    email = "" if is_nothing(columns.get("email")) else email_of(columns["email"])
    columns |= {"email": email} if email else {}
    if not is_nothing(row.record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        columns["firstName"], columns["lastName"] = split_full_name(str(row.record["name"]))
    group = _group(context, row)
    if group:
        columns["group"] = group
    password = row.record.get("password")
    new_columns = {"firstName": "", "lastName": "", **columns}
    if not is_nothing(password):
        if not isinstance(password, str):
            raise RowRejected("password: must be text")
        new_columns["password"] = password
    native_id = context.foreign_ids.read(sink.family, row.record.get("id")) or next(
        (
            str(user["id"])
            for user in (context.references.find_by_name("user", email) if email else [])
        ),
        None,
    )
    if native_id is None and (row.ledger_id is None or row.creates):
        required = ("username", "email", "group", "password")
        missing = [column for column in required if not new_columns.get(column)]
        if missing:
            raise RowRejected(f"{missing[0]}: a new user needs it ({', '.join(missing)} missing)")
    columns.pop("username", None)  # ActiveCampaign cannot change it
    if "password" in new_columns:
        columns["password"] = new_columns["password"]
    return write_named(context, sink, row, native, name=email, new_columns=new_columns)


def _group(context: WriteContext, row: InputRow) -> str | None:
    group = row.record.get("group")
    if isinstance(group, int) and not isinstance(group, bool):
        group = {"id": group}
    elif isinstance(group, str) and group.strip().isdigit():
        group = {"id": group.strip()}
    refs = parse_references(group, "group") or parse_references(row.record.get("groups"), "groups")
    return context.references.resolve_id("group", refs[0]) if refs else None


def map_user(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Record which user of this account has the address of another account's user.

    Writes nothing to the account: `write_user` writes users, as ``directory_users``.
    """
    if not context.policy.is_foreign:
        raise RowSkipped("read only: users are written as directory_users")
    email = row.record.get("email")
    user = None if is_nothing(email) else find_user(context.references, {"email": str(email)})
    if user is None:
        raise RowSkipped("read only: no user here has this address")
    context.foreign_ids.record(sink.family, row, user)
    return Outcome(Action.UNCHANGED, user)

"""Accounts found by name, with the fewest requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE, total_of, walk_offset
from tap_activecampaign_unified.resources.input_values.column_names import fold

from .lookup import Lookup, NativeRow, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False, repr=False)
class AccountLookup(Lookup):
    """The accounts that rows refer to, cached for this run."""

    _accounts: dict[str, str | None] = field(default_factory=dict, init=False)
    _all_accounts: bool = field(default=False, init=False)

    def prefetch_accounts(self, names: Iterable[str]) -> None:
        """Read all accounts if that takes fewer requests than a lookup per name."""
        missing = {fold(name) for name in names} - self._accounts.keys()
        if self._all_accounts or len(missing) < 5:
            return
        answer = self.client.get("accounts", [("limit", 1)])
        total = total_of(answer.body)
        if total is None or total / FULL_PAGE + 2 >= len(missing):
            return
        for page in walk_offset(self.client, "accounts", "accounts"):
            for row in page.rows:
                self.note_account(str(row.get("name") or ""), str(row.get("id")))
        self._all_accounts = True

    def account_named(self, name: str, *, is_fresh: bool = False) -> str | None:
        """Return the id of the account with a name, or None. ``is_fresh`` ignores the cache."""
        with self.pool.named_lock("account", fold(name)):
            return self._account_named(name, is_fresh=is_fresh)

    def _account_named(self, name: str, *, is_fresh: bool) -> str | None:
        key = fold(name)
        if not is_fresh:
            if self._accounts.get(key):
                return self._accounts[key]
            if key in self._accounts or self._all_accounts:
                return None
        same_name: list[NativeRow] = []
        for page in walk_offset(self.client, "accounts", "accounts", [("search", name.strip())]):
            same_name += [row for row in page.rows if fold(str(row.get("name") or "")) == key]
        exact = [row for row in same_name if str(row.get("name")).strip() == name.strip()]
        self._accounts[key] = str((exact or same_name)[0]["id"]) if same_name else None
        return self._accounts[key]

    def note_account(self, name: str, native_id: str | None) -> None:
        """Cache an account's name for this run."""
        self._accounts[fold(name)] = native_id

    def account(self, ref: Ref) -> str:
        """Return an account's id by id or name."""
        native_id = self.foreign_ids.read_reference("account", ref, "account")
        if native_id:
            return native_id
        name = ref.get("name")
        native_id = self.account_named(name) if name else None
        if native_id:
            return native_id
        raise self.not_found("account", "account", "name" if name else "id", name)

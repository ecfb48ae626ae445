"""Resolves references of rows to ids of the account."""

from __future__ import annotations

from dataclasses import dataclass

from .accounts import AccountLookup
from .contacts import ContactLookup
from .custom_fields import CustomFieldLookup
from .named_tables import LOOKUP_TABLES, NamedTables


@dataclass(eq=False, repr=False)
class ReferenceResolver(NamedTables, ContactLookup, AccountLookup, CustomFieldLookup):
    """All lookups of a run. Reads small tables and custom fields once, other records on demand."""

    def forget_definitions(self, family: str) -> None:
        """Forget a family's table or all custom fields. The next lookup reads them again."""
        if family == "field":
            self._fields.clear()
        elif family in LOOKUP_TABLES:
            self.invalidate(family)

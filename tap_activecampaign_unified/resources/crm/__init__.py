"""Customer relations: accounts, contacts, notes, opportunities, stages, users, fields."""

"""The sink of contacts, with their tags, lists, account links and automations."""

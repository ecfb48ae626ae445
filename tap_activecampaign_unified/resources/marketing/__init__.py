"""Marketing automation: contacts, segments, tags and what ties them together."""

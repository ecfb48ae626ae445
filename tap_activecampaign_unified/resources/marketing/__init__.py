"""Marketing: contacts, segments, tags, automations, campaigns and engagements."""

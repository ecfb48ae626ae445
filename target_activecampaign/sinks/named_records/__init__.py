"""Sinks of records with a unique name: accounts, tags, lists, pipelines, stages, users, fields."""

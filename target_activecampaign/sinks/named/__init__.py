"""Sinks of records that have a unique name: tags, segments, pipelines, stages, users, fields."""

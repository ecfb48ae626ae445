"""Airbyte source: the tap's streams as Airbyte protocol messages.

The destination uses `protocol`, `spec`, `errors`, `writer` and `connector` too.
"""

"""Airbyte source: the tap's streams as Airbyte protocol messages.

`protocol`, `spec`, `errors`, `writer` and `connector` serve the destination as well.
"""

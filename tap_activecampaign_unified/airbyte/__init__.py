"""Airbyte source: the tap's streams as Airbyte protocol messages.

The destination uses `command_line`, `errors`, `extra_package`, `protocol`, `spec` and `writer` too.
"""

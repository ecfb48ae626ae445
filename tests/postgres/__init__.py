"""A real PostgreSQL server for tests, from a wheel, without root.

The fixtures ``postgres`` (a server) and ``postgres_database`` (an empty database of it, for one
test) are in ``tests/conftest.py``.
"""

from .server import Database, Server, ServerFailedError

__all__ = ["Database", "Server", "ServerFailedError"]

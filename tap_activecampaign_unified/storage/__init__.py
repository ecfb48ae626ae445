"""Private files, SQLite files and PostgreSQL connections."""

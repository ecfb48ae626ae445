"""Both programs from outside: processes, pipes, files, Meltano and DuckDB."""

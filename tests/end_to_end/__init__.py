"""Both programs as processes, with pipes, files, Meltano and DuckDB."""

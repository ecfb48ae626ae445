"""What people look at: the live view on a terminal, the report in a browser."""

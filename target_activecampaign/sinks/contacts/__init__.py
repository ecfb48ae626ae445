"""The sink of contacts and of what hangs on them."""

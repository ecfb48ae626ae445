"""Rate limit of an account, shared by all processes that use it."""

"""Settings of the target and the write policy derived from them."""

"""Settings of the tap, settings shared with the target, and the connection they describe."""

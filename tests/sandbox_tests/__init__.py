"""The sandbox's own tests: measuring equipment has to be right before it measures."""

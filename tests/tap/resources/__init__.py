"""What the dictionary promises."""

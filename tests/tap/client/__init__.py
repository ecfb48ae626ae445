"""What the telephone promises."""

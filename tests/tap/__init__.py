"""The tap as a whole, against an account in this process."""

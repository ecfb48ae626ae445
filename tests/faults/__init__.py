"""Whole runs of tap and target against an account with every known fault."""

"""Figures anyone can measure: each script prints what was compared, and fails when a bar is missed."""

"""Figures anyone can measure: each script prints what was compared, and fails below its bar."""

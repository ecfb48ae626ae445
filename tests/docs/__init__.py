"""Tests of the documentation: pages, rendered tables, commands, and the site."""

"""The documentation: its pages, its rendered tables, its commands, its site."""

"""Pagination: walks over collections and the page reader behind them."""

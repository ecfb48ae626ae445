"""Pagination: walks over collections and the page readers behind them."""

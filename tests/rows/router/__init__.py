"""Rows about the router, by subject."""

"""Rows about the overlay, by subject: each is a function of the underlay that gives its rows."""

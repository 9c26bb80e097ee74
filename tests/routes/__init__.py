"""Longest-prefix match and next-hop groups."""

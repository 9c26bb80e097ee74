"""Fragments: followed, and cut."""

"""Switches to measure side by side: each joins two namespaces on one link for as long as a block lasts."""

"""Frames that must wait: kept as they came, and given back to a vector when what they wait for is there."""

"""Switching between two copies of what the agent writes, while packets run."""

"""Fuzzing the real entry points: `python -m tests.fuzz`. See ``campaign.py`` for what a round does."""

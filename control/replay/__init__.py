"""Replay: the pipeline as a pure function of captures, a configuration and a seed.

job.py      what to replay           events.py   changes on the captures' clock
feed.py     frames of all inputs in the order of their time
output.py   the files that it writes  summary.py  what it counted
engine.py   one replay from a clean state; batch.py: many of them
"""

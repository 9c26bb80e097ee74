"""Replay: the pipeline as a pure function of captures, a configuration and a seed.

job.py      what to replay           events.py   changes on the captures' clock
feed.py     frames of all inputs in the order of their time
send.py     rounds and events in that order; pace.py: when
engine.py   the fabric and the compiled loop that carries the frames
output.py   the files that it writes  summary.py  what it counted
run.py      one replay, all of it    batch.py    many of them
notice.py   tells that kernels are being compiled
"""

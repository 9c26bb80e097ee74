"""Where a packet would go, and why: one packet crafted and carried by the real kernels over a copy of the tables.

packet.py     what the user writes -> a packet, and its frame
decode.py     a frame -> the words for it
place.py      where a packet comes in, and which MACs it carries
copies.py     the tables to try it on: made of a configuration, or a private copy of a running fabric's
trial.py      one vector through the compiled pipeline
stages.py     what came of it -> the stages and their verdicts
explain.py    all of it in order, neighbours' answers included
"""

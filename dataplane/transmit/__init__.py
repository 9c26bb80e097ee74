"""Handing queued frames to their ports, with as few system calls as can be."""

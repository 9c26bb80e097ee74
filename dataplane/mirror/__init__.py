"""Mirroring: copies of frames for whoever watches a port, through a ring in shared memory."""

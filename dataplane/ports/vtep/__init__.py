"""A tunnel endpoint (VTEP) made of the host's UDP sockets: one receives, many send, whose source ports tell
flows apart."""

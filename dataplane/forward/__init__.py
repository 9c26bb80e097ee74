"""Where a frame goes: learning, the forwarding database, flooding."""

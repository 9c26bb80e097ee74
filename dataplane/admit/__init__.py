"""Whether a frame may enter at all: impossible addresses, VLAN membership, port security, storm limits."""

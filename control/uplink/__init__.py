"""Ways out of the fabric: a TAP into the host's own routing, or an interface with an address of its own.

addresses.py   what the uplink has where nobody states it
"""

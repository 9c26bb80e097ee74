"""The router's own interfaces: one in each network, and one at the uplink."""

"""Which way an address goes: longest-prefix match for IPv4 and IPv6."""

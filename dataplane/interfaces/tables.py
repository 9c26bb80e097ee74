"""What the router is in each network: its MAC, its addresses, and what it may do there.

Written by the agent, in two copies of which one is in force. Interface 0 is none. Addresses are IPv4 mapped, two halves
in host order, 0 where there is none; MACs as columns hold them.
"""

from typing import Final

import numpy as np

from dataplane.vector import DOMAINS

INTERFACES: Final = 1024
PREFIXES: Final = 4

UPLINK: Final = 1
MASQUERADES: Final = 2
"""What leaves this network by the uplink takes the uplink's address."""
INTERNAL: Final = 4
"""No way out of this network, and none into it."""
PROXIES: Final = 8
"""Mode routed: the router answers for every address but the asker's own."""
ANSWERS_NAMES: Final = 16
"""Something answers DNS at the router's addresses here."""
SERVES: Final = 32
"""The agent's own services live behind this interface: what comes from there is the node's own."""
NODE: Final = 64
"""The node itself is what this uplink leads to first: what comes from an address on its link is the node's own."""

SPANS: Final = 128
"""The network spans other nodes, which have gateways of their own with the same addresses."""

INTERFACE_DTYPE: Final = np.dtype(
    [
        ("mac", "u8"),
        ("address4", "u8"),
        ("address6_high", "u8"),
        ("address6_low", "u8"),
        ("link_local_low", "u8"),
        ("prefix_high", "u8", (PREFIXES,)),
        ("prefix_low", "u8", (PREFIXES,)),
        ("prefix_length", "u1", (PREFIXES,)),
        ("prefixes", "u1"),
        ("domain", "u2"),
        ("mtu", "u2"),
        ("traits", "u2"),
    ],
    align=True,
)
"""``address4``: the low half of the mapped address that errors come from. ``link_local_low``: the low half of the
fe80::/64 address. ``prefix…``: the on-link IPv6 prefixes that router advertisements name."""

INTERFACES_DTYPE: Final = np.dtype(
    [
        ("of_domain", "u2", (DOMAINS,)),
        ("interface", INTERFACE_DTYPE, (INTERFACES,)),
        # A number that differs when the interfaces do; whether there are any; whether conversations are tracked, as on
        # nodes that translate addresses.
        ("stamp", "u4"),
        ("routes", "u1"),
        ("tracks", "u1"),
        # Where the agent's services are (DNS): the domain and MAC to send to, 0 where there are none.
        ("service_domain", "u2"),
        ("service_mac", "u8"),
    ],
    align=True,
)

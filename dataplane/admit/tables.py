"""What admission knows of every port. Written by the agent, in two copies of which one is in force.

A port reads VLANs in one of three ways. ``TRANSPARENT``: its network is not VLAN-aware, tags are payload.
``UNTAGGED``: an access or plain port of a VLAN-aware network. ``TRUNK``: tagged frames belong to the domain that
``domain_of_vlan[vlan_row, vid]`` names, 0 meaning that the port does not carry the VLAN. Trunks with the same VLANs of
the same network share a row. ``ENCAPSULATED``: the port stands for other nodes, and frames come with their domain.
"""

from typing import Final

import numpy as np

from dataplane.vector import MAX_PORTS

TRANSPARENT: Final = 0
UNTAGGED: Final = 1
TRUNK: Final = 2
ENCAPSULATED: Final = 3

CHECK_ADDRESSES: Final = 1
CHECK_MAC: Final = 2

VLANS: Final = 4096
VLAN_ROWS: Final = 128
ADDRESSES_PER_PORT: Final = 16

STORM_CLASSES: Final = 3
BROADCAST: Final = 0
MULTICAST: Final = 1
UNKNOWN_UNICAST: Final = 2

ADMIT_PORT_DTYPE: Final = np.dtype(
    [
        ("mac", "u8"),
        # Addresses as 16 bytes, IPv4 mapped, in two big-endian halves.
        ("address_high", "u8", (ADDRESSES_PER_PORT,)),
        ("address_low", "u8", (ADDRESSES_PER_PORT,)),
        # Storm limits (see kernels.take_token); a cost of 0 is no limit.
        ("storm_cost_ns", "u8", (STORM_CLASSES,)),
        ("storm_burst_ns", "u8", (STORM_CLASSES,)),
        ("native_domain", "u2"),
        ("vlan_row", "u2"),
        ("vlan_mode", "u1"),
        ("checks", "u1"),
        ("addresses", "u1"),
    ],
    align=True,
)

ADMIT_DTYPE: Final = np.dtype(
    [("ports", ADMIT_PORT_DTYPE, (MAX_PORTS,)), ("domain_of_vlan", "u2", (VLAN_ROWS, VLANS))], align=True
)

STORMS_DTYPE: Final = np.dtype([("due_ns", "u8", (MAX_PORTS, STORM_CLASSES))], align=True)
"""What the storm limits remember: for each port and class, when its bucket will be full again."""

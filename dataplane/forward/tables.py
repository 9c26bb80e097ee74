"""What forwarding knows of ports and domains. Written by the agent, in two copies of which one is in force."""

from typing import Final

import numpy as np

from dataplane.vector import DOMAINS, MAX_PORTS

FLOOD_MEMBERS: Final = 131072

ISOLATED: Final = 1
HAIRPIN: Final = 2
TAGGING: Final = 4

FORWARD_PORT_DTYPE: Final = np.dtype([("native_domain", "u2"), ("traits", "u1")], align=True)

FORWARD_DTYPE: Final = np.dtype(
    [
        ("ports", FORWARD_PORT_DTYPE, (MAX_PORTS,)),
        # A domain's members are flood_members[flood_first : flood_first + flood_count]; vlan is its VID on trunks.
        ("vlan", "u2", (DOMAINS,)),
        ("flood_first", "u4", (DOMAINS,)),
        ("flood_count", "u4", (DOMAINS,)),
        ("flood_members", "u2", (FLOOD_MEMBERS,)),
    ],
    align=True,
)

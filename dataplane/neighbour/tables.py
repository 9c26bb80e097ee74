"""What messages of neighbour discovery say (RFC 4861, RFC 8106), and what reading one returns."""

from typing import Final

import numpy as np

NOT_DISCOVERY: Final = 0
MALFORMED: Final = 1
"""What ``read_discovery`` returns instead of a message's type."""
NOT_ARP: Final = 0
"""What ``read_arp`` returns instead of an operation."""

HOPS: Final = 255
"""The hop limit of neighbour discovery: what passed a router has less (RFC 4861 section 3.1)."""
SOLICITATION_BYTES: Final = 24
ROUTER_SOLICITATION_BYTES: Final = 8
ROUTER_ADVERTISEMENT_BYTES: Final = 16
TARGET: Final = 8
OPTION_BYTES: Final = 8
SOURCE_LINK_ADDRESS: Final = 1
TARGET_LINK_ADDRESS: Final = 2

FROM_ROUTER: Final = 0x80
SOLICITED: Final = 0x40
OVERRIDES: Final = 0x20

ALL_NODES_HIGH: Final = np.uint64(0xFF02_0000_0000_0000)
ALL_NODES_LOW: Final = np.uint64(1)
ALL_NODES_MAC: Final = np.uint64(0x0100_0000_3333)
SOLICITED_NODE_LOW: Final = np.uint64(0x0000_0001_FF00_0000)
SOLICITED_NODE_BITS: Final = np.uint64(0x00FF_FFFF)
SOLICITED_NODE_MAC: Final = np.uint64(0x00FF_3333)
LINK_LOCAL_HIGH: Final = np.uint64(0xFE80_0000_0000_0000)

PREFIX_INFORMATION: Final = 3
PREFIX_BYTES: Final = 32
MTU_OPTION: Final = 5
NAME_SERVERS: Final = 25
NAME_SERVER_BYTES: Final = 24
ON_LINK: Final = 0x80
AUTONOMOUS: Final = 0x40
AUTONOMOUS_BITS: Final = 64
"""The prefix length that stations make addresses from (RFC 4862 section 5.5.3 d, RFC 2464 section 4)."""
OWN_HOPS: Final = 64
"""What stations are told to send with."""
ROUTER_LIFETIME_S: Final = 1800
VALID_LIFETIME_S: Final = 2_592_000
PREFERRED_LIFETIME_S: Final = 604_800
"""The defaults of RFC 4861 section 6.2.1."""

"""Header offsets, beside the drawings they come from. All offsets are bytes from the start of their own header.

Ethernet II (IEEE 802.3), with one IEEE 802.1Q tag::

     0      6      12     14
     +------+------+------+---------
     | dst  | src  | type | payload
     +------+------+------+---------
     0      6      12     14     16     18
     +------+------+------+------+------+---------
     | dst  | src  | 8100 | TCI  | type | payload        TCI: PCP 3 bits, DEI 1 bit, VID 12 bits
     +------+------+------+------+------+---------

A MAC address in a column is a uint64 whose lowest byte is the first byte on the wire, so that the group bit is bit 0.
"""

from typing import Final

import numpy as np

ETHERNET_BYTES: Final = 14
ETHERNET_TYPE: Final = 12
VLAN_TAG_BYTES: Final = 4
VLAN_TCI: Final = 14
VLAN_TYPE: Final = 16
VLAN_ID_MASK: Final = 0x0FFF

TYPE_IPV4: Final = 0x0800
TYPE_ARP: Final = 0x0806
TYPE_VLAN: Final = 0x8100
TYPE_IPV6: Final = 0x86DD
TYPE_SERVICE_VLAN: Final = 0x88A8

MAX_FRAME_BYTES: Final = 9216
"""The largest frame that the fabric carries, as received, without its check sequence."""

MAC_MASK: Final = np.uint64(0x0000_FFFF_FFFF_FFFF)
MAC_GROUP_BIT: Final = np.uint64(1)
MAC_BROADCAST: Final = MAC_MASK
RESERVED_GROUP: Final = np.uint64(0x0000_00C2_8001)
RESERVED_GROUP_MASK: Final = np.uint64(0xF0FF_FFFF_FFFF)
"""01:80:c2:00:00:00 to 0f, the addresses that IEEE 802.1Q table 8-1 keeps between neighbouring bridges."""

# ARP for IPv4 over Ethernet (RFC 826), from the start of the ARP header.
ARP_BYTES: Final = 28
ARP_SENDER_MAC: Final = 8
ARP_SENDER_IPV4: Final = 14

# IPv4 (RFC 791 section 3.1) and IPv6 (RFC 8200 section 3).
IPV4_BYTES: Final = 20
IPV4_SOURCE: Final = 12
IPV6_BYTES: Final = 40
IPV6_SOURCE: Final = 8
IPV4_MAPPED_PREFIX: Final = np.uint64(0x0000_FFFF_0000_0000)
"""Bytes 8 to 11 of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), in the low half of the address."""

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

VXLAN (RFC 7348 section 5), behind UDP, with the group policy extension (draft-smith-vxlan-group-policy)::

     0       1      2       4             7     8
     +-------+------+-------+-------------+-----+--------------------
     | flags | 0    | group | VNI         | 0   | Ethernet, inner …        flags: I 08, there is a VNI; G 80, a group
     +-------+------+-------+-------------+-----+--------------------

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
ARP_HARDWARE: Final = 0
ARP_PROTOCOL: Final = 2
ARP_LENGTHS: Final = 4
ARP_OPERATION: Final = 6
ARP_SENDER_MAC: Final = 8
ARP_SENDER_IPV4: Final = 14
ARP_TARGET_MAC: Final = 18
ARP_TARGET_IPV4: Final = 24
ARP_ETHERNET: Final = 1
ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2

# IPv4 (RFC 791 section 3.1).
IPV4_BYTES: Final = 20
IPV4_TOS: Final = 1
IPV4_TOTAL_LENGTH: Final = 2
IPV4_ID: Final = 4
IPV4_FRAGMENT: Final = 6
IPV4_TTL: Final = 8
IPV4_PROTOCOL: Final = 9
IPV4_CHECKSUM: Final = 10
IPV4_SOURCE: Final = 12
IPV4_DESTINATION: Final = 16
IPV4_DONT_FRAGMENT: Final = 0x4000
IPV4_MORE_FRAGMENTS: Final = 0x2000
IPV4_OFFSET_MASK: Final = 0x1FFF
"""Of the fragment field, in units of 8 bytes."""

# IPv6 (RFC 8200 section 3) and its extension headers.
IPV6_BYTES: Final = 40
IPV6_PAYLOAD_LENGTH: Final = 4
IPV6_NEXT_HEADER: Final = 6
IPV6_HOP_LIMIT: Final = 7
IPV6_SOURCE: Final = 8
IPV6_DESTINATION: Final = 24
IPV6_FRAGMENT_BYTES: Final = 8
IPV6_FRAGMENT_OFFSET: Final = 2
IPV6_FRAGMENT_ID: Final = 4
IPV6_MORE_FRAGMENTS: Final = 0x0001
IPV6_OFFSET_MASK: Final = 0xFFF8
"""Of the fragment header's field, in bytes."""
NEXT_HOP_BY_HOP: Final = 0
NEXT_ROUTING: Final = 43
NEXT_FRAGMENT: Final = 44
NEXT_DESTINATION_OPTIONS: Final = 60

IPV4_MAPPED_PREFIX: Final = np.uint64(0x0000_FFFF_0000_0000)
"""Bytes 8 to 11 of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), in the low half of the address."""

PROTOCOL_ICMP: Final = 1
PROTOCOL_TCP: Final = 6
PROTOCOL_UDP: Final = 17
PROTOCOL_ICMPV6: Final = 58
PROTOCOL_SCTP: Final = 132

# TCP (RFC 9293 section 3.1), UDP (RFC 768), SCTP (RFC 9260 section 3.1). Ports come first in all three.
TCP_BYTES: Final = 20
TCP_SEQUENCE: Final = 4
TCP_ACKNOWLEDGEMENT: Final = 8
TCP_OFFSET: Final = 12
TCP_FLAGS: Final = 13
TCP_WINDOW: Final = 14
TCP_CHECKSUM: Final = 16
TCP_FIN: Final = 0x01
TCP_SYN: Final = 0x02
TCP_RST: Final = 0x04
TCP_PSH: Final = 0x08
TCP_ACK: Final = 0x10
TCP_CWR: Final = 0x80
UDP_BYTES: Final = 8
UDP_DESTINATION: Final = 2
UDP_LENGTH: Final = 4
UDP_CHECKSUM: Final = 6
SCTP_BYTES: Final = 12
SCTP_TAG: Final = 4
SCTP_CHECKSUM: Final = 8

# VXLAN, and what it costs with all that is before it.
VXLAN_BYTES: Final = 8
VXLAN_FLAGS: Final = 0
VXLAN_GROUP: Final = 2
VXLAN_VNI: Final = 4
VXLAN_HAS_VNI: Final = 0x08
VXLAN_HAS_GROUP: Final = 0x80
VXLAN_OVERHEAD4: Final = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + VXLAN_BYTES
VXLAN_OVERHEAD6: Final = ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES + VXLAN_BYTES
VXLAN_FIRST_PORT: Final = 49152
VXLAN_PORTS: Final = 16384
"""Source ports of the outer UDP header: the dynamic ones (RFC 7348 section 5, RFC 6335)."""

# ICMP (RFC 792) and ICMPv6 (RFC 4443).
ICMP_BYTES: Final = 8
ICMP_TYPE: Final = 0
ICMP_CODE: Final = 1
ICMP_CHECKSUM: Final = 2
ICMP_ID: Final = 4
ICMP_MTU: Final = 6
ICMPV6_MTU: Final = 4
ICMP_ECHO_REPLY: Final = 0
ICMP_UNREACHABLE: Final = 3
ICMP_SOURCE_QUENCH: Final = 4
ICMP_REDIRECT: Final = 5
ICMP_ECHO: Final = 8
ICMP_TIME_EXCEEDED: Final = 11
ICMP_PARAMETER_PROBLEM: Final = 12
ICMP_TIMESTAMP: Final = 13
ICMP_TIMESTAMP_REPLY: Final = 14
ICMPV6_UNREACHABLE: Final = 1
ICMPV6_TOO_BIG: Final = 2
ICMPV6_TIME_EXCEEDED: Final = 3
ICMPV6_PARAMETER_PROBLEM: Final = 4
ICMPV6_ECHO: Final = 128
ICMPV6_ECHO_REPLY: Final = 129
ROUTER_SOLICITATION: Final = 133
ROUTER_ADVERTISEMENT: Final = 134
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136

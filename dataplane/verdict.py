"""What becomes of a frame: the verdicts, and the one list of drop reasons.

Every frame that does not go out has exactly one reason out of ``DROP_REASONS``. The list makes the code, the name, the
help text, the counter, the metric and the page in docs/. A number, once given, is never used for anything else: retire
an entry by keeping its line with ``retired=True``.
"""

from typing import Final, NamedTuple

FORWARD: Final = 0
DROP: Final = 1
CONSUME: Final = 2
ORIGINATED: Final = 3
"""Of a frame that never came in: the fabric made it."""
RETURNED: Final = 4
"""Of a frame that came in before, had to wait, and is back to be routed."""

VERDICT_NAMES: Final = ("forward", "drop", "consume", "originated", "returned")

REASONS_CAPACITY: Final = 128
"""Room for drop counters in every port's record; raising it changes the shared memory's layout."""


class DropReason(NamedTuple):
    """One way for a frame to end: its number, its stable name, and a sentence for whoever asks why."""

    number: int
    name: str
    help: str
    retired: bool = False


RUNT: Final = 1
OVERSIZE: Final = 2
SOURCE_MAC_MULTICAST: Final = 3
SOURCE_MAC_ZERO: Final = 4
RESERVED_MULTICAST: Final = 5
TRUNCATED_VLAN: Final = 6
VLAN_NOT_MEMBER: Final = 7
SPOOFED_MAC: Final = 8
SPOOFED_ADDRESS: Final = 9
STORM_BROADCAST: Final = 10
STORM_MULTICAST: Final = 11
STORM_UNKNOWN_UNICAST: Final = 12
STATIC_MAC_ELSEWHERE: Final = 13
SAME_PORT: Final = 14
ISOLATED: Final = 15
PORT_DOWN: Final = 16
NO_RECEIVER: Final = 17
TRANSMIT_FAILED: Final = 18
NOT_ROUTABLE: Final = 19
MALFORMED_NEIGHBOUR: Final = 20
GATEWAY_CLAIMED: Final = 21
MALFORMED_PACKET: Final = 22
MARTIAN_ADDRESS: Final = 23
MALFORMED_TRANSPORT: Final = 24
NO_ROUTE: Final = 25
ROUTE_BLACKHOLE: Final = 26
TTL_EXCEEDED: Final = 27
PACKET_TOO_BIG: Final = 28
NETWORKS_ISOLATED: Final = 29
NETWORK_INTERNAL: Final = 30
UNSOLICITED: Final = 31
UNRELATED_ERROR: Final = 32
NO_SERVICE: Final = 33
NEIGHBOUR_UNRESOLVED: Final = 34
FLOW_TABLE_FULL: Final = 35
NAT_EXHAUSTED: Final = 36
FRAGMENT_TABLE_FULL: Final = 37
FRAGMENT_OVERLAP: Final = 38
BURST_FULL: Final = 39
VXLAN_TRUNCATED: Final = 40
VXLAN_CHECKSUM: Final = 41
VXLAN_NO_VNI: Final = 42
UNKNOWN_PEER: Final = 43
UNKNOWN_VNI: Final = 44
INNER_VLAN: Final = 45
ECN_CONFLICT: Final = 46
POLICY_DENIED: Final = 47
POLICY_UNREADABLE: Final = 48

DROP_REASONS: Final = (
    DropReason(RUNT, "runt", "shorter than an Ethernet header (14 bytes)"),
    DropReason(OVERSIZE, "oversize", "longer than the largest frame the fabric carries (9,216 bytes)"),
    DropReason(SOURCE_MAC_MULTICAST, "source_mac_multicast", "the source MAC is a group address, which nobody can own"),
    DropReason(SOURCE_MAC_ZERO, "source_mac_zero", "the source MAC is all zeros"),
    DropReason(
        RESERVED_MULTICAST,
        "reserved_multicast",
        "sent to 01:80:c2:00:00:0x, which no bridge forwards (IEEE 802.1Q 8.6.3)",
    ),
    DropReason(TRUNCATED_VLAN, "truncated_vlan", "ends inside its VLAN tag"),
    DropReason(VLAN_NOT_MEMBER, "vlan_not_member", "its VLAN is not one that the port carries"),
    DropReason(SPOOFED_MAC, "spoofed_mac", "the source MAC is not the port's own"),
    DropReason(SPOOFED_ADDRESS, "spoofed_address", "the source address is not one of the port's own"),
    DropReason(STORM_BROADCAST, "storm_broadcast", "over the port's limit of broadcast frames a second"),
    DropReason(STORM_MULTICAST, "storm_multicast", "over the port's limit of multicast frames a second"),
    DropReason(
        STORM_UNKNOWN_UNICAST, "storm_unknown_unicast", "over the port's limit of flooded unicast frames a second"
    ),
    DropReason(STATIC_MAC_ELSEWHERE, "static_mac_elsewhere", "the source MAC is fixed to another port"),
    DropReason(SAME_PORT, "same_port", "its destination lies behind the port it came from, and hairpin is off"),
    DropReason(ISOLATED, "isolated", "the network keeps its endpoints apart (icc: false)"),
    DropReason(PORT_DOWN, "port_down", "the port of its destination is down"),
    DropReason(NO_RECEIVER, "no_receiver", "flooded, and no other port is there to receive it"),
    DropReason(TRANSMIT_FAILED, "transmit_failed", "every port it should leave by refused it"),
    DropReason(NOT_ROUTABLE, "not_routable", "sent to the router's MAC, and neither IPv4, IPv6 nor ARP"),
    DropReason(MALFORMED_NEIGHBOUR, "malformed_neighbour", "a neighbour discovery message that RFC 4861 has discarded"),
    DropReason(GATEWAY_CLAIMED, "gateway_claimed", "somebody else claims the gateway's address"),
    DropReason(MALFORMED_PACKET, "malformed_packet", "its IP header is wrong: version, length or checksum"),
    DropReason(
        MARTIAN_ADDRESS, "martian_address", "from or to an address that no router forwards (RFC 1812 5.3.7, RFC 4291)"
    ),
    DropReason(MALFORMED_TRANSPORT, "malformed_transport", "ends inside its transport header"),
    DropReason(NO_ROUTE, "no_route", "no route leads to its destination"),
    DropReason(ROUTE_BLACKHOLE, "route_blackhole", "the route to its destination is a blackhole"),
    DropReason(TTL_EXCEEDED, "ttl_exceeded", "its time to live (hop limit) is used up"),
    DropReason(PACKET_TOO_BIG, "packet_too_big", "larger than the MTU of its way out, and may not be fragmented"),
    DropReason(NETWORKS_ISOLATED, "networks_isolated", "between two networks, and no static route says that it may"),
    DropReason(NETWORK_INTERNAL, "network_internal", "out of an internal network, or into one"),
    DropReason(UNSOLICITED, "unsolicited", "from outside to what is neither published nor a reply"),
    DropReason(UNRELATED_ERROR, "unrelated_error", "an ICMP message that asks nothing, about no known flow"),
    DropReason(NO_SERVICE, "no_service", "to an address of the router's own, where nothing serves it"),
    DropReason(NEIGHBOUR_UNRESOLVED, "neighbour_unresolved", "its next hop does not answer, or too many packets wait"),
    DropReason(FLOW_TABLE_FULL, "flow_table_full", "a new flow, and the flow table holds no more"),
    DropReason(NAT_EXHAUSTED, "nat_exhausted", "a new flow, and no translated port is free for it"),
    DropReason(FRAGMENT_TABLE_FULL, "fragment_table_full", "a fragment, and no more of them can be kept track of"),
    DropReason(FRAGMENT_OVERLAP, "fragment_overlap", "a fragment that overlaps another of its packet (RFC 5722)"),
    DropReason(BURST_FULL, "burst_full", "the burst had no room left for a frame that it causes"),
    DropReason(VXLAN_TRUNCATED, "vxlan_truncated", "ends inside its outer headers, its VXLAN header or its inner one"),
    DropReason(VXLAN_CHECKSUM, "vxlan_checksum", "the checksum of its outer IP or UDP header is wrong"),
    DropReason(VXLAN_NO_VNI, "vxlan_no_vni", "its VXLAN header does not say that it has a VNI (the I flag)"),
    DropReason(UNKNOWN_PEER, "unknown_peer", "encapsulated by an address that is no peer's"),
    DropReason(UNKNOWN_VNI, "unknown_vni", "of a VNI of no network that is here and that the peer takes part in"),
    DropReason(INNER_VLAN, "inner_vlan", "carries a VLAN tag through an overlay that discards them (RFC 7348 6.1)"),
    DropReason(ECN_CONFLICT, "ecn_conflict", "congestion was met by a packet that cannot tell of it (RFC 6040)"),
    DropReason(POLICY_DENIED, "policy_denied", "a policy denies it, or isolates one of its ends and allows it nowhere"),
    DropReason(
        POLICY_UNREADABLE, "policy_unreadable", "to or from what a policy isolates, and of a kind that none can allow"
    ),
)

REASON_NAMES: Final = {reason.number: reason.name for reason in DROP_REASONS}

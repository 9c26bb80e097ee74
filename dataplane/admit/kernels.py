"""Admission: the checks that need only the frame and the port it came in by, in the order in which they decide."""

from typing import Any

import numpy as np

from dataplane.admit.tables import BROADCAST, CHECK_ADDRESSES, CHECK_MAC, ENCAPSULATED, MULTICAST, TRANSPARENT, TRUNK
from dataplane.drop import drop
from dataplane.ethernet import skip_tags, strip_tag
from dataplane.jit import kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64, load_u64_be
from dataplane.token_bucket import take_token
from dataplane.verdict import (
    FORWARD,
    RESERVED_MULTICAST,
    SOURCE_MAC_MULTICAST,
    SOURCE_MAC_ZERO,
    SPOOFED_ADDRESS,
    SPOOFED_MAC,
    STORM_BROADCAST,
    STORM_MULTICAST,
    TRUNCATED_VLAN,
    VLAN_NOT_MEMBER,
)
from dataplane.wire import (
    ARP_BYTES,
    ARP_SENDER_IPV4,
    ARP_SENDER_MAC,
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV4_MAPPED_PREFIX,
    IPV4_SOURCE,
    IPV6_BYTES,
    IPV6_SOURCE,
    MAC_BROADCAST,
    MAC_GROUP_BIT,
    MAC_MASK,
    RESERVED_GROUP,
    RESERVED_GROUP_MASK,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
    VLAN_ID_MASK,
    VLAN_TAG_BYTES,
    VLAN_TCI,
)

_ZERO = np.uint64(0)
_LINK_LOCAL_PREFIX = np.uint64(0xFE80 >> 6)
_LINK_LOCAL_SHIFT = np.uint64(54)
_MAPPED_MASK = np.uint64(0xFFFF_FFFF_0000_0000)


@kernel
def admit_frames(vector: Any, heads: Any, admit: Any, storms: Any) -> None:
    """Decide which frames may enter, and to which filtering domain they belong.

    Reads: the parsed columns; headers of frames whose port checks them. Writes: domain, vlan_tci and verdict; a VLAN
    tag that the fabric understands is taken off (head_at, head_length, length, ether_type). Order effects: none, the
    storm limits count frame by frame.
    """
    for i in range(vector.count):
        if vector.verdict[i] != FORWARD:
            continue
        port = admit.ports[vector.in_port[i]]
        source = vector.source_mac[i]
        destination = vector.destination_mac[i]
        if source & MAC_GROUP_BIT:
            drop(vector, i, SOURCE_MAC_MULTICAST)
            continue
        if source == _ZERO:
            drop(vector, i, SOURCE_MAC_ZERO)
            continue
        if destination & RESERVED_GROUP_MASK == RESERVED_GROUP:
            drop(vector, i, RESERVED_MULTICAST)
            continue
        if port.vlan_mode != ENCAPSULATED:
            vector.domain[i] = port.native_domain
            if port.vlan_mode != TRANSPARENT and not classify_vlan(vector, heads, admit, port, i):
                continue
        if vector.domain[i] == 0:
            drop(vector, i, VLAN_NOT_MEMBER)
            continue
        if port.checks and not check_source(vector, heads, port, i):
            continue
        if destination & MAC_GROUP_BIT:
            admit_group(vector, port, storms, i)


@kernel
def classify_vlan(vector: Any, heads: Any, admit: Any, port: Any, i: int) -> bool:
    """Give frame ``i`` the domain of its VLAN and take its tag off; False if it was dropped. Domain 0 is none.

    A priority tag (VID 0) is an untagged frame with a priority. An 802.1ad tag is payload.
    """
    if vector.ether_type[i] == TYPE_VLAN:
        if vector.length[i] < ETHERNET_BYTES + VLAN_TAG_BYTES:
            drop(vector, i, TRUNCATED_VLAN)
            return False
        tci = load_u16_be(heads, vector.head_at[i] + VLAN_TCI)
        vid = tci & VLAN_ID_MASK
        if vid != 0:
            if port.vlan_mode == TRUNK:
                vector.domain[i] = admit.domain_of_vlan[port.vlan_row, vid]
            else:
                vector.domain[i] = 0
        if vector.domain[i] != 0:
            strip_tag(vector, heads, i, tci)
    return True


@kernel
def check_source(vector: Any, heads: Any, port: Any, i: int) -> bool:
    """Port security: hold frame ``i``'s source addresses against the port's own; False if it was dropped."""
    checks_mac = port.checks & CHECK_MAC != 0
    if checks_mac and vector.source_mac[i] != port.mac:
        drop(vector, i, SPOOFED_MAC)
        return False
    if port.checks & CHECK_ADDRESSES == 0:
        return True
    # A receiver looks through tags (at least through priority tags), and so does the check.
    ether_type, at, payload = skip_tags(vector, heads, i)
    if ether_type in (TYPE_VLAN, TYPE_SERVICE_VLAN):
        owned = False
    elif ether_type == TYPE_ARP:
        if payload >= ARP_BYTES and checks_mac and load_u64(heads, at + ARP_SENDER_MAC) & MAC_MASK != port.mac:
            drop(vector, i, SPOOFED_MAC)
            return False
        owned = payload >= ARP_BYTES and owns_ipv4(port, load_u32_be(heads, at + ARP_SENDER_IPV4))
    elif ether_type == TYPE_IPV4:
        owned = payload >= IPV4_BYTES and owns_ipv4(port, load_u32_be(heads, at + IPV4_SOURCE))
    elif ether_type == TYPE_IPV6:
        owned = payload >= IPV6_BYTES and owns_ipv6(
            port, load_u64_be(heads, at + IPV6_SOURCE), load_u64_be(heads, at + IPV6_SOURCE + 8)
        )
    else:
        owned = True
    if not owned:
        drop(vector, i, SPOOFED_ADDRESS)
    return owned


@kernel
def owns_ipv4(port: Any, address: int) -> bool:
    """Whether the port may send from the IPv4 ``address``; 0.0.0.0 is how DHCP and ARP probes begin (RFC 5227)."""
    return address == 0 or owns_address(port, _ZERO, IPV4_MAPPED_PREFIX | np.uint64(address))


@kernel
def owns_ipv6(port: Any, high: int, low: int) -> bool:
    """Whether the port may send from an IPv6 address; :: begins DAD (RFC 4862), fe80::/10 stays on the link."""
    if high >> _LINK_LOCAL_SHIFT == _LINK_LOCAL_PREFIX or (high == _ZERO and low == _ZERO):
        return True
    # The port's IPv4 addresses are kept mapped (::ffff:a.b.c.d); on the wire those are nobody's (RFC 4291 2.5.5.2).
    is_mapped = high == _ZERO and low & _MAPPED_MASK == IPV4_MAPPED_PREFIX
    return not is_mapped and owns_address(port, high, low)


@kernel
def owns_address(port: Any, high: int, low: int) -> bool:
    """Whether the address, in two big-endian halves, is one of the port's."""
    for k in range(port.addresses):
        if port.address_low[k] == low and port.address_high[k] == high:
            return True
    return False


@kernel
def admit_group(vector: Any, port: Any, storms: Any, i: int) -> None:
    """Hold a broadcast or multicast frame against its port's storm limit."""
    storm_class = BROADCAST if vector.destination_mac[i] == MAC_BROADCAST else MULTICAST
    cost, burst = port.storm_cost_ns[storm_class], port.storm_burst_ns[storm_class]
    due_ns, now_ns = storms.due_ns[vector.in_port[i]], vector.timestamp_ns[i]
    if not take_token(due_ns, storm_class, cost, burst, now_ns, vector.frames[i]):
        drop(vector, i, STORM_BROADCAST if storm_class == BROADCAST else STORM_MULTICAST)

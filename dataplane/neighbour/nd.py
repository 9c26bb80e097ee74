"""IPv6 neighbour discovery (RFC 4861): which messages are valid, and the router's answers in their slots.

Addresses are two uint64 in host order, MACs as columns hold them. What is read here are columns of a packet whose
ICMPv6 header follows its IPv6 header directly.
"""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_bytes
from dataplane.icmp.headers import pseudo_header6, write_checksum, write_ipv6, write_ipv6_addresses
from dataplane.jit import kernel
from dataplane.memory import load_u64_be, store_u16_be, store_u32_be, store_u64_be
from dataplane.neighbour.frames import load_mac, store_mac, write_ethernet
from dataplane.neighbour.tables import (
    ALL_NODES_HIGH,
    ALL_NODES_LOW,
    ALL_NODES_MAC,
    FROM_ROUTER,
    HOPS,
    MALFORMED,
    NOT_DISCOVERY,
    OPTION_BYTES,
    OVERRIDES,
    ROUTER_ADVERTISEMENT_BYTES,
    ROUTER_SOLICITATION_BYTES,
    SOLICITATION_BYTES,
    SOLICITED,
    SOLICITED_NODE_BITS,
    SOLICITED_NODE_LOW,
    SOLICITED_NODE_MAC,
    SOURCE_LINK_ADDRESS,
    TARGET,
    TARGET_LINK_ADDRESS,
)
from dataplane.vector import SLOT_BYTES, WHOLE
from dataplane.virtio import NEEDS_CHECKSUM
from dataplane.wire import (
    ETHERNET_BYTES,
    ICMP_CHECKSUM,
    ICMP_CODE,
    ICMP_ID,
    IPV6_BYTES,
    IPV6_HOP_LIMIT,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    PROTOCOL_ICMPV6,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
    TYPE_IPV6,
)

_NONE = np.uint64(0)
_FIRST_BYTE = np.uint64(56)
_GROUP = np.uint64(0xFF)
_LINK_LOCAL_SHIFT = np.uint64(54)
_LINK_LOCAL = np.uint64(0xFE80 >> 6)
_24 = np.uint64(24)
_BYTE = np.uint64(0xFF)
_8 = np.uint64(8)
_WORD = 0xFFFF


@kernel
def are_options_sane(heads: Any, at: Any, end: Any) -> bool:
    """Whether the options from ``at`` fill the message up to its ``end``, none of them empty."""
    while at + 2 <= end:
        if heads[at + 1] == 0:
            return False
        at += OPTION_BYTES * np.int64(heads[at + 1])
    return at == end


@kernel
def find_link_address(heads: Any, at: Any, end: Any, kind: int) -> Any:
    """Return the MAC that the first option of ``kind`` names, among sane options from ``at`` to ``end``; 0 if none."""
    while at < end:
        if heads[at] == kind and heads[at + 1] == 1:
            return load_mac(heads, at + 2)
        at += OPTION_BYTES * np.int64(heads[at + 1])
    return _NONE


@kernel
def message_end(vector: Any, i: int) -> Any:
    """Return where the packet in frame ``i`` ends, an offset in the heads."""
    return np.int64(vector.head_at[i]) + ETHERNET_BYTES + np.int64(vector.packet_bytes[i])


@kernel
def source_link_address(vector: Any, heads: Any, i: int, fixed: int) -> Any:
    """Return the source link-layer address that the valid message in frame ``i`` names behind its ``fixed`` bytes."""
    return find_link_address(
        heads, np.int64(vector.transport_at[i]) + fixed, message_end(vector, i), SOURCE_LINK_ADDRESS
    )


@kernel
def read_discovery(vector: Any, heads: Any, i: int) -> Any:
    """Return the type of frame ``i``'s message, 133 to 136; MALFORMED if it is not valid, else NOT_DISCOVERY.

    Validity is that of RFC 4861 sections 6.1.1, 6.1.2, 7.1.1 and 7.1.2. A message that goes on in the tail is not
    valid: there is none of more than 250 bytes without RFC 3971's signatures. A checksum that is left for a device to
    compute counts as right.
    """
    ip = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    icmp: Any = np.int64(vector.transport_at[i])
    if vector.protocol[i] != PROTOCOL_ICMPV6 or vector.fragment[i] != WHOLE or icmp != ip + IPV6_BYTES:
        return NOT_DISCOVERY
    kind: Any = np.int64(heads[icmp])
    if kind < ROUTER_SOLICITATION or kind > NEIGHBOUR_ADVERTISEMENT:
        return NOT_DISCOVERY
    end = message_end(vector, i)
    fixed = SOLICITATION_BYTES
    if kind == ROUTER_SOLICITATION:
        fixed = ROUTER_SOLICITATION_BYTES
    elif kind == ROUTER_ADVERTISEMENT:
        fixed = ROUTER_ADVERTISEMENT_BYTES
    if icmp + fixed > end or end > np.int64(vector.head_at[i]) + np.int64(vector.head_length[i]):
        return MALFORMED
    if heads[ip + IPV6_HOP_LIMIT] != HOPS or heads[icmp + ICMP_CODE] != 0:
        return MALFORMED
    if not are_options_sane(heads, icmp + fixed, end) or not are_addresses_sane(vector, heads, i, kind):
        return MALFORMED
    total = pseudo_header6(heads, ip, end - icmp, PROTOCOL_ICMPV6) + sum_bytes(heads, icmp, end - icmp)
    if not heads[i * SLOT_BYTES] & NEEDS_CHECKSUM and np.int64(fold(total)) != _WORD:
        return MALFORMED
    return kind


@kernel
def are_addresses_sane(vector: Any, heads: Any, i: int, kind: int) -> bool:
    """Whether the addresses of a message of ``kind`` go together: source, destination, target, source's MAC."""
    icmp: Any = np.int64(vector.transport_at[i])
    is_unspecified = (vector.source_high[i] | vector.source_low[i]) == _NONE
    is_to_group = (vector.destination_high[i] >> _FIRST_BYTE) == _GROUP
    if kind == ROUTER_SOLICITATION:
        return not is_unspecified or source_link_address(vector, heads, i, ROUTER_SOLICITATION_BYTES) == _NONE
    if kind == ROUTER_ADVERTISEMENT:
        return (vector.source_high[i] >> _LINK_LOCAL_SHIFT) == _LINK_LOCAL
    if heads[icmp + TARGET] == 0xFF:
        return False
    if kind == NEIGHBOUR_ADVERTISEMENT:
        return not is_to_group or not heads[icmp + ICMP_ID] & SOLICITED
    if is_unspecified:
        is_to_solicited = (
            vector.destination_high[i] == ALL_NODES_HIGH
            and (vector.destination_low[i] & ~SOLICITED_NODE_BITS) == SOLICITED_NODE_LOW
        )
        return is_to_solicited and source_link_address(vector, heads, i, SOLICITATION_BYTES) == _NONE
    return True


@kernel
def finish(heads: Any, ip: Any, count: Any) -> None:
    """Write the header fields before a message of ``count`` bytes, but for addresses, and the message's checksum."""
    write_ipv6(heads, ip, count, HOPS, PROTOCOL_ICMPV6)
    at = ip + IPV6_BYTES + ICMP_CHECKSUM
    store_u16_be(heads, at, np.uint16(0))
    total = pseudo_header6(heads, ip, count, PROTOCOL_ICMPV6) + sum_bytes(heads, ip + IPV6_BYTES, count)
    write_checksum(heads, at, total)


@kernel
def write_link_address(heads: Any, at: Any, kind: int, mac: Any) -> None:
    """Write an option that names a MAC."""
    heads[at] = kind
    heads[at + 1] = 1
    store_mac(heads, at + 2, mac)


@kernel
def answer_solicitation(vector: Any, heads: Any, i: int, mac: Any, role: int) -> None:
    """Turn frame ``i``, a valid neighbour solicitation, into the advertisement that the target has ``mac``; ``role`` is
    FROM_ROUTER or 0.

    It goes to the MAC that the asker names, else to the frame's; one who asks from no address is answered through all
    nodes (RFC 4861 section 7.2.4).
    """
    ip: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    icmp = ip + IPV6_BYTES
    high, low = load_u64_be(heads, icmp + TARGET), load_u64_be(heads, icmp + TARGET + 8)
    to_high, to_low = vector.source_high[i], vector.source_low[i]
    to_mac = source_link_address(vector, heads, i, SOLICITATION_BYTES)
    says = role | OVERRIDES | SOLICITED
    if to_mac == _NONE:
        to_mac = vector.source_mac[i]
    if (to_high | to_low) == _NONE:
        to_high, to_low, to_mac = ALL_NODES_HIGH, ALL_NODES_LOW, ALL_NODES_MAC
        says = role | OVERRIDES
    write_ethernet(vector, heads, i, to_mac, mac, TYPE_IPV6, IPV6_BYTES + SOLICITATION_BYTES + OPTION_BYTES)
    write_ipv6_addresses(heads, ip, high, low, to_high, to_low)
    finish_advertisement(heads, ip, high, low, says, mac)


@kernel
def finish_advertisement(heads: Any, ip: Any, high: Any, low: Any, says: int, mac: Any) -> None:
    """Write all of an advertisement that the target, ``high`` and ``low``, has ``mac``, but for the packet's addresses,
    which are there."""
    icmp = ip + IPV6_BYTES
    store_u16_be(heads, icmp, np.uint16(NEIGHBOUR_ADVERTISEMENT << 8))
    store_u32_be(heads, icmp + ICMP_ID, np.uint32(says << 24))
    store_u64_be(heads, icmp + TARGET, high)
    store_u64_be(heads, icmp + TARGET + 8, low)
    write_link_address(heads, icmp + SOLICITATION_BYTES, TARGET_LINK_ADDRESS, mac)
    finish(heads, ip, SOLICITATION_BYTES + OPTION_BYTES)


@kernel
def write_solicitation(
    vector: Any, heads: Any, k: int, to: Any, mac: Any, source_high: Any, source_low: Any, high: Any, low: Any
) -> None:
    """Make the originated frame ``k`` ask the target, ``high`` and ``low``, who is thought to have the MAC ``to``,
    whether it has; or if that is 0, ask its solicited-node group who has it.

    It comes from the source address, whose MAC is ``mac`` (RFC 4861 section 7.2.2).
    """
    ip: Any = np.int64(vector.head_at[k]) + ETHERNET_BYTES
    icmp = ip + IPV6_BYTES
    to_mac, to_high, to_low = to, high, low
    if to == _NONE:
        to_high, to_low = ALL_NODES_HIGH, SOLICITED_NODE_LOW | (low & SOLICITED_NODE_BITS)
        # The group's MAC ends in the target's last three bytes (RFC 2464 section 7), which columns hold the other way.
        swapped = (low & _BYTE) << np.uint64(40) | (low >> _8 & _BYTE) << np.uint64(32)
        to_mac = SOLICITED_NODE_MAC | swapped | (low >> np.uint64(16) & _BYTE) << _24
    count = SOLICITATION_BYTES + OPTION_BYTES
    write_ethernet(vector, heads, k, to_mac, mac, TYPE_IPV6, IPV6_BYTES + count)
    write_ipv6_addresses(heads, ip, source_high, source_low, to_high, to_low)
    store_u16_be(heads, icmp, np.uint16(NEIGHBOUR_SOLICITATION << 8))
    store_u32_be(heads, icmp + ICMP_ID, np.uint32(0))
    store_u64_be(heads, icmp + TARGET, high)
    store_u64_be(heads, icmp + TARGET + 8, low)
    write_link_address(heads, icmp + SOLICITATION_BYTES, SOURCE_LINK_ADDRESS, mac)
    finish(heads, ip, count)


@kernel
def write_advertisement(vector: Any, heads: Any, k: int, mac: Any, high: Any, low: Any) -> None:
    """Make the originated frame ``k`` tell all nodes, unasked, that the router's address has ``mac``."""
    ip: Any = np.int64(vector.head_at[k]) + ETHERNET_BYTES
    write_ethernet(vector, heads, k, ALL_NODES_MAC, mac, TYPE_IPV6, IPV6_BYTES + SOLICITATION_BYTES + OPTION_BYTES)
    write_ipv6_addresses(heads, ip, high, low, ALL_NODES_HIGH, ALL_NODES_LOW)
    finish_advertisement(heads, ip, high, low, FROM_ROUTER | OVERRIDES, mac)

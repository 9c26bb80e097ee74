"""Planning a cut: what a superframe's headers say, read and summed up once for all of its segments."""

from typing import Any

import numpy as np

from dataplane.checksum import sum_bytes
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16, load_u16_be, load_u32_be
from dataplane.packet.kernels import is_extension
from dataplane.packet.tables import EXTENSION_HEADERS
from dataplane.superframe.tables import MAX_SEGMENTS
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import (
    GSO_ECN,
    GSO_TCP4,
    GSO_TCP6,
    GSO_TYPE,
    GSO_UDP,
    NEEDS_CHECKSUM,
    SEGMENT_BYTES,
    defers_checksum,
)
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    IPV4_BYTES,
    IPV4_DESTINATION,
    IPV4_FRAGMENT,
    IPV4_ID,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    NEXT_FRAGMENT,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TCP_ACKNOWLEDGEMENT,
    TCP_BYTES,
    TCP_CHECKSUM,
    TCP_OFFSET,
    TCP_SEQUENCE,
    TCP_WINDOW,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
    UDP_BYTES,
    UDP_CHECKSUM,
    VLAN_TAG_BYTES,
    VLAN_TYPE,
)

_NO_TRANSPORT = 0
_ALL_ONES = np.uint64(0xFFFF)


@kernel
def plan_cut(heads: Any, slot: int, at: int, head_length: int, tail_length: int, plan: Any) -> bool:
    """Read the superframe in the slot at byte ``slot`` of the heads, whose Ethernet header is at byte ``at``; False if
    it is none that can be cut.

    It is none if its virtio-net header names another protocol or another place of the checksum than its packet has, or
    no segment size, or makes it more than MAX_SEGMENTS segments; if its packet is a fragment or longer than the frame;
    if its headers do not lie in the head. One VLAN tag, IPv4 options and EXTENSION_HEADERS extension headers may be
    among them. What follows the packet in its frame is padding, and is not the segments'. Writes: the plan (CUT_DTYPE),
    all of it if True.
    """
    plan.frame_at = at
    plan.tail_at = slot // SLOT_BYTES * SPILL_BYTES
    plan.head_bytes = head_length
    plan.segment_bytes = load_u16(heads, slot + SEGMENT_BYTES)
    protocol = find_transport(heads, plan, head_length + tail_length)
    if plan.segment_bytes == 0 or not is_meant(np.int64(heads[slot + GSO_TYPE]) & ~GSO_ECN, protocol, plan.is_ipv6):
        return False
    plan.is_tcp = protocol == PROTOCOL_TCP
    transport = at + plan.transport_at
    header: Any = UDP_BYTES
    if protocol == PROTOCOL_TCP:
        header = (np.int64(heads[transport + TCP_OFFSET]) >> 4) << 2
        if header < TCP_BYTES:
            return False
    if heads[slot] & NEEDS_CHECKSUM and not defers_checksum(heads, slot, plan.transport_at):
        return False
    # So far payload_bytes counts from the transport header on.
    plan.payload_bytes -= header
    plan.header_bytes = plan.transport_at + header
    if plan.payload_bytes < 0 or plan.header_bytes > head_length:
        return False
    plan.segments = max(1, (plan.payload_bytes + plan.segment_bytes - 1) // plan.segment_bytes)
    plan.transport_sum = sum_pseudo_header(heads, slot, plan, header) + sum_transport(heads, transport, plan, header)
    return plan.segments <= MAX_SEGMENTS


@inlined
def is_meant(kind: int, protocol: int, is_ipv6: int) -> bool:
    """Whether the GSO type ``kind`` is said of such packets."""
    if protocol == PROTOCOL_UDP:
        return kind == GSO_UDP
    return protocol == PROTOCOL_TCP and kind == (GSO_TCP6 if is_ipv6 else GSO_TCP4)


@kernel
def find_transport(heads: Any, plan: Any, length: int) -> int:
    """Find the headers of a frame of ``length`` bytes and return the transport protocol, or 0 if there is no whole
    packet with all of a transport header's fixed part in its head.

    Writes: network_at, is_ipv6, transport_at, payload_bytes (from the transport header on); of IPv4 network_sum and
    identification.
    """
    frame = plan.frame_at
    if plan.head_bytes < ETHERNET_BYTES + VLAN_TAG_BYTES:
        return _NO_TRANSPORT
    plan.network_at = ETHERNET_BYTES
    ether_type = load_u16_be(heads, frame + ETHERNET_TYPE)
    if ether_type in (TYPE_VLAN, TYPE_SERVICE_VLAN):
        plan.network_at += VLAN_TAG_BYTES
        ether_type = load_u16_be(heads, frame + VLAN_TYPE)
    plan.is_ipv6 = ether_type == TYPE_IPV6
    packet = frame + plan.network_at
    readable = plan.head_bytes - plan.network_at
    protocol, header, total = _NO_TRANSPORT, 0, 0
    if ether_type == TYPE_IPV4 and readable >= IPV4_BYTES:
        protocol, header, total = read_ipv4(heads, packet, readable)
        plan.identification = load_u16_be(heads, packet + IPV4_ID)
    elif ether_type == TYPE_IPV6 and readable >= IPV6_BYTES:
        protocol, header, total = read_ipv6(heads, packet, readable)
    if protocol == _NO_TRANSPORT:
        return _NO_TRANSPORT
    fixed = TCP_BYTES if protocol == PROTOCOL_TCP else UDP_BYTES
    if header + fixed > min(readable, total) or total > length - plan.network_at:
        return _NO_TRANSPORT
    if not plan.is_ipv6:
        plan.network_sum = sum_ipv4(heads, packet, header)
    plan.transport_at = plan.network_at + header
    plan.payload_bytes = total - header
    return protocol


@kernel
def read_ipv4(heads: Any, packet: int, readable: int) -> tuple[int, int, int]:
    """Return the protocol, the header's and the packet's length of the IPv4 packet at ``packet``."""
    header = (np.int64(heads[packet]) & 0x0F) << 2
    placed = np.int64(load_u16_be(heads, packet + IPV4_FRAGMENT)) & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)
    if heads[packet] >> 4 != 4 or header < IPV4_BYTES or header > readable or placed:
        return _NO_TRANSPORT, 0, 0
    return np.int64(heads[packet + IPV4_PROTOCOL]), header, np.int64(load_u16_be(heads, packet + IPV4_TOTAL_LENGTH))


@kernel
def read_ipv6(heads: Any, packet: int, readable: int) -> tuple[int, int, int]:
    """Return the transport protocol, the length of all headers before it, and that of the IPv6 packet at ``packet``."""
    protocol, header = np.int64(heads[packet + IPV6_NEXT_HEADER]), IPV6_BYTES
    total = IPV6_BYTES + np.int64(load_u16_be(heads, packet + IPV6_PAYLOAD_LENGTH))
    for _ in range(EXTENSION_HEADERS):
        if not is_extension(protocol) or protocol == NEXT_FRAGMENT or header + 2 > readable:
            break
        protocol = np.int64(heads[packet + header])
        header += (np.int64(heads[packet + header + 1]) + 1) << 3
    return (protocol, header, total) if heads[packet] >> 4 == 6 else (_NO_TRANSPORT, 0, 0)


@kernel
def sum_ipv4(heads: Any, packet: int, header: int) -> Any:
    """Return the sum of an IPv4 header but for its total length, identification and checksum."""
    first = np.uint64(load_u16_be(heads, packet)) + np.uint64(load_u32_be(heads, packet + IPV4_FRAGMENT))
    return first + sum_bytes(heads, packet + IPV4_SOURCE, header - IPV4_SOURCE)


@kernel
def sum_transport(heads: Any, transport: int, plan: Any, header: int) -> Any:
    """Return the sum of a transport header but for its length, checksum, sequence number, data offset and flags, which
    a plan notes instead."""
    total = np.uint64(load_u32_be(heads, transport))
    if not plan.is_tcp:
        return total
    plan.sequence = load_u32_be(heads, transport + TCP_SEQUENCE)
    plan.offset_flags = load_u16_be(heads, transport + TCP_OFFSET)
    total += np.uint64(load_u32_be(heads, transport + TCP_ACKNOWLEDGEMENT))
    total += np.uint64(load_u16_be(heads, transport + TCP_WINDOW))
    behind = TCP_CHECKSUM + 2
    return total + sum_bytes(heads, transport + behind, header - behind)


@kernel
def sum_pseudo_header(heads: Any, slot: int, plan: Any, header: int) -> Any:
    """Return the sum of the pseudo-header but for its length.

    Where the checksum is left to a device, its field holds that sum, with the superframe's length: it is right even if
    a routing header names another destination. Else the sum is taken from the addresses.
    """
    transport = plan.frame_at + plan.transport_at
    if defers_checksum(heads, slot, plan.transport_at):
        field = transport + (TCP_CHECKSUM if plan.is_tcp else UDP_CHECKSUM)
        length = np.uint64(header + plan.payload_bytes)
        return np.uint64(load_u16_be(heads, field)) + (length ^ _ALL_ONES)
    protocol = np.uint64(PROTOCOL_TCP if plan.is_tcp else PROTOCOL_UDP)
    packet = plan.frame_at + plan.network_at
    if plan.is_ipv6:
        return protocol + sum_bytes(heads, packet + IPV6_SOURCE, 32)
    return protocol + sum_bytes(heads, packet + IPV4_SOURCE, IPV4_DESTINATION + 4 - IPV4_SOURCE)

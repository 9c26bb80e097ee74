"""Frames as a kernel on the same machine hands them over: uncut, and with checksums that a device would have computed.

A kernel's own tunnel gives a superframe to the underlay's device to be cut there, inner segments and all. Where that is
a veth, nobody cuts it: it comes out of our socket as one datagram (measured on Linux 6.18, pinned by
tests/vtep/test_uncut.py):

  - TCP: nothing is said beside it; how long its segments were to be cannot be known, but as the two nodes' overlay has
    one MTU they were no longer than that.
  - UDP: the ancillary data that otherwise tells the length of coalesced outer datagrams tells the inner ones'.
  - TCP and UDP, superframe or not: the field of the inner checksum holds the sum of the pseudo-header. One complete
    checksum in 65,536 looks the same; computing it once more gives what it was.
"""

from typing import Any

import numpy as np

from dataplane.checksum import fold
from dataplane.jit import kernel
from dataplane.memory import load_u16_be, load_u32_be, local_record, store_u16
from dataplane.superframe.plan import find_transport, sum_pseudo_header
from dataplane.superframe.tables import CUT_DTYPE
from dataplane.vector import SLOT_BYTES
from dataplane.virtio import (
    CHECKSUM_AT,
    CHECKSUM_FROM,
    GSO_TCP4,
    GSO_TCP6,
    GSO_TYPE,
    GSO_UDP,
    HEADER_LENGTH,
    NEEDS_CHECKSUM,
    SEGMENT_BYTES,
)
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_PAYLOAD_LENGTH,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TCP_CHECKSUM,
    TCP_OFFSET,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
    UDP_BYTES,
    UDP_CHECKSUM,
    VLAN_TAG_BYTES,
    VXLAN_BYTES,
    VXLAN_VNI,
)
from encap.index import find_domain

_VNI_SHIFT = 8


@kernel
def is_one_frame(data: Any, at: int, length: int) -> bool:
    """Whether the message of ``length`` bytes at byte ``at`` is one datagram: its inner packet says it is so long."""
    network_at = VXLAN_BYTES + ETHERNET_BYTES
    if length < network_at + VLAN_TAG_BYTES + IPV6_BYTES:
        return False
    ether_type = load_u16_be(data, at + VXLAN_BYTES + ETHERNET_TYPE)
    if ether_type in (TYPE_VLAN, TYPE_SERVICE_VLAN):
        network_at += VLAN_TAG_BYTES
        ether_type = load_u16_be(data, at + network_at - 2)
    packet = at + network_at
    if ether_type == TYPE_IPV4:
        return network_at + np.int64(load_u16_be(data, packet + IPV4_TOTAL_LENGTH)) == length
    if ether_type == TYPE_IPV6:
        return network_at + IPV6_BYTES + np.int64(load_u16_be(data, packet + IPV6_PAYLOAD_LENGTH)) == length
    return False


@kernel
def adopt_unfinished(vector: Any, heads: Any, i: int, overlay: Any, told: int) -> None:
    """Write what is left to do for frame ``i``, which begins with its VXLAN header, into its virtio-net header.

    ``told``: how long the segments of a UDP superframe are, if it is one. Reads: the domain's MTU.
    """
    slot = i * SLOT_BYTES
    if heads[slot] != 0:
        return
    plan = local_record(CUT_DTYPE)
    plan.frame_at = np.int64(vector.head_at[i]) + VXLAN_BYTES
    plan.head_bytes = np.int64(vector.head_length[i]) - VXLAN_BYTES
    protocol = find_transport(heads, plan, np.int64(vector.length[i]) - VXLAN_BYTES)
    if protocol not in (PROTOCOL_TCP, PROTOCOL_UDP):
        return
    plan.is_tcp = protocol == PROTOCOL_TCP
    transport, length = plan.frame_at + plan.transport_at, plan.payload_bytes
    field = TCP_CHECKSUM if plan.is_tcp else UDP_CHECKSUM
    pseudo = fold(sum_pseudo_header(heads, slot, plan, 0) + np.uint64(length))
    if np.uint64(load_u16_be(heads, transport + field)) != np.uint64(pseudo):
        return
    heads[slot] = NEEDS_CHECKSUM
    store_u16(heads, slot + CHECKSUM_FROM, np.uint16(VXLAN_BYTES + plan.transport_at))
    store_u16(heads, slot + CHECKSUM_AT, np.uint16(field))
    if told and not plan.is_tcp:
        name_segments(heads, slot, GSO_UDP, VXLAN_BYTES + plan.transport_at + UDP_BYTES, told)
    elif plan.is_tcp:
        headers = plan.transport_at + ((np.int64(heads[transport + TCP_OFFSET]) >> 4) << 2)
        longest = mtu_of(overlay, heads, plan.frame_at - VXLAN_BYTES) + plan.network_at - headers
        if 0 < longest < plan.transport_at + length - headers:
            name_segments(heads, slot, GSO_TCP6 if plan.is_ipv6 else GSO_TCP4, VXLAN_BYTES + headers, longest)


@kernel
def name_segments(heads: Any, slot: int, kind: int, headers: int, segment_bytes: int) -> None:
    """Say that the frame in the slot at byte ``slot`` is a superframe."""
    heads[slot + GSO_TYPE] = kind
    store_u16(heads, slot + HEADER_LENGTH, np.uint16(headers))
    store_u16(heads, slot + SEGMENT_BYTES, np.uint16(segment_bytes))


@kernel
def mtu_of(overlay: Any, heads: Any, at: int) -> int:
    """Return the largest IP packet of the network that the VXLAN header at byte ``at`` names, 0 if it names none."""
    vni = np.int64(load_u32_be(heads, at + VXLAN_VNI)) >> _VNI_SHIFT
    return np.int64(overlay.mtu_of_domain[find_domain(overlay, vni)])

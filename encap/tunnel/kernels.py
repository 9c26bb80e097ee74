"""Out of the tunnel: frames that other nodes have sent to this one's VTEP become frames that came in by the tunnel.

What a device of the tunnel's receives begins with the VXLAN header. Where tunnel and underlay are one port's frames,
those for the VTEP are told from others by their outer headers, down to the UDP port.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u64, load_u64_be
from dataplane.originate import set_lengths
from dataplane.router.view import interfaces_of
from dataplane.vector import NO_PEER, SLOT_BYTES
from dataplane.verdict import (
    ECN_CONFLICT,
    FORWARD,
    INNER_VLAN,
    OVERSIZE,
    UNKNOWN_PEER,
    UNKNOWN_VNI,
    VXLAN_NO_VNI,
    VXLAN_TRUNCATED,
)
from dataplane.virtio import is_superframe, pull_headers
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    MAC_MASK,
    MAX_FRAME_BYTES,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
    UDP_BYTES,
    UDP_LENGTH,
    VXLAN_BYTES,
)
from encap.ecn import class_of, combine_classes
from encap.index import find_domain, find_vtep, is_member
from encap.outer import HAS_VNI, group_mac, group_of, vni_of
from encap.tables import RAW
from encap.tunnel.claims import check_claims, note_claims
from encap.tunnel.datagram import ELSEWHERE, SOUND, find_datagram, reason_against_datagram, sender_of

PASSED = 0
BLOCK = 32
"""So many frames are opened before what they claim is looked up: what the caches were asked for has come by then, and
the nearest of them still has it."""
_NONE = np.uint64(0)
_SOURCE_SHIFT = np.uint64(16)


@kernel
def decap_frames(vector: Any, arena: Any, tables: Any, router: Any, counters: Any) -> None:
    """Strip and check what came for the VTEP; frames for others stay as they are, but for the group of their port.

    Reads: in_port, verdict, the parsed columns; of a device's frames source_high, source_low and outer_tos, whose head
    begins with the VXLAN header. Writes, of the tunnel's frames: in_port, remote, group, domain, head_at, the lengths,
    destination_mac, source_mac, ether_type, verdict, reason; source_high and source_low (scratch); the inner ECN field;
    the counters of both ports. Precondition: the overlay is on, the frames are parsed, none is admitted. Order
    effects: none.
    """
    overlay = tables.overlay
    is_raw = overlay.transport == RAW
    own_mac = interfaces_of(router).interface[overlay.underlay_interface].mac
    group = group_mac(overlay.group_high, overlay.group_low)
    for first in range(0, vector.received, BLOCK):
        last = min(first + BLOCK, vector.received)
        opened = 0
        for i in range(first, last):
            if overlay.has_groups:
                vector.group[i] = overlay.group_of_port[vector.in_port[i]]
            if is_raw:
                begins = enter_tunnel(vector, arena, overlay, own_mac, group, counters, i)
            else:
                begins = meet_received(vector, overlay, i)
            if begins >= 0:
                opened += open_frame(vector, arena.heads, tables, i, begins)
        if opened:
            check_opened(vector, arena.heads, tables, router, first, last)


@inlined
def check_opened(vector: Any, heads: Any, tables: Any, router: Any, first: int, last: int) -> None:
    """Check what the frames of a block claim that were opened."""
    for i in range(first, last):
        if vector.in_port[i] == tables.overlay.port and vector.verdict[i] == FORWARD:
            check_claims(vector, heads, tables, router, i)


@inlined
def enter_tunnel(vector: Any, arena: Any, overlay: Any, own_mac: Any, group: Any, counters: Any, i: int) -> Any:
    """Return where the VXLAN header of frame ``i`` begins, in bytes from its first; -1 if it is not for the VTEP, or
    was dropped.

    From here on it came in by the tunnel. What lies behind its datagram is cut off.
    """
    if vector.in_port[i] != overlay.underlay_port or vector.verdict[i] != FORWARD:
        return -1
    heads = arena.heads
    udp = ELSEWHERE
    if vector.destination_mac[i] == own_mac:
        udp = find_datagram(vector, heads, i, overlay.address_high, overlay.address_low, overlay.udp_port)
    elif vector.destination_mac[i] == group and group != _NONE:
        udp = find_datagram(vector, heads, i, overlay.group_high, overlay.group_low, overlay.udp_port)
    if udp == ELSEWHERE:
        return -1
    counters.ports[overlay.underlay_port].consumed += 1
    counters.ports[overlay.port].rx_packets += 1
    vector.in_port[i] = overlay.port
    reason = reason_against_datagram(vector, arena, i, udp)
    if reason != SOUND:
        drop(vector, i, reason)
        return -1
    vector.source_high[i], vector.source_low[i] = sender_of(vector, heads, i)
    vector.outer_tos[i] = class_of(vector, heads, i)
    end: Any = udp + np.int64(load_u16_be(heads, np.int64(vector.head_at[i]) + udp + UDP_LENGTH))
    in_head: Any = min(np.int64(vector.head_length[i]), end)
    set_lengths(vector, i, in_head, end - in_head)
    counters.ports[overlay.port].rx_bytes += np.uint64(end - udp - UDP_BYTES - VXLAN_BYTES)
    return udp + UDP_BYTES


@inlined
def meet_received(vector: Any, overlay: Any, i: int) -> int:
    """Return 0 if frame ``i``, as a device of the tunnel's has received it, begins with a VXLAN header; -1 if it is of
    another port, or was dropped. What parsing has read of it was not its Ethernet header."""
    if vector.in_port[i] != overlay.port:
        return -1
    vector.verdict[i] = FORWARD
    vector.reason[i] = 0
    if vector.length[i] < VXLAN_BYTES + ETHERNET_BYTES:
        drop(vector, i, VXLAN_TRUNCATED)
        return -1
    return 0


@inlined
def open_frame(vector: Any, heads: Any, tables: Any, i: int, begins: int) -> bool:
    """Strip frame ``i``, whose VXLAN header begins at byte ``begins``, and check what it says; False if it was
    dropped."""
    overlay = tables.overlay
    word = load_u64_be(heads, np.int64(vector.head_at[i]) + begins)
    if not strip_outer(vector, heads, i, begins + VXLAN_BYTES):
        drop(vector, i, OVERSIZE)
        return False
    reason = reason_against_header(vector, tables, i, word)
    if reason != PASSED:
        drop(vector, i, reason)
        return False
    is_tagged = vector.ether_type[i] in (TYPE_VLAN, TYPE_SERVICE_VLAN)
    if is_tagged and overlay.keeps_tags[vector.domain[i]] == 0:
        drop(vector, i, INNER_VLAN)
        return False
    if not combine_classes(vector, heads, i, np.int64(vector.outer_tos[i])):
        drop(vector, i, ECN_CONFLICT)
        return False
    note_claims(vector, heads, tables.remotes, i)
    return True


@inlined
def reason_against_header(vector: Any, tables: Any, i: int, word: Any) -> int:
    """Return why the VXLAN header ``word`` of frame ``i`` opens nothing, or PASSED. Writes: remote, domain, group.

    Reserved bits are ignored (RFC 7348 section 5).
    """
    if word & HAS_VNI == 0:
        return VXLAN_NO_VNI
    vector.remote[i] = find_vtep(tables.remotes, vector.source_high[i], vector.source_low[i])
    if vector.remote[i] == NO_PEER:
        return UNKNOWN_PEER
    vector.domain[i] = find_domain(tables.overlay, vni_of(word))
    if vector.domain[i] == 0 or not is_member(tables.remotes, vector.domain[i], np.int64(vector.remote[i])):
        return UNKNOWN_VNI
    vector.group[i] = group_of(word) if tables.overlay.has_groups else 0
    return PASSED


@inlined
def strip_outer(vector: Any, heads: Any, i: int, count: int) -> bool:
    """Take the first ``count`` bytes off frame ``i``, and read the Ethernet header behind them as ``parse_frames``
    would; False if what is left is more than the fabric carries."""
    at = np.int64(vector.head_at[i]) + count
    vector.head_at[i] = at
    vector.head_length[i] -= count
    vector.length[i] -= count
    vector.destination_mac[i] = load_u64(heads, at) & MAC_MASK
    vector.source_mac[i] = load_u64(heads, at + 4) >> _SOURCE_SHIFT
    vector.ether_type[i] = load_u16_be(heads, at + ETHERNET_TYPE)
    was_superframe = is_superframe(heads, i * SLOT_BYTES)
    if not pull_headers(heads, i * SLOT_BYTES, count) and was_superframe:  # Of datagrams of the underlay, not of inner
        return False  # segments.
    return vector.length[i] <= MAX_FRAME_BYTES or was_superframe

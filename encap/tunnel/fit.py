"""What has to become of a frame before it can be wrapped: no larger than the tunnel carries, and complete."""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.fragment.cut import cut_packet
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16
from dataplane.originate import set_lengths
from dataplane.packet.kernels import parse_packet
from dataplane.packet.superframes import largest_packet
from dataplane.packet.tables import PACKET
from dataplane.router.complaints import SAY_TOO_BIG, refuse
from dataplane.router.packets import may_not_be_cut
from dataplane.router.view import interfaces_of
from dataplane.superframe.cut import cut_superframe
from dataplane.superframe.deferred import complete_checksum
from dataplane.vector import SLOT_BYTES
from dataplane.verdict import BURST_FULL, MALFORMED_TRANSPORT, PACKET_TOO_BIG
from dataplane.virtio import HEADER_LENGTH, SEGMENT_BYTES, clear_virtio, is_superframe
from dataplane.wire import ETHERNET_BYTES

FITS = 0


@inlined
def is_small(vector: Any, i: int, mtu: Any) -> Any:
    """Whether whatever frame ``i`` carries is no larger than ``mtu``."""
    return np.int64(vector.length[i]) - ETHERNET_BYTES <= np.int64(mtu)


@inlined
def is_complete(heads: Any, i: int) -> bool:
    """Whether frame ``i`` leaves nothing to a device."""
    return load_u16(heads, i * SLOT_BYTES) == 0


@kernel
def reason_against_size(vector: Any, heads: Any, i: int, mtu: Any) -> int:
    """Return PACKET_TOO_BIG if frame ``i`` is larger than ``mtu`` and may not be cut, else FITS.

    Superframes are cut as their device asked for. Writes: the packet's columns.
    """
    is_packet = parse_packet(vector, heads, i) == PACKET
    if is_superframe(heads, i * SLOT_BYTES):
        return FITS if largest_in_superframe(vector, heads, i, is_packet) <= mtu else PACKET_TOO_BIG
    if not is_packet:
        return FITS if is_small(vector, i, mtu) else PACKET_TOO_BIG
    return PACKET_TOO_BIG if vector.packet_bytes[i] > mtu and may_not_be_cut(vector, heads, i) else FITS


@kernel
def make_fit(vector: Any, arena: Any, i: int, mtu: Any) -> int:
    """Make frame ``i``, which nothing speaks against, one that fits and is complete; return why it cannot be, or FITS.

    A superframe is cut, and an IPv4 packet that is too large (RFC 791 section 3.2): into the frame itself and frames
    that are appended to the vector. A checksum that was left to a device is computed. What lies behind a packet is cut
    off. Writes: the packet's columns.
    """
    heads, slot = arena.heads, i * SLOT_BYTES
    if is_superframe(heads, slot):
        return FITS if cut_superframe(vector, arena, i) else BURST_FULL
    if parse_packet(vector, heads, i) == PACKET:
        trim(vector, i)
        if not is_small(vector, i, mtu):
            return FITS if cut_packet(vector, arena, i, mtu) else BURST_FULL
    at: Any = np.int64(vector.head_at[i])
    head: Any = np.int64(vector.head_length[i])
    if not complete_checksum(heads, arena.tails, slot, at, head, vector.length[i] - head):
        return MALFORMED_TRANSPORT
    clear_virtio(heads, slot)
    return FITS


@inlined
def trim(vector: Any, i: int) -> None:
    """Cut off what lies behind the packet of frame ``i``."""
    whole: Any = ETHERNET_BYTES + np.int64(vector.packet_bytes[i])
    if whole < np.int64(vector.length[i]):
        in_head: Any = min(np.int64(vector.head_length[i]), whole)
        set_lengths(vector, i, in_head, whole - in_head)


@inlined
def largest_in_superframe(vector: Any, heads: Any, i: int, is_packet: bool) -> Any:
    """Return the bytes of the largest packet that superframe ``i`` becomes; behind a tag, its device says how much of
    it are headers."""
    if is_packet:
        return largest_packet(vector, heads, i)
    headers = np.int64(load_u16(heads, i * SLOT_BYTES + HEADER_LENGTH))
    return headers - ETHERNET_BYTES + np.int64(load_u16(heads, i * SLOT_BYTES + SEGMENT_BYTES))


@kernel
def refuse_too_big(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, mtu: Any) -> None:
    """Drop frame ``i``, and tell its sender, if it is a packet of a station here, what size fits (RFC 1191, RFC 8201).

    The network's gateway tells it: where there is none, or the packet is the router's own, nobody does.
    """
    interfaces = interfaces_of(router)
    number = interfaces.of_domain[vector.domain[i]]
    is_ours = vector.source_mac[i] == interfaces.interface[number].mac
    is_of_station = number != 0 and not is_ours and vector.in_port[i] != tables.overlay.port
    if not is_of_station or parse_packet(vector, arena.heads, i) != PACKET:
        drop(vector, i, PACKET_TOO_BIG)
        return
    vector.interface[i] = number
    vector.destination_mac[i] = interfaces.interface[number].mac  # Who answers.
    refuse(vector, arena, router, tables.switches, egress, i, PACKET_TOO_BIG, SAY_TOO_BIG, mtu)

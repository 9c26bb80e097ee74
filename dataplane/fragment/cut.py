"""Cutting an IPv4 packet that is too large for its way out (RFC 791 section 3.2)::

    | Ethernet | IP header, all options     | first bytes     |      the frame itself
    | Ethernet | IP header, copied options  | next bytes      |      frames of the fabric's own
    | …                                     | last bytes      |

All but the last carry a multiple of eight bytes. A packet that is a fragment itself is cut in the same way.
"""

from typing import Any

import numpy as np

from dataplane.checksum import sum_bytes
from dataplane.icmp.headers import write_checksum
from dataplane.jit import kernel
from dataplane.memory import copy_bytes, load_u16_be, store_u16_be
from dataplane.originate import describe_alike, originate_frame, set_lengths
from dataplane.superframe.deferred import complete_checksum
from dataplane.vector import EXTRA_FRAMES, FIRST_FRAGMENT, HEAD_BYTES, LATER_FRAGMENT, SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio, is_superframe
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV4_CHECKSUM,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_TOTAL_LENGTH,
)

_UNIT = 8
_OPTION_END = 0
_OPTION_NOTHING = 1
_OPTION_COPIED = 0x80


@kernel
def cut_packet(vector: Any, arena: Any, i: int, mtu: int) -> bool:
    """Cut frame ``i``, an IPv4 packet of more than ``mtu`` bytes: itself into the first fragment, frames that are
    appended to the vector into the others. False, and nothing changed, if it may not be cut, or has no room.

    Call it last: what is appended has frame ``i``'s Ethernet header, domain, MACs, port and time, and its cause; its
    verdict is ORIGINATED. A checksum that was left for a device is computed. Superframes are not cut: they are a
    device's to cut into packets first. Reads: packet_bytes; all of the frame. Writes: the lengths, packet_bytes and
    fragment; transport_at and ports of what is appended are 0.
    """
    heads = arena.heads
    packet: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    header: Any = (np.int64(heads[packet]) & 15) << 2
    total: Any = np.int64(vector.packet_bytes[i])
    copied = IPV4_BYTES + copied_bytes(heads, packet, header)
    first = (mtu - header) // _UNIT * _UNIT
    each = (mtu - copied) // _UNIT * _UNIT
    placed: Any = np.int64(load_u16_be(heads, packet + IPV4_FRAGMENT))
    if vector.is_ipv6[i] or placed & IPV4_DONT_FRAGMENT or is_superframe(heads, i * SLOT_BYTES):
        return False
    if first <= 0 or header + first >= total:
        return False
    rest = total - header - first
    if (rest + each - 1) // each > EXTRA_FRAMES - (vector.count - vector.received):
        return False
    frame, end = packet - ETHERNET_BYTES, ETHERNET_BYTES + total
    in_head: Any = min(np.int64(vector.head_length[i]), end)
    if not complete_checksum(heads, arena.tails, i * SLOT_BYTES, frame, in_head, end - in_head):
        return False
    offset = placed & IPV4_OFFSET_MASK
    for k in range((rest + each - 1) // each):
        count: Any = min(each, rest - k * each)
        is_last = k * each + count == rest
        more = (placed & IPV4_MORE_FRAGMENTS) if is_last else IPV4_MORE_FRAGMENTS
        j = append_fragment(vector, arena, i, header, copied, first + k * each, count)
        part: Any = np.int64(vector.head_at[j]) + ETHERNET_BYTES
        write_place(heads, part, copied, copied + count, (offset + (first + k * each) // _UNIT) | more)
    shorten(vector, heads, i, header + first)
    write_place(heads, packet, header, header + first, offset | IPV4_MORE_FRAGMENTS)
    return True


@kernel
def copied_bytes(heads: Any, packet: int, header: int) -> Any:
    """Return how many bytes the options that all fragments carry take, padded."""
    count = 0
    at = IPV4_BYTES
    for _ in range(IPV4_BYTES, header):
        length = option_length(heads, packet, at, header)
        if length == 0:
            break
        if heads[packet + at] & _OPTION_COPIED:
            count += length
        at += length
    return (count + 3) & ~3


@kernel
def option_length(heads: Any, packet: int, at: int, header: int) -> Any:
    """Return how many bytes the option ``at`` bytes into a header takes, 0 behind the last or if it is not in order."""
    if at >= header or heads[packet + at] == _OPTION_END:
        return 0
    if heads[packet + at] == _OPTION_NOTHING:
        return 1
    if at + 1 >= header:
        return 0
    length = np.int64(heads[packet + at + 1])
    return length if 2 <= length <= header - at else 0


@kernel
def append_fragment(vector: Any, arena: Any, i: int, header: int, copied: int, start: int, count: int) -> Any:
    """Append a frame with frame ``i``'s headers, of the IP header ``copied`` bytes, and ``count`` bytes of its payload
    from ``start`` on; return it. There is room."""
    cause: Any = np.int64(vector.cause[i])
    j = originate_frame(vector, arena.heads, cause)
    origin: Any = np.int64(vector.head_at[i])
    to: Any = np.int64(vector.head_at[j])
    copy_bytes(arena.heads, to, arena.heads, origin, ETHERNET_BYTES + IPV4_BYTES)
    write_copied_options(arena.heads, origin + ETHERNET_BYTES, header, to + ETHERNET_BYTES, copied)
    at = ETHERNET_BYTES + header + start
    in_head: Any = min(count, HEAD_BYTES - ETHERNET_BYTES - copied)
    copy_payload(vector, arena, i, at, arena.heads, to + ETHERNET_BYTES + copied, in_head)
    copy_payload(vector, arena, i, at + in_head, arena.tails, j * SPILL_BYTES, count - in_head)
    set_lengths(vector, j, ETHERNET_BYTES + copied + in_head, count - in_head)
    vector.packet_bytes[j] = copied + count
    describe_alike(vector, i, j)
    vector.fragment[j] = LATER_FRAGMENT
    vector.transport_at[j] = 0
    vector.ports[j] = 0
    return j


@kernel
def write_copied_options(heads: Any, origin: int, header: int, to: int, copied: int) -> None:
    """Write the options that all fragments carry behind the fixed header at ``to``, padded to ``copied`` bytes."""
    at, put = IPV4_BYTES, IPV4_BYTES
    for _ in range(IPV4_BYTES, header):
        length = option_length(heads, origin, at, header)
        if length == 0:
            break
        if heads[origin + at] & _OPTION_COPIED:
            copy_bytes(heads, to + put, heads, origin + at, length)
            put += length
        at += length
    for padding in range(put, copied):
        heads[to + padding] = _OPTION_END


@kernel
def copy_payload(vector: Any, arena: Any, i: int, at: int, target: Any, to: int, count: int) -> None:
    """Copy ``count`` bytes of frame ``i`` from its byte ``at`` on, which may lie in its head and in its tail."""
    head: Any = np.int64(vector.head_length[i])
    in_head: Any = min(max(head - at, 0), count)
    if in_head > 0:
        copy_bytes(target, to, arena.heads, np.int64(vector.head_at[i]) + at, in_head)
    if count > in_head:
        copy_bytes(target, to + in_head, arena.tails, i * SPILL_BYTES + max(at - head, 0), count - in_head)


@kernel
def shorten(vector: Any, heads: Any, i: int, total: int) -> None:
    """Cut frame ``i`` to the first ``total`` bytes of its packet."""
    head: Any = min(np.int64(vector.head_length[i]), ETHERNET_BYTES + total)
    set_lengths(vector, i, head, ETHERNET_BYTES + total - head)
    vector.packet_bytes[i] = total
    if vector.fragment[i] != LATER_FRAGMENT:
        vector.fragment[i] = FIRST_FRAGMENT
    clear_virtio(heads, i * SLOT_BYTES)


@kernel
def write_place(heads: Any, packet: int, header: int, total: int, placed: int) -> None:
    """Write what makes a fragment of the header at ``packet``: its lengths, the fragment field, its checksum."""
    heads[packet] = 4 << 4 | header >> 2
    store_u16_be(heads, packet + IPV4_TOTAL_LENGTH, np.uint16(total))
    store_u16_be(heads, packet + IPV4_FRAGMENT, np.uint16(placed))
    store_u16_be(heads, packet + IPV4_CHECKSUM, np.uint16(0))
    write_checksum(heads, packet + IPV4_CHECKSUM, sum_bytes(heads, packet, header))

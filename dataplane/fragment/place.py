"""Where in its packet a fragment lies, and which bytes have passed."""

from typing import Any

import numpy as np

from dataplane.fragment.tables import MOST_BYTES, UNIT_BYTES
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, load_u16_be, load_u32_be
from dataplane.packet.tables import EXTENSION_HEADERS
from dataplane.vector import LATER_FRAGMENT
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_FRAGMENT,
    IPV4_ID,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV6_BYTES,
    IPV6_FRAGMENT_BYTES,
    IPV6_FRAGMENT_ID,
    IPV6_FRAGMENT_OFFSET,
    IPV6_MORE_FRAGMENTS,
    IPV6_NEXT_HEADER,
    IPV6_OFFSET_MASK,
    NEXT_FRAGMENT,
)

FITS = 0
SEEN = 1
"""All of it has passed before."""
CLASHES = 2

_ATTEMPTS = 1024
"""Each further attempt means that another worker came between."""
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ZERO = np.uint64(0)
_LOW = np.uint64(0xFFFF_FFFF)
_TOTAL_SHIFT = np.uint64(32)


@kernel
def read_place(vector: Any, heads: Any, i: int) -> Any:
    """Return identification, first byte, end (both from the fragmentable part's start) and whether it is the last, of
    the fragment that frame ``i`` is; an end of 0 if no fragment can lie there.

    Precondition: ``parse_packet`` found a fragment.
    """
    packet: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    total: Any = np.int64(vector.packet_bytes[i])
    if vector.is_ipv6[i]:
        offset: Any = fragment_header(heads, packet)
        placed: Any = np.int64(load_u16_be(heads, packet + offset + IPV6_FRAGMENT_OFFSET))
        identification: Any = np.int64(load_u32_be(heads, packet + offset + IPV6_FRAGMENT_ID))
        start = placed & IPV6_OFFSET_MASK
        is_last = placed & IPV6_MORE_FRAGMENTS == 0
        count = total - offset - IPV6_FRAGMENT_BYTES
    else:
        placed = np.int64(load_u16_be(heads, packet + IPV4_FRAGMENT))
        identification = np.int64(load_u16_be(heads, packet + IPV4_ID))
        start = (placed & IPV4_OFFSET_MASK) * UNIT_BYTES
        is_last = placed & IPV4_MORE_FRAGMENTS == 0
        count = total - ((np.int64(heads[packet]) & 15) << 2)
    end = start + count
    is_later = vector.fragment[i] == LATER_FRAGMENT
    if count <= 0 or end > MOST_BYTES or (not is_last and count % UNIT_BYTES) or is_later != (start != 0):
        end = 0
    return identification, start, end, is_last


@kernel
def fragment_header(heads: Any, packet: int) -> Any:
    """Return the offset of the fragment header in the IPv6 packet at ``packet``, which has one in its head."""
    following = np.int64(heads[packet + IPV6_NEXT_HEADER])
    offset: Any = IPV6_BYTES
    for _ in range(EXTENSION_HEADERS):
        if following == NEXT_FRAGMENT:
            break
        following = np.int64(heads[packet + offset])
        offset += (np.int64(heads[packet + offset + 1]) + 1) << 3
    return offset


@kernel
def fit(entry: Any, start: int, end: int, is_last: bool) -> int:
    """Say how bytes ``start`` … ``end`` of a packet lie to those that have passed: FITS, SEEN or CLASHES."""
    if extended(load_acquire(entry.extent, 0), end, is_last) == _ZERO:
        return CLASHES
    code = FITS
    for k in range(first_word(start), behind_words(end)):
        bits = bits_of(start, end, k)
        common = load_acquire(entry.units, k) & bits
        part = FITS if common == _ZERO else SEEN if common == bits else CLASHES
        if k == first_word(start):
            code = part
        if part != code:
            return CLASHES
    return code


@kernel
def occupy(entry: Any, start: int, end: int, is_last: bool) -> bool:
    """Note that bytes ``start`` … ``end`` of a packet pass; False if some of them have just passed elsewhere."""
    if not extend(entry, end, is_last):
        return False
    for k in range(first_word(start), behind_words(end)):
        if not set_bits(entry, k, bits_of(start, end, k)):
            return False
    fetch_add(entry.covered_units, 0, np.uint64((end + UNIT_BYTES - 1) // UNIT_BYTES - start // UNIT_BYTES))
    return True


@inlined
def first_word(start: int) -> int:
    """Return which word has the bit of byte ``start``."""
    return start // (UNIT_BYTES * 64)


@inlined
def behind_words(end: int) -> int:
    """Return the number of the word behind those with bits of the bytes up to ``end``."""
    return (end - 1) // (UNIT_BYTES * 64) + 1


@inlined
def bits_of(start: int, end: int, k: int) -> Any:
    """Return the bits of bytes ``start`` … ``end`` that lie in word ``k``, in which some do."""
    low = max(start // UNIT_BYTES - 64 * k, 0)
    high = min((end + UNIT_BYTES - 1) // UNIT_BYTES - 64 * k, 64)
    return (_ALL >> np.uint64(64 - (high - low))) << np.uint64(low)


@kernel
def set_bits(entry: Any, k: int, bits: Any) -> bool:
    """Set bits of one word; False if any of them was set."""
    for _ in range(_ATTEMPTS):
        before = load_acquire(entry.units, k)
        if before & bits != _ZERO:
            return False
        if compare_and_swap(entry.units, k, before, before | bits):
            return True
    return False


@kernel
def extend(entry: Any, end: int, is_last: bool) -> bool:
    """Note how far a fragment reaches; False if its packet ends elsewhere."""
    for _ in range(_ATTEMPTS):
        before = load_acquire(entry.extent, 0)
        after = extended(before, end, is_last)
        if after == _ZERO:
            return False
        if before == after or compare_and_swap(entry.extent, 0, before, after):
            return True
    return False


@inlined
def extended(extent: Any, end: int, is_last: bool) -> Any:
    """Return what becomes of a packet's extent by a fragment up to ``end``, or 0 if the packet ends elsewhere."""
    furthest: Any = np.int64(extent & _LOW)
    total: Any = np.int64(extent >> _TOTAL_SHIFT)
    if is_last:
        if furthest > end or (total != 0 and total != end):
            return _ZERO
        total = end
    elif total != 0 and end > total:
        return _ZERO
    return np.uint64(total) << _TOTAL_SHIFT | np.uint64(max(furthest, end))


@inlined
def is_complete(entry: Any) -> bool:
    """Whether all fragments of a packet have passed."""
    total = np.int64(load_acquire(entry.extent, 0) >> _TOTAL_SHIFT)
    units = (total + UNIT_BYTES - 1) // UNIT_BYTES
    return total != 0 and np.int64(load_acquire(entry.covered_units, 0)) == units

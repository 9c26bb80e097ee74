"""The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words, whole and by difference (RFC 1624).

A *sum* here is a uint64 that holds unfolded ones' complement arithmetic: it may be added to other sums, and is folded
to 16 bits at the end. Words are taken in network byte order.
"""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, store_u16_be

_WORD = np.uint64(0xFFFF)
_HALF = np.uint64(0xFFFF_FFFF)
_16 = np.uint64(16)
_32 = np.uint64(32)
_BYTE = np.uint64(8)


@inlined
def fold(total: Any) -> Any:
    """Return a sum as 16 bits."""
    total = (total & _HALF) + (total >> _32)
    total = (total & _WORD) + (total >> _16)
    total = (total & _WORD) + (total >> _16)
    return (total & _WORD) + (total >> _16)


@kernel
def sum_bytes(heads: Any, at: int, count: int) -> Any:
    """Return the sum of ``count`` bytes at ``at``; an odd last byte counts as the first of a word (RFC 1071)."""
    total = np.uint64(0)
    for k in range(count >> 2):
        total += np.uint64(load_u32_be(heads, at + 4 * k))
    rest = at + (count & ~3)
    if count & 2:
        total += np.uint64(load_u16_be(heads, rest))
        rest += 2
    if count & 1:
        total += np.uint64(heads[rest]) << _BYTE
    return total


@inlined
def sum_behind(count: int, total: Any) -> Any:
    """Return what the sum ``total`` of some bytes is worth where they follow ``count`` others: behind an odd number
    each of them is the other half of its word (RFC 1071 section 2.B)."""
    if count & 1 == 0:
        return total
    folded = np.uint64(fold(total))
    return (folded << _BYTE & _WORD) | folded >> _BYTE


@kernel
def sum_split(heads: Any, at: int, count: int, tails: Any, tail_at: int, tail_count: int) -> Any:
    """Return the sum of bytes that begin in a head and go on in a tail, where they may begin amid a word."""
    return sum_bytes(heads, at, count) + sum_behind(count, sum_bytes(tails, tail_at, tail_count))


@inlined
def sum_of(value: Any) -> Any:
    """Return the sum of the four words of a uint64."""
    return (value & _HALF) + (value >> _32)


@inlined
def difference(old: Any, new: Any) -> Any:
    """Return what a sum grows by when words that add up to the sum ``old`` become words that add up to ``new``."""
    return np.uint64(fold(new)) + (np.uint64(fold(old)) ^ _WORD)


@inlined
def adjust_checksum(heads: Any, at: int, grown: Any) -> None:
    """Change the checksum field at ``at`` by how much the sum of what it covers has grown (RFC 1624, equation 3)."""
    before = np.uint64(load_u16_be(heads, at)) ^ _WORD
    store_u16_be(heads, at, np.uint16(fold(before + grown) ^ _WORD))

"""Finding routes, over vectors and one at a time. ``tables.py`` has the theory of operation.

Over a vector, all addresses take the same step before any takes the next: each step asks the caches for what the next
one reads, and there is no branch that depends on an address.
"""

from typing import Any

import numpy as np

from dataplane.jit import JIT_DISABLED, inlined, kernel
from dataplane.memory import prefetch
from dataplane.route.tables import GROUP_MASK, IPV4_BITS, IPV6_BITS, NODE, ROOT_BITS, STRIDE

_NODE = np.uint32(NODE)
_REF = np.uint32(NODE - 1)
_GROUP = np.uint32(GROUP_MASK)
_WORD_BITS = np.uint64(32)
_LOW_WORD = np.uint64(0xFFFF_FFFF)
_ONE = np.uint64(1)
_LAST = np.uint64(63)
_ENTRY = np.uint64((1 << STRIDE) - 1)
_ROOT_OF_32 = np.uint64(32 - ROOT_BITS)
_ROOT_OF_64 = np.uint64(64 - ROOT_BITS)

if JIT_DISABLED:

    def count_ones(bits: Any) -> Any:
        return np.uint64(int(bits).bit_count())

else:

    @inlined
    def count_ones(bits: Any) -> Any:
        """Return how many of 64 bits are 1. LLVM knows this way of counting and makes one instruction of it."""
        bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555_5555_5555_5555))
        bits = (bits & np.uint64(0x3333_3333_3333_3333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333_3333_3333_3333))
        bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F_0F0F_0F0F_0F0F)
        return (bits * np.uint64(0x0101_0101_0101_0101)) >> np.uint64(56)


@inlined
def entry4(address: int, depth: int) -> int:
    """Return the bits ``depth`` … ``depth + 5`` of an IPv4 address; what lies beyond its end is 0."""
    return ((np.uint64(address) << _WORD_BITS) >> np.uint64(64 - STRIDE - depth)) & _ENTRY


@inlined
def entry6(high: int, low: int, depth: int) -> int:
    """Return the bits ``depth`` … ``depth + 5`` of an IPv6 address; what lies beyond its end is 0."""
    if depth <= 64 - STRIDE:
        return (high >> np.uint64(64 - STRIDE - depth)) & _ENTRY
    if depth < 64:
        return ((high << np.uint64(depth + STRIDE - 64)) | (low >> np.uint64(128 - STRIDE - depth))) & _ENTRY
    if depth <= 128 - STRIDE:
        return (low >> np.uint64(128 - STRIDE - depth)) & _ENTRY
    return (low << np.uint64(depth + STRIDE - 128)) & _ENTRY


@inlined
def step_down(units: Any, word: int, entry: int) -> int:
    """Return the word of ``entry`` in the block that ``word`` refers to."""
    ref = np.int64(word & _REF)
    run = count_ones(units[ref] << (_LAST - entry)) - _ONE
    pair = units[ref + 1 + np.int64(run >> _ONE)]
    return np.uint32((pair >> ((run & _ONE) * _WORD_BITS)) & _LOW_WORD)


@inlined
def root_word4(fib: Any, address: int) -> int:
    """Return the root's word for an IPv4 address (uint32 in host order)."""
    return fib.root[np.int64(np.uint64(address) >> _ROOT_OF_32)]


@inlined
def root_word6(fib: Any, high: int) -> int:
    """Return the root's word for an IPv6 address, by its upper half."""
    return fib.root[np.int64(np.uint64(high) >> _ROOT_OF_64)]


@inlined
def keep_group(word: int) -> int:
    """Return the next-hop group of a leaf's word."""
    return word & _GROUP


@inlined
def find_route4(fib: Any, address: int) -> int:
    """Return the next-hop group for an IPv4 address (uint32 in host order), 0 if no route covers it."""
    word = root_word4(fib, address)
    depth = ROOT_BITS
    while word & _NODE and depth < IPV4_BITS:
        word = step_down(fib.units, word, entry4(address, depth))
        depth += STRIDE
    return keep_group(word)


@inlined
def find_route6(fib: Any, high: int, low: int) -> int:
    """Return the next-hop group for an IPv6 address (two uint64 in host order), 0 if no route covers it."""
    word = root_word6(fib, high)
    depth = ROOT_BITS
    while word & _NODE and depth < IPV6_BITS:
        word = step_down(fib.units, word, entry6(high, low, depth))
        depth += STRIDE
    return keep_group(word)


@kernel
def find_routes4(fib: Any, address: Any, group: Any, waiting: Any, count: int) -> None:
    """Find the next-hop group of ``count`` IPv4 addresses.

    ``address``: uint32 in host order; ``group``: uint32, written, 0 where no route covers the address; ``waiting``:
    uint16, scratch. Each has ``count`` entries or more.
    """
    left = 0
    for i in range(count):
        word = root_word4(fib, address[i])
        left = note_word(fib.units, group, waiting, i, left, word)
    descend4(fib.units, address, group, waiting, left)
    keep_groups(group, count)


@kernel
def find_routes6(fib: Any, high: Any, low: Any, group: Any, waiting: Any, count: int) -> None:
    """Find the next-hop group of ``count`` IPv6 addresses.

    ``high``, ``low``: uint64 in host order; ``group``: uint32, written, 0 where no route covers the address;
    ``waiting``: uint16, scratch. Each has ``count`` entries or more.
    """
    left = 0
    for i in range(count):
        word = root_word6(fib, high[i])
        left = note_word(fib.units, group, waiting, i, left, word)
    descend6(fib.units, high, low, group, waiting, left)
    keep_groups(group, count)


@inlined
def descend4(units: Any, address: Any, group: Any, waiting: Any, left: int) -> None:
    """Take the ``left`` addresses that are ``waiting`` from the root's words in ``group`` down to leaves.

    Of ``address`` the lower 32 bits count.
    """
    depth = ROOT_BITS
    while left > 0 and depth < IPV4_BITS:
        asked = left
        left = 0
        for k in range(asked):
            i = np.int64(waiting[k])
            word = step_down(units, group[i], entry4(address[i], depth))
            left = note_word(units, group, waiting, i, left, word)
        depth += STRIDE


@inlined
def descend6(units: Any, high: Any, low: Any, group: Any, waiting: Any, left: int) -> None:
    """Do the same for IPv6."""
    depth = ROOT_BITS
    while left > 0 and depth < IPV6_BITS:
        asked = left
        left = 0
        for k in range(asked):
            i = np.int64(waiting[k])
            word = step_down(units, group[i], entry6(high[i], low[i], depth))
            left = note_word(units, group, waiting, i, left, word)
        depth += STRIDE


@inlined
def note_word(units: Any, group: Any, waiting: Any, i: int, left: int, word: int) -> int:
    """Keep the word that address ``i`` has come to; if it refers to a block, that address is one more ``left``."""
    group[i] = word
    waiting[left] = i
    is_node = np.int64(word >> np.uint32(31))
    prefetch(units, np.int64(word & _REF) * is_node)
    return left + is_node


@inlined
def keep_groups(group: Any, count: int) -> None:
    """Take the prefix lengths out of the words of all addresses."""
    for i in range(count):
        group[i] &= _GROUP

"""Tables of routes for tests: strategies for routes that crowd one another, and look-ups of all kinds at once."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from dataplane.jit import kernel
from dataplane.route.build import Route, RouteWriter
from dataplane.route.kernels import find_route4, find_route6, find_routes4, find_routes6
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, ROOT_SLOTS, Fib, make_fib

WIDTHS = (IPV4_BITS, IPV6_BITS)
LOW = 0xFFFF_FFFF_FFFF_FFFF


class Silence:
    """Nobody reads: every period of grace is over as soon as it begins."""

    def begin(self) -> int:
        return 0

    def is_over(self, period: int) -> bool:
        return True


class Hand:
    """Periods of grace that the test ends by hand: the first ``over`` are over at once."""

    def __init__(self, over: int = 0) -> None:
        self.begun = 0
        self.over = over

    def begin(self) -> int:
        self.begun += 1
        return self.begun

    def is_over(self, period: int) -> bool:
        return period <= self.over


def make_writer(width: int, routes: Iterable[Route] = (), limit: int = 1000) -> RouteWriter:
    """Return the writer of a table of its own."""
    writer = RouteWriter(make_fib(limit, width), width, limit, Silence())
    for route in routes:
        writer.add(route)
    return writer


@st.composite
def prefixes(draw: st.DrawFn, width: int) -> tuple[int, int]:
    """Draw a prefix: of any length, often at a boundary of a level, and near a few places so that many nest."""
    boundaries = [b for b in range(17, width + 1) if (b - 18) % 6 in (0, 1, 5)] + [0, 1, width - 1, width]
    length = draw(st.one_of(st.integers(0, width), st.sampled_from(boundaries)))
    place = draw(st.sampled_from([0, 1 << width - 8, (1 << width) - 1, 0xA5A5 << width - 16]))
    changed = draw(st.one_of(st.just(0), st.integers(0, width - 1).map(lambda bit: 1 << bit)))
    beyond = width - length
    return (place ^ changed) >> beyond << beyond, length


def routes(width: int) -> st.SearchStrategy[Route]:
    """Return a strategy for routes to few groups."""
    return st.builds(lambda prefix, group: Route(*prefix, group), prefixes(width), st.integers(1, 3))


def edges(found: Iterable[tuple[int, int]], width: int) -> list[int]:
    """Return the addresses at the edges of prefixes: the first, the last, and those beside them."""
    addresses = {0, (1 << width) - 1}
    for address, length in found:
        last = address | (1 << width - length) - 1
        addresses |= {address - 1, address, address + 1, last - 1, last, last + 1}
    return sorted(address for address in addresses if 0 <= address < 1 << width)


@kernel
def call_find4(fib: Any, address: int) -> int:
    return find_route4(fib, address)


@kernel
def call_find6(fib: Any, high: int, low: int) -> int:
    return find_route6(fib, high, low)


def look_up(fib: Fib, addresses: list[int], width: int) -> list[int]:
    """Return the groups of addresses, as a vector; at least one of them is looked up by itself as well."""
    count = len(addresses)
    group, waiting = np.full(count, 0xFFFF_FFFF, np.uint32), np.zeros(count, np.uint16)
    if width == IPV4_BITS:
        column = np.array(addresses, np.uint32)
        find_routes4(fib, column, group, waiting, count)
        alone = [int(call_find4(fib, address)) for address in column]
    else:
        high = np.array([address >> 64 for address in addresses], np.uint64)
        low = np.array([address & LOW for address in addresses], np.uint64)
        find_routes6(fib, high, low, group, waiting, count)
        alone = [int(call_find6(fib, *halves)) for halves in zip(high, low, strict=True)]
    assert alone == group.tolist(), "one at a time as in a vector"
    return alone


def shape(fib: Fib, word: int) -> Any:
    """Return what stands at a word: a leaf's number, or the bitmap and the shapes of a block."""
    if word < 1 << 31:
        return word
    ref = word & (1 << 31) - 1
    bitmap = int(fib.units[ref])
    runs = fib.units.view(np.uint32)[2 * ref + 2 :][: bitmap.bit_count()].tolist()
    assert bitmap & 1
    assert len(runs) > 1, "a block holds more than one leaf"
    assert all(a != b for a, b in pairwise(runs)), "neighbours differ"
    return bitmap, tuple(shape(fib, run) for run in runs)


def shapes(fib: Fib) -> dict[int, Any]:
    """Return the whole trie, wherever its blocks lie: the shape at each slot of the root that is not empty."""
    assert len(fib.root) == ROOT_SLOTS
    return {int(slot): shape(fib, int(fib.root[slot])) for slot in np.flatnonzero(fib.root)}

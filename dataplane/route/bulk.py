"""A whole trie at once, level by level, with numpy: a million routes in about a second.

Downwards, a level holds all 64 entries of each of its blocks: what was inherited from above, painted over with the
routes that end here, shorter ones first. Upwards, equal neighbours become runs and blocks of one leaf disappear.
The routes are taken some ten thousands at a time, so that the levels stay small.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dataplane.route.tables import FANOUT, LENGTH_SHIFT, NODE, ROOT_BITS, ROOT_SLOTS, STRIDE

PORTION = 50_000
"""About how many routes are worked on at a time; those of one slot of the root stay together."""

_ENTRY = np.uint64(FANOUT - 1)


class Routes(NamedTuple):
    """Routes as columns: the prefix as the upper and lower half of a left-aligned 128-bit number (uint64 each, bits
    beyond the length are 0), its length (int64), its next-hop group (uint32)."""

    high: Any
    low: Any
    length: Any
    group: Any

    def chosen(self, which: Any) -> "Routes":
        """Return some of the routes: those of a mask, of a slice, or of indices."""
        return Routes(*(column[which] for column in self))


class Level(NamedTuple):
    """The blocks of one depth: their entries (uint32, FANOUT in a row), and where each stands in the level above."""

    entries: Any
    place_above: Any


def sort_routes(routes: Routes) -> Routes:
    """Return the routes in order of address, then length. Of routes for one prefix the last is kept."""
    if not len(routes.high):
        return routes
    if routes.low.any():
        order = np.lexsort((routes.length, routes.low, routes.high))
    else:
        order = np.lexsort((routes.length, routes.high))
    ordered = routes.chosen(order)
    last = np.ones(len(order), bool)
    last[:-1] = (
        (ordered.high[1:] != ordered.high[:-1])
        | (ordered.length[1:] != ordered.length[:-1])
        | (ordered.low[1:] != ordered.low[:-1])
    )
    return ordered if last.all() else ordered.chosen(last)


def build_trie(routes: Routes, first_unit: int) -> tuple[Any, Any]:
    """Return the root and the units of the trie for sorted routes; the units will stand from ``first_unit`` on."""
    root = np.zeros(ROOT_SLOTS, np.uint32)
    slots = (routes.high >> np.uint64(64 - ROOT_BITS)).astype(np.int64)
    words = words_of(routes)
    paint(root, slots, words, routes.length, 0, ROOT_BITS)
    deeper = routes.length > ROOT_BITS
    slots, words, routes = slots[deeper], words[deeper], routes.chosen(deeper)
    pieces = []
    for part in portions(slots):
        piece, places, found = build_portion(root, slots[part], routes.chosen(part), words[part], first_unit)
        root[places] = found
        pieces.append(piece)
        first_unit += len(piece)
    return root, np.concatenate([np.empty(0, np.uint64), *pieces])


def words_of(routes: Routes) -> Any:
    """Return the leaf of every route."""
    return (routes.length.astype(np.uint32) << np.uint32(LENGTH_SHIFT)) | routes.group.astype(np.uint32)


def portions(slots: Any) -> Iterator[slice]:
    """Yield slices of about PORTION routes; none ends within a slot."""
    begin = 0
    while begin < len(slots):
        end = int(np.searchsorted(slots, slots[min(begin + PORTION, len(slots)) - 1], "right"))
        yield slice(begin, end)
        begin = end


def paint(entries: Any, places: Any, words: Any, length: Any, above: int, bits: int) -> None:
    """Write the routes of ``above`` < length <= ``above + bits`` over the flat ``entries``, longer ones over shorter.

    ``places``: the first entry that a route covers. A level has 2**bits entries a block.
    """
    for ends_at in range(above + (1 if above else 0), above + bits + 1):
        ending = np.flatnonzero(length == ends_at)
        if len(ending):
            covered = np.arange(1 << (above + bits - ends_at))
            entries[places[ending, None] + covered] = words[ending, None]


def entries_at(routes: Routes, depth: int) -> Any:
    """Return the 6 bits from ``depth`` on of each prefix, as int64."""
    if depth <= 64 - STRIDE:
        found = routes.high >> np.uint64(64 - STRIDE - depth)
    elif depth < 64:
        found = (routes.high << np.uint64(depth + STRIDE - 64)) | (routes.low >> np.uint64(128 - STRIDE - depth))
    elif depth <= 128 - STRIDE:
        found = routes.low >> np.uint64(128 - STRIDE - depth)
    else:
        found = routes.low << np.uint64(depth + STRIDE - 128)
    return (found & _ENTRY).astype(np.int64)


def build_portion(root: Any, slots: Any, routes: Routes, words: Any, first_unit: int) -> tuple[Any, Any, Any]:
    """Return the units for routes that end below the root, the slots of the root that they change, and the words."""
    levels = spread_levels(root, slots, routes, words)
    pieces = []
    for depth in range(len(levels) - 1, -1, -1):
        piece, found = compress(levels[depth].entries, first_unit)
        pieces.append(piece)
        first_unit += len(piece)
        if depth:
            levels[depth - 1].entries.reshape(-1)[levels[depth].place_above] = found
    return np.concatenate(pieces), levels[0].place_above, found


def spread_levels(root: Any, slots: Any, routes: Routes, words: Any) -> list[Level]:
    """Return all levels with all entries; ``slots`` are the routes' places in the root."""
    levels = []
    above, places, depth = root, slots, ROOT_BITS
    while len(places):
        begins = np.ones(len(places), bool)
        np.not_equal(places[1:], places[:-1], out=begins[1:])
        place_above = places[begins]
        entries = np.repeat(above[place_above], FANOUT)
        places = (np.cumsum(begins) - 1) * FANOUT + entries_at(routes, depth)
        paint(entries, places, words, routes.length, depth, STRIDE)
        levels.append(Level(entries.reshape(-1, FANOUT), place_above))
        above = entries
        depth += STRIDE
        deeper = routes.length > depth
        places, words, routes = places[deeper], words[deeper], routes.chosen(deeper)
    return levels


def compress(entries: Any, first_unit: int) -> tuple[Any, Any]:
    """Return the units of the blocks with these entries, and the word for each block: a leaf if it holds no more."""
    begins = np.ones(entries.shape, bool)
    np.not_equal(entries[:, 1:], entries[:, :-1], out=begins[:, 1:])
    bitmaps = np.packbits(begins, axis=1, bitorder="little").view("<u8").reshape(-1)
    runs = np.bitwise_count(bitmaps).astype(np.int64)
    needed = (runs > 1) | (entries[:, 0] >= NODE)
    sizes = np.where(needed, 1 + (runs + 1) // 2, 0)
    at = np.cumsum(sizes) - sizes
    units = np.zeros(int(sizes.sum()), np.uint64)
    units[at[needed]] = bitmaps[needed]
    begins[~needed] = False
    runs[~needed] = 0
    first_run = np.cumsum(runs) - runs
    targets = np.repeat(2 * at + 2 - first_run, runs) + np.arange(int(runs.sum()))
    units.view(np.uint32)[targets] = entries[begins]
    words = np.where(needed, NODE | (first_unit + at), entries[:, 0]).astype(np.uint32)
    return units, words

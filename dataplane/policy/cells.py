"""The writer of the cells: a hash table changed in place, many cells at a time. ``tables.py`` says what readers see.

All of a change is planned before a word is written: in turns, each cell that has no place yet asks for one in the next
bucket on its way, and what a bucket has left is given out in order.
"""

from typing import Any

import numpy as np

from dataplane.policy.tables import (
    BLOCK_BIT,
    CELLS_OF_BUCKET,
    EMPTY,
    LIST_MASK,
    NUMBER_SHIFT,
    PROBE_LIMIT,
    REMOVED,
    ROW_SHIFT,
    SPREAD,
)
from dataplane.route.blocks import TableFullError

_HALF = np.uint64(32)
_NOWHERE = -1


def cell_keys(rows: Any, kinds: Any, numbers: Any) -> Any:
    """Return the words (uint64) of cells, without their lists; ``kinds``: 0 for labels, 1 for blocks."""
    keys = np.asarray(rows, np.uint64) << ROW_SHIFT
    return keys | (np.asarray(kinds, np.uint64) * BLOCK_BIT) | (np.asarray(numbers, np.uint64) << NUMBER_SHIFT)


class CellIndex:
    """Writes ``cells`` (uint64, 2**n of them), of which it is the only writer. It begins with what a former left."""

    def __init__(self, cells: Any, head: Any) -> None:
        self.buckets = cells.reshape(-1, CELLS_OF_BUCKET)
        self.cells = cells
        self.multiplier, self.shift = head.multiplier, head.shift
        self.count = int(np.count_nonzero(cells >> ROW_SHIFT))

    def read(self) -> Any:
        """Return the words of all cells that there are, in no order."""
        return self.cells[self.cells >> ROW_SHIFT != 0]

    def put(self, words: Any) -> Any:
        """Put cells in, or give those that are there another list; return the words that were replaced.

        Each key comes once (``last_of_each``). TableFullError: nothing is changed.
        """
        places = self.find(words)
        is_new = places == _NOWHERE
        places[is_new] = self._plan(words[is_new])
        replaced = self.cells[places[~is_new]]
        self.cells[places] = words
        self.count += int(is_new.sum())
        return replaced

    def remove(self, keys: Any) -> Any:
        """Remove the cells with these keys, each of which comes once; return the words of those that were there."""
        places = self.find(keys)
        keys, places = keys[places != _NOWHERE], places[places != _NOWHERE]
        removed = self.cells[places]
        self.cells[places] = REMOVED
        self.count -= len(places)
        self._tidy(self._passed(keys, places))
        return removed

    def find(self, keys: Any) -> Any:
        """Return the places (int64) of cells, -1 for those that are not there."""
        places = np.full(len(keys), _NOWHERE, np.int64)
        left = np.arange(len(keys))
        at = self._homes(keys)
        wanted = keys >> NUMBER_SHIFT
        for _ in range(PROBE_LIMIT):
            if not len(left):
                break
            found = self.buckets[at]
            matches = found >> NUMBER_SHIFT == wanted[left, None]
            is_here = matches.any(axis=1)
            places[left[is_here]] = at[is_here] * CELLS_OF_BUCKET + matches[is_here].argmax(axis=1)
            goes_on = ~is_here & (found != EMPTY).all(axis=1)
            left, at = left[goes_on], self._next(at[goes_on])
        return places

    def _plan(self, keys: Any) -> Any:
        """Return free places for cells that are not there. TableFullError if one finds none within reach."""
        places = np.full(len(keys), _NOWHERE, np.int64)
        taken = np.zeros(len(self.cells), bool)  # Costs nothing where it is not touched.
        left = np.arange(len(keys))
        at = self._homes(keys)
        for _ in range(PROBE_LIMIT):
            if not len(left):
                return places
            order = np.argsort(at, kind="stable")
            left, at = left[order], at[order]
            buckets, first, which = np.unique(at, return_index=True, return_inverse=True)
            is_free = (self.buckets[buckets] >> ROW_SHIFT == 0) & ~taken.reshape(-1, CELLS_OF_BUCKET)[buckets]
            rank = np.arange(len(at)) - first[which]
            fits = rank < is_free.sum(axis=1)[which]
            nth_free = np.argsort(~is_free, axis=1, kind="stable")
            found = at[fits] * CELLS_OF_BUCKET + nth_free[which[fits], rank[fits]]
            places[left[fits]] = found
            taken[found] = True
            left, at = left[~fits], self._next(at[~fits])
        if len(left):
            raise TableFullError(f"no room for {len(keys):,} more cells beside {self.count:,}")
        return places

    def _homes(self, keys: Any) -> Any:
        """Return the bucket (int64) at which each key's look-up begins."""
        spread = (keys >> NUMBER_SHIFT) * SPREAD
        return (((spread ^ spread >> _HALF) * self.multiplier) >> self.shift).astype(np.int64)

    def _next(self, at: Any) -> Any:
        return (at + 1) % len(self.buckets)

    def _passed(self, keys: Any, places: Any) -> Any:
        """Return the buckets, each once, that the look-ups of cells at these places read."""
        homes = self._homes(keys)
        distance = (places // CELLS_OF_BUCKET - homes) % len(self.buckets)
        furthest = int(distance.max(initial=0))
        read = [(homes[distance >= step] + step) % len(self.buckets) for step in range(furthest + 1)]
        return np.unique(np.concatenate(read))

    def _tidy(self, buckets: Any) -> None:
        """Make removed cells empty ones in those of these buckets that no look-up of what is there goes past."""
        held = self.buckets[buckets]
        buckets = buckets[(held == REMOVED).any(axis=1)]
        goes_past = np.zeros(len(buckets), bool)
        left = np.flatnonzero((self.buckets[buckets] != EMPTY).all(axis=1))
        for step in range(1, PROBE_LIMIT):
            behind = (buckets[left] + step) % len(self.buckets)
            held = self.buckets[behind]
            distance = (behind[:, None] - self._homes(held)) % len(self.buckets)
            goes_past[left] |= ((distance >= step) & (held >> ROW_SHIFT != 0)).any(axis=1)
            left = left[(held != EMPTY).all(axis=1) & ~goes_past[left]]
        places = (buckets[~goes_past, None] * CELLS_OF_BUCKET + np.arange(CELLS_OF_BUCKET)).reshape(-1)
        places = places[self.cells[places] == REMOVED]
        self.cells[places] = EMPTY


def last_of_each(words: Any) -> Any:
    """Return the words of which no later one has the same key."""
    words = np.asarray(words, np.uint64)
    _, last = np.unique((words >> NUMBER_SHIFT)[::-1], return_index=True)
    return words if len(last) == len(words) else words[np.sort(len(words) - 1 - last)]


def lists_of(words: Any) -> Any:
    """Return the lists (int64) that cells name."""
    return (words & LIST_MASK).astype(np.int64)

"""Room for blocks of units: which units are in use, which are free, and which wait until nobody reads them."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from dataplane.route.tables import FANOUT

LARGEST: Final = 1 + FANOUT // 2
"""The units of a trie's block with 64 runs."""


class TableFullError(Exception):
    """No room for a change; the table is as it was."""


class Grace(Protocol):
    """Tells when nobody can be reading any more what went out of use: see ``dataplane/generation/grace.py``."""

    def begin(self) -> int:
        """Begin a period of grace, after the last word that led to the blocks was changed; return its number."""

    def is_over(self, period: int) -> bool:
        """Whether no worker is in a burst that began before the period did."""


class BlockPool:
    """Hands out runs of units: of a size in use before if there are any, else from large extents of free units."""

    def __init__(
        self, units: int, grace: Grace, in_use: Sequence[tuple[int, int]] = (), largest: int = LARGEST
    ) -> None:
        """``in_use``: blocks (first unit, size) of a former owner. What it had given up, a worker may still read.
        ``largest``: the most units that a block has."""
        self.units = units
        self.grace = grace
        self.largest = largest
        self.extents: list[tuple[int, int]] = []
        self.free: defaultdict[int, list[int]] = defaultdict(list)
        self.waiting: deque[tuple[int, list[tuple[int, int]]]] = deque()
        self.retire(self._between([(at, at + size) for at, size in in_use]))

    def allocate(self, size: int) -> int:
        """Return the first of ``size`` units; TableFullError if there are none in one piece."""
        self.reclaim()
        at = self._take(size)
        if at is None:
            self._merge()
            at = self._take(size)
        if at is None:
            raise TableFullError(f"no room for a block of {8 * size} bytes: all {8 * self.units:,} are in use")
        return at

    def _take(self, size: int) -> int | None:
        """Take units of the same size, else from an extent, else a part of something larger."""
        if self.free[size]:
            return self.free[size].pop()
        while self.extents:
            at, end = self.extents.pop()
            if end - at >= size:
                self.extents.append((at + size, end))
                return at
            self.release(at, end - at)
        larger = min((other for other, blocks in self.free.items() if other > size and blocks), default=None)
        if larger is None:
            return None
        at = self.free[larger].pop()
        self.release(at + size, larger - size)
        return at

    def _merge(self) -> None:
        """Make large pieces of free ones that adjoin."""
        pieces = sorted((at, size) for size, blocks in self.free.items() for at in blocks)
        self.free.clear()
        begin = end = 0
        for at, size in [*pieces, (self.units, 0)]:
            if at != end:
                self._keep_free(begin, end - begin)
                begin = at
            end = at + size
        self._keep_free(begin, end - begin)

    def _keep_free(self, at: int, size: int) -> None:
        """Keep a free piece of any size."""
        if size > self.largest:
            self.extents.append((at, at + size))
        else:
            self.release(at, size)

    def largest_extent(self) -> int:
        """Return the first unit of the largest free piece."""
        self.reclaim()
        return max(self.extents, key=lambda extent: extent[1] - extent[0], default=(0, 0))[0]

    def take_extent(self, at: int, size: int) -> None:
        """Take units from the begin of the free piece at ``at``; TableFullError if it has fewer."""
        end = dict(self.extents).get(at, at)
        if end - at < size:
            raise TableFullError(f"{8 * size:,} bytes in one piece are needed, {8 * (end - at):,} are free")
        self.extents.remove((at, end))
        self.extents.append((at + size, end))

    def release(self, at: int, size: int) -> None:
        """Take back units that no word has led to, or does any more; no more than a block has."""
        if size:
            self.free[size].append(at)

    def retire(self, blocks: list[tuple[int, int]]) -> None:
        """Take back blocks (first unit, size) that were in use until now, when their period of grace is over."""
        if blocks:
            self.waiting.append((self.grace.begin(), blocks))

    def retire_all_but(self, at: int, size: int) -> None:
        """Take back everything but one piece, and what is free anyway, when the period of grace is over."""
        retired = self._between([*self.extents, (at, at + size)])
        self.free.clear()
        self.waiting.clear()
        self.retire(retired)

    def _between(self, kept: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return what lies between pieces (begin, end), as (first unit, size)."""
        found = []
        position = 0
        for begin, end in sorted([*kept, (self.units, self.units)]):
            if begin > position:
                found.append((position, begin - position))
            position = end
        return found

    def reclaim(self) -> None:
        """Make free what is no longer read."""
        while self.waiting and self.grace.is_over(self.waiting[0][0]):
            for at, size in self.waiting.popleft()[1]:
                self._keep_free(at, size)

    def in_use(self) -> int:
        """Return how many units are in use or wait to be free."""
        self.reclaim()
        free = sum(size * len(blocks) for size, blocks in self.free.items())
        return self.units - free - sum(end - at for at, end in self.extents)


def units_of(runs: Any) -> Any:
    """Return the size of a block with that many runs: an int, or an array of them."""
    return 1 + (runs + 1) // 2

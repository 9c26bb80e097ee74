"""One change to a trie that is being read: planned first, with room taken for what it needs, then made.

The plan follows the prefix to the block where it ends, and makes anew the blocks whose runs come out differently; of
the others it notes the words that differ. What lies below is not looked at before the change is made.
"""

from typing import Any, Final

import numpy as np

from dataplane.route.blocks import BlockPool, units_of
from dataplane.route.tables import FANOUT, GROUP_MASK, LENGTH_MASK, LENGTH_SHIFT, NODE, ROOT_BITS, STRIDE, Fib

_REF: Final = NODE - 1


class Change:
    """Lets ``word`` be the answer within a prefix of ``length`` bits, where a leaf of length ``shortest`` to
    ``length`` was."""

    def __init__(self, fib: Fib, pool: BlockPool, width: int, shortest: int, length: int, word: int) -> None:
        self.fib = fib
        self.words = fib.units.view(np.uint32)
        self.pool = pool
        self.width = width
        self.shortest = shortest
        self.length = length
        self.word = word
        self.edits: list[tuple[int, int]] = []
        self.below: list[int] = []
        self.allocated: list[tuple[int, int]] = []
        self.retired: list[tuple[int, int]] = []
        self.slots = slice(0, 0)
        self.slot_word: int | None = None

    def plan(self, address: int) -> None:
        """Find out what must change and fill new blocks, which nothing refers to yet. TableFullError: see give_up."""
        first = address >> self.width - ROOT_BITS
        if self.length <= ROOT_BITS:
            self.slots = slice(first, first + (1 << ROOT_BITS - self.length))
        else:
            self.slots = slice(first, first + 1)
            self.slot_word = self._successor(int(self.fib.root[first]), address, ROOT_BITS)

    def give_up(self) -> None:
        """Give back the room that was taken."""
        for at, size in self.allocated:
            self.pool.release(at, size)

    def commit(self) -> None:
        """Make the change, one store after the other; what is out of use is kept until nobody reads it."""
        self._paint_below(np.array(self.below, np.int64))
        for at, word in self.edits:
            self.words[at] = word
        root = self.fib.root
        if self.slot_word is not None:
            root[self.slots] = self.slot_word
        else:
            words = root[self.slots].copy()
            self._paint_below(refs_among(words))
            root[self.slots.start + np.flatnonzero(self._matches(words))] = self.word
        self.pool.retire(self.retired)

    def _successor(self, word: int, address: int, depth: int) -> int:
        """Return the word that shall stand where ``word`` stands, over all entries from ``depth`` on."""
        if word < NODE and not self.shortest <= word >> LENGTH_SHIFT <= self.length:
            return word  # A longer prefix fills all of it.
        before = self._entries(word)
        after = before.copy()
        entry = self._entry(address, depth)
        if self.length > depth + STRIDE:
            after[entry] = self._successor(before[entry], address, depth + STRIDE)
        else:
            for n in range(entry, entry + (1 << depth + STRIDE - self.length)):
                if before[n] >= NODE:
                    self.below.append(before[n] & _REF)
                elif self.shortest <= before[n] >> LENGTH_SHIFT <= self.length:
                    after[n] = self.word
        return word if before == after else self._word_for(word, before, after)

    def _entry(self, address: int, depth: int) -> int:
        """Return the bits from ``depth`` on of an address; what lies beyond its end is 0."""
        beyond = self.width - depth - STRIDE
        return (address >> beyond if beyond >= 0 else address << -beyond) & FANOUT - 1

    def _entries(self, word: int) -> list[int]:
        """Return the 64 entries that ``word`` stands for."""
        if word < NODE:
            return [word] * FANOUT
        ref = word & _REF
        bitmap = int(self.fib.units[ref])
        runs = self.words[2 * ref + 2 : 2 * ref + 2 + bitmap.bit_count()].tolist()
        entries = []
        run = -1
        for n in range(FANOUT):
            run += bitmap >> n & 1
            entries.append(runs[run])
        return entries

    def _word_for(self, word: int, before: list[int], after: list[int]) -> int:
        """Return the word for a block whose entries change: the same one if they can be changed in place."""
        begins = runs_of(after)
        if word >= NODE:
            ref = word & _REF
            if begins == runs_of(before):
                self.edits += [(2 * ref + 2 + run, after[n]) for run, n in enumerate(begins) if after[n] != before[n]]
                return word
            self.retired.append((ref, units_of(len(runs_of(before)))))
        if len(begins) == 1:
            return after[0]
        size = units_of(len(begins))
        at = self.pool.allocate(size)
        self.allocated.append((at, size))
        self.words[2 * at + 2 : 2 * at + 2 + len(begins)] = [after[n] for n in begins]
        self.fib.units[at] = sum(1 << n for n in begins)
        return NODE | at

    def _matches(self, words: Any) -> Any:
        """Return which words are leaves that the change overwrites."""
        length = (words >> np.uint32(LENGTH_SHIFT)) & np.uint32(LENGTH_MASK)
        return (words < NODE) & (length >= self.shortest) & (length <= self.length)

    def _paint_below(self, refs: Any) -> None:
        """Overwrite in place the leaves in these blocks and in all below them: they lie within the prefix."""
        while len(refs):
            places = places_of_runs(self.fib, refs)
            words = self.words[places]
            self.words[places[self._matches(words)]] = self.word
            refs = refs_among(words)


def runs_of(entries: list[int]) -> list[int]:
    """Return where runs of equal entries begin."""
    return [n for n in range(FANOUT) if n == 0 or entries[n] != entries[n - 1]]


def refs_among(words: Any) -> Any:
    """Return the units that the nodes among some words refer to, as int64."""
    return (words[words >= NODE] & np.uint32(_REF)).astype(np.int64)


def places_of_runs(fib: Fib, refs: Any) -> Any:
    """Return the places of all runs of these blocks among the words of the table."""
    runs = np.bitwise_count(fib.units[refs]).astype(np.int64)
    return np.repeat(2 * refs + 2 - (np.cumsum(runs) - runs), runs) + np.arange(int(runs.sum()))


def blocks_in_use(fib: Fib) -> list[tuple[int, int]]:
    """Return the first unit and the size of every block that a table refers to."""
    words = fib.units.view(np.uint32)
    found = []
    refs = refs_among(fib.root)
    while len(refs):
        sizes = units_of(np.bitwise_count(fib.units[refs]).astype(np.int64))
        found += list(zip(refs.tolist(), sizes.tolist(), strict=True))
        refs = refs_among(words[places_of_runs(fib, refs)])
    return found


def groups_in_use(fib: Fib) -> Any:
    """Return the groups (uint32, each once) that are the answer for some address."""
    words = fib.root
    found = []
    while len(words):
        found.append(np.unique(words[words < NODE] & np.uint32(GROUP_MASK)))
        words = fib.units.view(np.uint32)[places_of_runs(fib, refs_among(words))]
    return np.unique(np.concatenate(found))

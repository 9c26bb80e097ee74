"""The forwarding database: which port each MAC was last seen at, in each filtering domain.

Time is counted in ticks of 2**27 ns (about 134 ms). An entry seen in tick S is valid in tick N while N - S is at most
``fdb_s`` in ticks, rounded up. An entry past that age is as if it were not there: lookups miss it, it takes no room
(neither the port's nor the table's), and its MAC is learned as new.

Learning a MAC at a port, in this order:

    static entry at another port      refused: the caller drops the frame
    static entry at this port         nothing to do
    entry at this port                its time is refreshed
    entry at another port, port full  the entry stays as it was: refused_port
    entry at another port             it moves here and its time is refreshed: moved
    no entry, port full               refused_port
    no entry, table full              refused_table
    no entry                          inserted: learned

A port is full when it holds ``max_macs`` learned entries, summed over all its filtering domains: static ones do not
count. A table is full when it holds ``limits.fdb`` entries of all networks together, static ones included.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

TICK_SHIFT = 27
NS_PER_S = 10**9

Key = tuple[Hashable, bytes]
"""A filtering domain and a MAC."""


Place = Hashable
"""Where a MAC can be: a port's name, or another node."""


@dataclass
class Entry:
    """Where a MAC lives, and the tick in which it was last seen there."""

    port: Place
    seen_tick: int
    static: bool = False


def ticks(seconds: int) -> int:
    """Return ``seconds`` in ticks, rounded up."""
    return -(-seconds * NS_PER_S // 2**TICK_SHIFT)


class Fdb:
    """The table; ``counters`` counts learned, moved, refused_port and refused_table."""

    def __init__(self, capacity: int, lifetime_s: int) -> None:
        self.capacity = capacity
        self.lifetime_ticks = ticks(lifetime_s)
        self.entries: dict[Key, Entry] = {}
        self.counters: Counter[str] = Counter()
        self.swept_tick = -1

    def add_static(self, domain: Hashable, mac: bytes, port: Place) -> None:
        """Fix ``mac`` to ``port`` for good."""
        self.entries[domain, mac] = Entry(port, 0, static=True)

    def reconfigure(self, lifetime_s: int, void: Callable[[Entry], bool]) -> None:
        """Take a new lifetime; forget all static entries, and the learned ones that are ``void``."""
        self.lifetime_ticks = ticks(lifetime_s)
        self.swept_tick = -1
        for key, entry in list(self.entries.items()):
            if entry.static or void(entry):
                del self.entries[key]

    def find(self, domain: Hashable, mac: bytes, now_ns: int) -> Place | None:
        """Return the port that ``mac`` lives at, or None."""
        self._forget_old(now_ns)
        entry = self.entries.get((domain, mac))
        return entry.port if entry else None

    def learn(self, domain: Hashable, mac: bytes, port: Place, max_macs: int, now_ns: int) -> bool:
        """Note that ``mac`` was seen at ``port``; False if it is fixed to another one."""
        self._forget_old(now_ns)
        now_tick = now_ns >> TICK_SHIFT
        entry = self.entries.get((domain, mac))
        if entry and entry.static:
            return entry.port == port
        if entry and entry.port == port:
            entry.seen_tick = now_tick
        elif self._count(port) >= max_macs:
            self.counters["refused_port"] += 1
        elif entry:
            entry.port, entry.seen_tick = port, now_tick
            self.counters["moved"] += 1
        elif len(self.entries) >= self.capacity:
            self.counters["refused_table"] += 1
        else:
            self.entries[domain, mac] = Entry(port, now_tick)
            self.counters["learned"] += 1
        return True

    def _count(self, port: Place) -> int:
        return sum(1 for entry in self.entries.values() if entry.port == port and not entry.static)

    def _forget_old(self, now_ns: int) -> None:
        now_tick = now_ns >> TICK_SHIFT
        if now_tick == self.swept_tick:
            return  # ages change with the tick alone
        self.swept_tick = now_tick
        for key, entry in list(self.entries.items()):
            if not entry.static and now_tick - entry.seen_tick > self.lifetime_ticks:
                del self.entries[key]

"""The writer of next hops and their groups. ``tables.py`` says what a reader may see."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dataplane.route.blocks import Grace, TableFullError
from dataplane.route.hops.spread import InvalidGroupError, deal, shares
from dataplane.route.hops.tables import NONE, PLACES, SPREAD, Hops

__all__ = ["InvalidGroupError", "NextHop", "NextHopWriter", "TableFullError"]


class NextHop(NamedTuple):
    """One next hop; ``address`` as a number of 128 bits, IPv4 mapped, 0 unless the kind is VIA; ``mtu`` in bytes."""

    kind: int
    interface: int = 0
    address: int = 0
    mtu: int = 0
    domain: int = 0
    is_open: bool = False
    peer: int = 0


class Numbers:
    """Numbers to give out; what comes back is given out again after its period of grace."""

    def __init__(self, first: int, end: int, what: str, grace: Grace, in_use: set[int]) -> None:
        self.next = max(in_use, default=first - 1) + 1
        self.end = end
        self.what = what
        self.grace = grace
        self.free: list[int] = []
        self.waiting: deque[tuple[int, list[int]]] = deque()
        self.retire_all(sorted(set(range(first, self.next)) - in_use))

    def take(self) -> int:
        """Return a free number; TableFullError if there is none."""
        return self.take_all(1)[0]

    def take_all(self, count: int) -> list[int]:
        """Return ``count`` free numbers; TableFullError, and none is taken, if there are fewer."""
        while self.waiting and self.grace.is_over(self.waiting[0][0]):
            self.free += self.waiting.popleft()[1]
        used_again = min(count, len(self.free))
        first, self.next = self.next, self.next + count - used_again
        if self.next > self.end:
            self.next = first
            raise TableFullError(f"all {self.end:,} {self.what} are in use")
        return [self.free.pop() for _ in range(used_again)] + list(range(first, self.next))

    def retire(self, number: int) -> None:
        """Take a number back that nothing names any more."""
        self.retire_all([number])

    def retire_all(self, numbers: list[int]) -> None:
        """Take numbers back that nothing names any more."""
        if numbers:
            self.waiting.append((self.grace.begin(), numbers))

    def give_back(self, numbers: list[int]) -> None:
        """Take numbers back that nobody can be reading any more."""
        self.free += numbers


class NextHopWriter:
    """Writes one ``Hops``, of which it is the only writer. It begins with the groups that a former writer left."""

    def __init__(self, hops: Hops, grace: Grace) -> None:
        self.hops = hops
        self.members = read_groups(hops)
        self.uses = Counter(hop for members in self.members.values() for hop in members)
        self.next_hop = {hop: read_hop(hops, hop) for hop in self.uses}
        self.hop_of = {hop: number for number, hop in self.next_hop.items()}
        spreads = {int(word) - SPREAD for word in hops.group if word >= SPREAD}
        self.hop_numbers = Numbers(1, len(hops.hop), "next hops", grace, set(self.uses))
        self.group_numbers = Numbers(1, len(hops.group), "groups", grace, set(self.members))
        self.spread_numbers = Numbers(0, len(hops.spread), "groups of several next hops", grace, spreads)

    def add_group(self, weights: Mapping[NextHop, int]) -> int:
        """Make a group of next hops, by weight, and return its number. InvalidGroupError, TableFullError: nothing is
        changed."""
        number = self.group_numbers.take()
        self.members[number] = {}
        try:
            self.change_group(number, weights)
        except (InvalidGroupError, TableFullError):
            del self.members[number]
            self.group_numbers.retire(number)
            raise
        return number

    def change_group(self, number: int, weights: Mapping[NextHop, int]) -> None:
        """Give a group these members; KeyError if there is no such group, and errors as ``add_group``."""
        before = self.members[number]
        shares(dict(enumerate(weights.values())))
        taken = self._take_hops(weights)
        members = {self.hop_of[hop]: weight for hop, weight in weights.items()}
        word = int(self.hops.group[number])
        try:
            spread = self._spread_for(word, members)
        except TableFullError:
            self._forget(taken)
            raise
        if spread is None:
            self.hops.group[number] = next(iter(members))
        else:
            places = self.hops.spread[spread].tolist() if word & SPREAD else [word] * PLACES
            dealt = deal(places, members)
            for place in np.flatnonzero(self.hops.spread[spread] != dealt):
                self.hops.spread[spread, place] = dealt[place]
            self.hops.group[number] = SPREAD | spread
        if word & SPREAD and spread is None:
            self.spread_numbers.retire(word - SPREAD)
        self.members[number] = members
        self.uses.update(members.keys())
        self._let_go(before)

    def remove_group(self, number: int) -> None:
        """Remove a group that no route leads to any more; KeyError if there is no such group."""
        members = self.members.pop(number)
        word = int(self.hops.group[number])
        self.hops.group[number] = NONE
        if word & SPREAD:
            self.spread_numbers.retire(word - SPREAD)
        self.group_numbers.retire(number)
        self._let_go(members)

    def members_of(self, number: int) -> dict[NextHop, int]:
        """Return a group's next hops and their weights; KeyError if there is no such group."""
        return {self.next_hop[hop]: weight for hop, weight in self.members[number].items()}

    def _spread_for(self, word: int, members: dict[int, int]) -> int | None:
        """Return the spread that a group uses for its members, None for a single one."""
        if len(members) == 1:
            return None
        return word - SPREAD if word & SPREAD else self.spread_numbers.take()

    def _take_hops(self, wanted: Mapping[NextHop, int]) -> list[NextHop]:
        """Write those next hops that are new; return them."""
        taken: list[NextHop] = []
        try:
            for hop in wanted:
                if hop not in self.hop_of:
                    self._write_hop(hop, self.hop_numbers.take())
                    taken.append(hop)
        except TableFullError:
            self._forget(taken)
            raise
        return taken

    def _write_hop(self, hop: NextHop, number: int) -> None:
        """Write a next hop that nothing names yet."""
        row = self.hops.hop[number]
        row.kind = hop.kind
        row.interface = hop.interface
        row.domain = hop.domain
        row.mtu = hop.mtu
        row.is_open = hop.is_open
        row.peer = hop.peer
        row.address_high = hop.address >> 64
        row.address_low = hop.address & 0xFFFF_FFFF_FFFF_FFFF
        self.hop_of[hop] = number
        self.next_hop[number] = hop

    def _let_go(self, members: Mapping[int, int]) -> None:
        """Count a group's former members down; forget those that no group has any more."""
        self.uses.subtract(members.keys())
        self._forget([self.next_hop[number] for number in members if not self.uses[number]])

    def _forget(self, hops: list[NextHop]) -> None:
        """Give back next hops that nothing names."""
        for hop in hops:
            number = self.hop_of.pop(hop)
            del self.next_hop[number], self.uses[number]
            self.hop_numbers.retire(number)


def read_groups(hops: Hops) -> dict[int, dict[int, int]]:
    """Return the members of every group, by number; their weights are as many as they have places."""
    groups = {}
    for number in np.flatnonzero(hops.group):
        word = int(hops.group[number])
        groups[int(number)] = Counter(hops.spread[word - SPREAD].tolist()) if word & SPREAD else {word: 1}
    return {number: dict(members) for number, members in groups.items()}


def read_hop(hops: Hops, number: int) -> NextHop:
    """Return a next hop as it was given."""
    row = hops.hop[number]
    address = int(row.address_high) << 64 | int(row.address_low)
    return NextHop(
        int(row.kind),
        int(row.interface),
        address,
        int(row.mtu),
        int(row.domain),
        bool(row.is_open),
        int(row.peer),
    )

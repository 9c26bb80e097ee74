"""Fragments of packets whose ports only the first one tells.

Later fragments that come before the first wait for it, eight a packet. A fragment counts as passed when it goes on. One
that covers bytes some of which have passed spoils its packet: it and all that come later of it are dropped (RFC 5722);
one whose bytes have all passed is dropped alone. A packet is remembered until it is complete, at most ``fragment_s``,
and ``limits.fragments`` packets at once.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.naive.fdb import ticks
from tests.naive.packet import Packet, Tuple
from tests.naive.wire import Address

MOST_WAITING = 8
MOST_BYTES = 65535


class FragmentKey(NamedTuple):
    """What the fragments of one packet have in common."""

    domain: Any
    source: Address
    destination: Address
    identifier: int
    protocol: int


@dataclass
class Fragmented:
    """One packet in fragments: the units of eight bytes that have passed, where it ends, what its first fragment said,
    and what waits for that."""

    since: int
    units: set[int] = field(default_factory=set)
    furthest: int = 0
    total: int | None = None
    transport: tuple[int, int, int] | None = None
    is_spoiled: bool = False
    waiting: list[Any] = field(default_factory=list)

    def fit(self, place: "Place") -> str:
        """Return how a fragment lies to those that have passed: "fits", "seen" or "clashes"."""
        ends_elsewhere = (
            self.total not in (None, place.end) if place.is_last else place.end > (self.total or MOST_BYTES)
        )
        if ends_elsewhere or (place.is_last and self.furthest > place.end):
            return "clashes"
        if place.units <= self.units:
            return "seen"
        return "clashes" if place.units & self.units else "fits"

    def occupy(self, place: "Place") -> None:
        """Let a fragment that fits pass."""
        self.furthest = max(self.furthest, place.end)
        if place.is_last:
            self.total = place.end
        self.units |= place.units

    @property
    def is_complete(self) -> bool:
        """Whether all of the packet has passed."""
        return self.total is not None and len(self.units) == (self.total + 7) // 8


class Place(NamedTuple):
    """Where a fragment lies in its packet."""

    identifier: int
    first: int
    end: int
    is_last: bool

    @property
    def units(self) -> set[int]:
        """The units of eight bytes that it covers."""
        return set(range(self.first // 8, (self.end + 7) // 8))

    @property
    def is_possible(self) -> bool:
        """Whether a fragment can lie there."""
        return self.first < self.end <= MOST_BYTES and (self.is_last or (self.end - self.first) % 8 == 0)


def place_of(packet: Packet) -> Place:
    """Return where a fragment lies."""
    data = packet.data
    if packet.version == 4:
        placed = int.from_bytes(data[6:8], "big")
        first, header = (placed & 0x1FFF) * 8, (data[0] & 15) * 4
        return Place(int.from_bytes(data[4:6], "big"), first, first + len(data) - header, not placed & 0x2000)
    at, following = 40, data[6]
    while following != 44:
        following, at = data[at], at + 8 + 8 * data[at + 1]
    placed = int.from_bytes(data[at + 2 : at + 4], "big")
    first = placed & 0xFFF8
    return Place(int.from_bytes(data[at + 4 : at + 8], "big"), first, first + len(data) - at - 8, not placed & 1)


def key_of(domain: Any, packet: Packet) -> FragmentKey:
    """Return what a fragment has in common with the others of its packet: over IPv6 the protocol is none of it."""
    protocol = packet.data[9] if packet.version == 4 else 0
    return FragmentKey(domain, packet.tuple.source, packet.tuple.destination, place_of(packet).identifier, protocol)


class Fragments:
    """The table."""

    def __init__(self, capacity: int, lifetime_s: int) -> None:
        self.capacity = capacity
        self.lifetime = ticks(lifetime_s)
        self.entries: dict[FragmentKey, Fragmented] = {}

    def follow(self, domain: Any, packet: Packet, frame: Any, tick: int) -> tuple[str, list[Any], Packet]:
        """Take note of a fragment: "follows", "waits", "full" or "overlaps"; what need no longer wait for it; and the
        packet with ports and protocol. The ``frame`` of a packet that waits is kept."""
        for old in [key for key, entry in self.entries.items() if tick - entry.since >= self.lifetime]:
            del self.entries[old]
        place, ends = place_of(packet), packet.tuple
        if not place.is_possible:
            return "overlaps", [], packet
        key = key_of(domain, packet)
        if key not in self.entries and len(self.entries) >= self.capacity:
            return "full", [], packet
        entry = self.entries.setdefault(key, Fragmented(tick))
        if entry.is_spoiled:
            return "overlaps", [], packet
        if packet.fragment == "later" and entry.transport is None:
            if len(entry.waiting) >= MOST_WAITING:
                return "full", [], packet
            entry.waiting.append(frame)
            return "waits", [], packet
        fit = entry.fit(place)
        if fit == "clashes":
            entry.is_spoiled = True
            entry.waiting.clear()
        if fit != "fits":
            return "overlaps", [], packet
        if packet.fragment == "first":
            entry.transport = ends.protocol, ends.sport, ends.dport
        assert entry.transport
        known = replace(packet, tuple=Tuple(ends.source, ends.destination, *entry.transport))
        waiting, entry.waiting = entry.waiting, []
        return "follows", waiting, known

    def let_pass(self, domain: Any, packet: Packet) -> None:
        """Note that a fragment that follows goes on."""
        key = key_of(domain, packet)
        entry = self.entries.get(key)
        if entry:
            entry.occupy(place_of(packet))
            if entry.is_complete:
                del self.entries[key]

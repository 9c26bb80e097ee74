"""What becomes of fragments, in plain Python over bytes: what the compiled table must agree with.

It knows no capacity; tests that fill the table say themselves what is to come of it.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.packet.naive import Parsed, parse_ipv4, parse_ipv6

Waiting = TypeVar("Waiting")

EARLY_FRAGMENTS = 8


@dataclass(frozen=True)
class Place:
    """Where a fragment lies in its packet, in bytes; ``identification`` is its packet's."""

    identification: int
    start: int
    end: int
    is_last: bool

    @property
    def units(self) -> set[int]:
        """The units of eight bytes that the fragment covers."""
        return set(range(self.start // 8, (self.end + 7) // 8))


@dataclass
class Packet(Generic[Waiting]):
    """A packet of which there have been fragments. ``transport`` is the first fragment's protocol and ports."""

    born: int
    transport: tuple[int, tuple[int, int]] | None = None
    total: int | None = None
    furthest: int = 0
    units: set[int] = field(default_factory=set)
    waiting: list[Waiting] = field(default_factory=list)
    refused: bool = False

    def fit(self, place: Place) -> str:
        """Return how a fragment lies to those that have passed: fits, seen or clashes."""
        if place.is_last:
            if self.furthest > place.end or self.total not in (None, place.end):
                return "clashes"
        elif self.total is not None and place.end > self.total:
            return "clashes"
        common = place.units & self.units
        return "fits" if not common else "seen" if common == place.units else "clashes"

    def is_complete(self) -> bool:
        """Return whether all of it has passed."""
        return self.total is not None and len(self.units) == (self.total + 7) // 8


@dataclass(frozen=True)
class Followed(Generic[Waiting]):
    """What becomes of a fragment; ``transport`` if it follows; what had waited for it."""

    outcome: str
    transport: tuple[int, tuple[int, int]] | None = None
    returned: tuple[Waiting, ...] = ()


class Fragments(Generic[Waiting]):
    """All packets of which fragments have come within ``lifetime`` ticks."""

    def __init__(self, lifetime: int) -> None:
        self.lifetime = lifetime
        self.packets: dict[tuple[int, ...], Packet[Waiting]] = {}

    def follow(self, domain: int, packet: bytes, tick: int, waiting: Waiting) -> Followed[Waiting]:
        """Meet a fragment, an IP packet that came in by ``domain`` and is kept as ``waiting`` if it must wait."""
        key, place, parsed = describe(domain, packet)
        if not place or (parsed.fragment == "first") != (place.start == 0):
            return Followed("overlaps")
        state = self.packets.get(key)
        if not state or tick - state.born >= self.lifetime:
            state = self.packets[key] = Packet(tick)
        if state.refused:
            return Followed("overlaps")
        if parsed.fragment == "later" and state.transport is None:
            if len(state.waiting) == EARLY_FRAGMENTS:
                return Followed("table full")
            state.waiting.append(waiting)
            return Followed("waits")
        fits = state.fit(place)
        if fits != "fits":
            state.refused = fits == "clashes"
            return Followed("overlaps")
        if state.transport is None:
            state.transport = parsed.protocol, parsed.ports
        returned, state.waiting = tuple(state.waiting), []
        return Followed("follows", state.transport, returned)

    def let_pass(self, domain: int, packet: bytes) -> None:
        """Note that a fragment that follows goes on."""
        key, place, _ = describe(domain, packet)
        assert place
        state = self.packets[key]
        state.units |= place.units
        state.furthest = max(state.furthest, place.end)
        state.total = place.end if place.is_last else state.total
        if state.is_complete():
            del self.packets[key]


def describe(domain: int, packet: bytes) -> tuple[tuple[int, ...], Place | None, Parsed]:
    """Return the key of a fragment's packet, its place, and the rest that it says."""
    is_ipv6 = packet[0] >> 4 == 6
    parsed = parse_ipv6(packet) if is_ipv6 else parse_ipv4(packet)
    assert parsed
    assert parsed.fragment != "whole"
    place = place_of(packet)
    identification = place.identification if place else 0
    protocol = 0 if is_ipv6 else parsed.protocol
    return (domain, is_ipv6, parsed.source, parsed.destination, identification, protocol), place, parsed


def place_of(packet: bytes) -> Place | None:
    """Return where the fragment lies, or None where none can."""
    if packet[0] >> 4 == 4:
        placed = int.from_bytes(packet[6:8], "big")
        identification, start, is_last = int.from_bytes(packet[4:6], "big"), (placed & 0x1FFF) * 8, not placed & 0x2000
        count = int.from_bytes(packet[2:4], "big") - (packet[0] & 15) * 4
    else:
        following, at = packet[6], 40
        while following != 44:
            following, at = packet[at], at + (packet[at + 1] + 1) * 8
        placed = int.from_bytes(packet[at + 2 : at + 4], "big")
        identification, start = int.from_bytes(packet[at + 4 : at + 8], "big"), placed & 0xFFF8
        is_last = not placed & 1
        count = 40 + int.from_bytes(packet[4:6], "big") - at - 8
    end = start + count
    if count <= 0 or end > 65535 or (not is_last and count % 8):
        return None
    return Place(identification, start, end, is_last)

"""Who has which address on the router's links (RFC 4861 section 7.3.2, ARP alike), and the frames that wait for it.

Time is counted in ticks of 2**27 ns. An entry is

    incomplete   asked for: a request a second, three of them; a second after the last it has failed
    reachable    heard less than ``neighbour_s`` ago
    stale        not heard since, or not sure of: usable; its first use asks it, by its MAC alone
    probe        asked so: a request a second, three of them; a second after the last it is gone
    failed       for three seconds: packets for it are refused; then gone

Ten minutes after it could first be stale an entry is gone. Sixteen frames may wait for one. Of a full table an entry
goes that is stale or has failed, the oldest.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.naive.domains import Domain
from tests.naive.fdb import ticks
from tests.naive.wire import Address

REQUESTS = 3
SECOND = ticks(1)
FAILED_TICKS = ticks(3)
UNUSED_TICKS = ticks(600)
MOST_WAITING = 16
PLACES = 1024

Key = tuple[Domain, Address]
Kind = Literal["heard", "unsolicited", "override", "solicited"]
"""It said so as it asked, or answered us; an advertisement nobody asked for, or one that overrides what was known; one
that was asked for and does not override."""
Act = Literal["send", "probe", "ask", "wait", "unreachable", "no_room"]


@dataclass
class Neighbour:
    """One entry; ``since`` is when it came into its state, ``asked`` how often and when last."""

    state: str
    since: int
    mac: bytes | None = None
    requests: int = 0
    asked: int = 0
    waiting: list[Any] = field(default_factory=list)


class Neighbours:
    """The table. ``parked`` counts the frames that wait for anything, fragments too."""

    def __init__(self, capacity: int, reachable_s: int) -> None:
        self.capacity = capacity
        self.reachable_ticks = ticks(reachable_s)
        self.entries: dict[Key, Neighbour] = {}

    def meet(self, key: Key, tick: int) -> tuple[bytes | None, Act]:
        """Return the MAC for a packet to the neighbour, and what is to be done."""
        entry = self.entries.get(key)
        if entry is None:
            if not self._make_room(tick):
                return None, "no_room"
            self.entries[key] = Neighbour("incomplete", tick, None, 1, tick)
            return None, "ask"
        self._age(entry, tick)
        if entry.state == "incomplete":
            return None, "wait"
        if entry.state == "failed":
            return None, "unreachable"
        if entry.state == "stale":
            entry.state, entry.since, entry.requests, entry.asked = "probe", tick, 1, tick
            return entry.mac, "probe"
        return entry.mac, "send"

    def note(self, key: Key, mac: bytes | None, kind: Kind, may_create: bool, tick: int) -> list[Any]:
        """Note that the neighbour says that it has ``mac``; return the frames that waited for that."""
        entry = self.entries.get(key)
        if mac and mac[0] & 1:
            return []
        confirms = kind in ("heard", "solicited")
        if entry is None:
            if may_create and mac and self._make_room(tick):
                self.entries[key] = Neighbour("reachable" if confirms else "stale", tick, mac)
            return []
        self._age(entry, tick)
        if entry.state in ("incomplete", "failed"):
            if not mac:
                return []
            entry.mac, entry.since, entry.state = mac, tick, "reachable" if confirms else "stale"
            waiting, entry.waiting = entry.waiting, []
            return waiting
        differs = mac is not None and mac != entry.mac
        if differs and kind in ("unsolicited", "solicited"):
            if entry.state == "reachable":
                entry.state, entry.since = "stale", tick
        elif confirms:
            entry.state, entry.since, entry.mac = "reachable", tick, mac or entry.mac
        elif differs:
            entry.state, entry.since, entry.mac = "stale", tick, mac
        return []

    def run_timers(self, tick: int) -> tuple[list[tuple[Key, Neighbour]], list[Any]]:
        """Do what is due; return whom to ask (by their MAC if they have one), and the frames that wait no longer."""
        asked, returned = [], []
        for key, entry in list(self.entries.items()):
            self._age(entry, tick)
            if entry.state == "failed" and tick - entry.since >= FAILED_TICKS:
                del self.entries[key]
            elif entry.state in ("incomplete", "probe") and tick - entry.asked >= SECOND:
                if entry.requests < REQUESTS:
                    entry.requests, entry.asked = entry.requests + 1, tick
                    asked.append((key, entry))
                elif entry.state == "probe":
                    del self.entries[key]
                else:
                    entry.state, entry.since = "failed", tick
                    returned += entry.waiting
                    entry.waiting = []
            elif entry.state == "stale" and tick - entry.since >= UNUSED_TICKS:
                del self.entries[key]
        return asked, returned

    @property
    def parked(self) -> int:
        """How many frames wait."""
        return sum(len(entry.waiting) for entry in self.entries.values())

    def _age(self, entry: Neighbour, tick: int) -> None:
        if entry.state == "reachable" and tick - entry.since >= self.reachable_ticks:
            entry.state, entry.since = "stale", entry.since + self.reachable_ticks

    def _make_room(self, tick: int) -> bool:
        if len(self.entries) < self.capacity:
            return True
        for entry in self.entries.values():
            self._age(entry, tick)
        idle = [key for key, entry in self.entries.items() if entry.state in ("stale", "failed")]
        if not idle:
            return False
        del self.entries[min(idle, key=lambda key: self.entries[key].since)]
        return True

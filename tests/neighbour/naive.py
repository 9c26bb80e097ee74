"""The table of neighbours as RFC 4861 section 7.3.2 tells it, one step at a time: the kernels' naive twin."""

from dataclasses import dataclass, field

ASK_AGAIN, FAILED_FOR, UNUSED_FOR, TRIES, QUEUE = 8, 23, 4471, 3, 16

Key = tuple[int, str]
Request = tuple[int, str, int]
"""Domain, address, and the MAC that is asked, 0: all."""


@dataclass
class Neighbour:
    state: str
    since: int
    mac: int = 0
    tries: int = 0
    waiting: list[int] = field(default_factory=list)


class NaiveNeighbours:
    """What is asked for and what comes back is collected until ``taken`` takes it; packets are numbers."""

    def __init__(self, reachable_ticks: int) -> None:
        self.reachable = reachable_ticks
        self.table: dict[Key, Neighbour] = {}
        self.asked: list[Request] = []
        self.returned: list[int] = []

    def taken(self) -> tuple[list[Request], list[int]]:
        taken = self.asked, self.returned
        self.asked, self.returned = [], []
        return taken

    def is_fresh(self, entry: Neighbour, tick: int) -> bool:
        return entry.state == "reachable" and tick - entry.since < self.reachable

    def send(self, key: Key, packet: int, tick: int) -> str:
        """Return what becomes of a packet: the MAC that it goes to, "waits", "refused" or "no room"."""
        entry = self.table.get(key)
        if entry is None:
            entry = self.table[key] = Neighbour("incomplete", tick, tries=1)
            self.asked.append((*key, 0))
        if entry.state == "incomplete":
            if len(entry.waiting) == QUEUE:
                return "no room"
            entry.waiting.append(packet)
            return "waits"
        if entry.state == "failed":
            return "refused"
        if entry.state != "probe" and not self.is_fresh(entry, tick):
            entry.state, entry.since, entry.tries = "probe", tick, 1
            self.asked.append((*key, entry.mac))
        return hex(entry.mac)

    def hear(self, key: Key, mac: int, solicited: bool, overrides: bool, may_create: bool, tick: int) -> None:
        """News of a neighbour; MAC 0: none named."""
        if mac & 1:
            return
        entry = self.table.get(key)
        fresh = "reachable" if solicited else "stale"
        if entry is None:
            if may_create and mac:
                self.table[key] = Neighbour(fresh, tick, mac)
        elif entry.state in ("incomplete", "failed"):
            if mac:
                entry.state, entry.since, entry.mac, entry.tries = fresh, tick, mac, 0
                self.returned += entry.waiting
                entry.waiting = []
        elif mac not in (0, entry.mac) and not overrides:
            if self.is_fresh(entry, tick):
                entry.state, entry.since = "stale", tick
        elif solicited or mac not in (0, entry.mac):
            entry.state, entry.since, entry.mac, entry.tries = fresh, tick, mac or entry.mac, 0

    def pass_time(self, tick: int) -> None:
        """Do what is due; packets that waited for several neighbours come back by who waited longest."""
        back = []
        for key, entry in list(self.table.items()):
            age = tick - entry.since
            if entry.state in ("incomplete", "probe") and age >= ASK_AGAIN:
                if entry.tries < TRIES:
                    entry.since, entry.tries = tick, entry.tries + 1
                    self.asked.append((*key, entry.mac if entry.state == "probe" else 0))
                elif entry.state == "probe":
                    del self.table[key]
                else:
                    entry.state, entry.since, entry.tries = "failed", tick, 0
                    back.append(entry.waiting)
                    entry.waiting = []
            lives = {"failed": FAILED_FOR, "stale": UNUSED_FOR, "reachable": self.reachable + UNUSED_FOR}
            if age >= lives.get(entry.state, age + 1) and tick > entry.since:
                del self.table[key]
        for packets in sorted(packets for packets in back if packets):
            self.returned += packets

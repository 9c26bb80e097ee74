"""A table of neighbours with two links, its parking, and vectors of one frame to drive them with."""

from ipaddress import ip_address
from typing import Any

import numpy as np
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from dataplane.fdb.tables import TICK_SHIFT
from dataplane.interfaces.tables import INTERFACES_DTYPE
from dataplane.neighbour.build import write_neighbour_rules
from dataplane.neighbour.table import meet_neighbour, note_neighbour, wait_for_neighbour
from dataplane.neighbour.tables import (
    ASK,
    NEIGHBOUR_BUCKET_DTYPE,
    NEIGHBOUR_HEAD_DTYPE,
    NEIGHBOUR_RULES_DTYPE,
    NO_ROOM,
    SEND,
    SEND_AND_PROBE,
    UNREACHABLE,
    WAIT,
    Neighbours,
    initialize_neighbours,
    neighbour_buckets,
    neighbour_entries,
    view_neighbours,
)
from dataplane.neighbour.timers import run_neighbour_timers
from dataplane.parking.tables import Parking
from dataplane.verdict import ORIGINATED, RETURNED
from tests.icmp.slots import number
from tests.parking.frames import Frame, make_parking, vector_of

Asked = tuple[int, str, int]
DOMAINS = {7: 1, 9: 2, 11: 2}
"""The interface of each domain."""
LINK_LOCAL = "fe80::ff:fe00:1"


def own_mac(interface: int) -> int:
    """Return the router's MAC there, as columns hold it."""
    return int.from_bytes(bytes([2, 0xFF, 0, 0, 0, interface]), "little")


def own_address(interface: int) -> str:
    """Return the router's IPv4 address there."""
    return f"10.0.{interface}.1"


def make_interfaces() -> Any:
    """Return the interfaces' record, with two that there are."""
    interfaces = np.zeros(1, INTERFACES_DTYPE).view(np.recarray)[0]
    for domain, which in DOMAINS.items():
        interfaces.of_domain[domain] = which
        interface = interfaces.interface[which]
        interface.mac, interface.domain = own_mac(which), domain
        interface.address4 = number(own_address(which))[1]
        interface.link_local_low = number(LINK_LOCAL)[1]
        interface.address6_high, interface.address6_low = number(f"fd00:{which}::1")
    return interfaces


def make_neighbours(entry_limit: int, reachable_s: int = 30, seed: int = 1) -> Neighbours:
    """Return an empty table in this process's memory."""
    head = np.zeros(1, NEIGHBOUR_HEAD_DTYPE).view(np.recarray)[0]
    buckets = np.zeros(neighbour_buckets(entry_limit), NEIGHBOUR_BUCKET_DTYPE).view(np.recarray)
    void = np.zeros(neighbour_entries(entry_limit), np.uint64)
    rules = np.zeros(1, NEIGHBOUR_RULES_DTYPE).view(np.recarray)[0]
    initialize_neighbours(head, entry_limit, np.random.default_rng(seed))
    write_neighbour_rules(rules, reachable_s)
    return view_neighbours(head, buckets, void, rules)


def halves(address: str) -> tuple[np.uint64, np.uint64]:
    """Return an address as columns hold it."""
    high, low = number(address)
    return np.uint64(high), np.uint64(low)


class Rig:
    """The table, driven as the router drives it; what it asks for and gives back is read and held in order."""

    def __init__(self, entry_limit: int = 64, reachable_s: int = 30, seed: int = 1) -> None:
        self.neighbours = make_neighbours(entry_limit, reachable_s, seed)
        self.parking: Parking = make_parking()
        self.interfaces = make_interfaces()
        self.only = vector_of([Frame(bytes(12), 128, bytes(60), b"", (1, 0, 0x800, 3, 5, 0x2001, 0, 0))], 0)
        self.asked: list[Asked] = []
        self.returned: list[int] = []

    def taken(self) -> tuple[list[Asked], list[int]]:
        """Return what was asked for and given back since the last time."""
        taken = self.asked, self.returned
        self.asked, self.returned = [], []
        return taken

    def vector(self, packet: int, tick: int, full: int = 0) -> tuple[Any, Any]:
        """Return a vector of one frame, whose number is in its source MAC; ``full`` frames stand behind it already."""
        vector, arena = self.only
        vector.count, vector.received = 1 + full, 1
        vector.source_mac[0], vector.timestamp_ns[0] = packet, tick << int(TICK_SHIFT)
        return vector, arena

    def read(self, vector: Any, arena: Any, first: int = 1) -> None:
        """Read the frames from ``first`` on."""
        for k in range(first, vector.count):
            assert vector.cause[k] == 0
            if vector.verdict[k] == RETURNED:
                self.returned.append(int(vector.source_mac[k]))
                assert (vector.domain[k], vector.in_port[k], vector.vlan_tci[k]) == (5, 3, 0x2001)
            else:
                assert vector.verdict[k] == ORIGINATED
                self.asked.append(self.read_request(vector, arena, k))

    def read_request(self, vector: Any, arena: Any, k: int) -> Asked:
        """Return whom a request is for and whom it asks; all else of it must be as it must be."""
        at, domain = int(vector.head_at[k]), int(vector.domain[k])
        raw = arena.heads[at : at + int(vector.length[k])].tobytes()
        frame, which = Ether(raw), DOMAINS[domain]
        mac, to = own_mac(which).to_bytes(6, "little").hex(":"), raw[:6]
        assert vector.vlan_tci[k] == 0
        if ARP in frame:
            target = frame[ARP].pdst
            what = ARP(op=1, hwsrc=mac, psrc=own_address(which), hwdst="00:00:00:00:00:00", pdst=target)
            expected, is_to_all = Ether(dst=to.hex(":"), src=mac) / what, to == b"\xff" * 6
        else:
            target = frame[ICMPv6ND_NS].tgt
            last = ip_address(target).packed[-3:]
            is_to_all = to == b"\x33\x33\xff" + last
            group = str(ip_address(bytes.fromhex("ff0200000000000000000001ff") + last))
            packet = IPv6(src=LINK_LOCAL, dst=group if is_to_all else target, hlim=255) / ICMPv6ND_NS(tgt=target)
            expected = Ether(dst=to.hex(":"), src=mac) / packet / ICMPv6NDOptSrcLLAddr(lladdr=mac)
        assert raw == bytes(expected)
        return domain, target, 0 if is_to_all else int.from_bytes(to, "little")

    def send(self, key: tuple[int, str], packet: int, tick: int, full: int = 0) -> str:
        """Return what becomes of a packet: the MAC that it goes to, "waits", "refused" or "no room"."""
        vector, arena = self.vector(packet, tick, full)
        (domain, address), now = key, np.uint64(tick)
        mac, act = meet_neighbour(self.neighbours, domain, *halves(address), now)
        kept = False
        if act in (SEND_AND_PROBE, ASK, WAIT):
            neighbours, parking, interfaces = self.neighbours, self.parking, self.interfaces
            where = (domain, *halves(address), act, now)
            kept = bool(wait_for_neighbour(neighbours, parking, interfaces, vector, arena, 0, *where))
        self.read(vector, arena, 1 + full)
        if act in (SEND, SEND_AND_PROBE):
            return hex(mac)
        return {UNREACHABLE: "refused", NO_ROOM: "no room"}.get(act, "waits" if kept else "no room")

    def hear(self, key: tuple[int, str], mac: int, kind: int, may_create: bool, tick: int, full: int = 0) -> None:
        """Let news come in."""
        vector, arena = self.vector(0, tick, full)
        where = (key[0], *halves(key[1]), np.uint64(mac), kind, may_create, np.uint64(tick))
        note_neighbour(self.neighbours, self.parking, vector, arena, 0, *where)
        self.read(vector, arena, 1 + full)

    def pass_time(self, tick: int, full: int = 0) -> None:
        """Let the timers run."""
        vector, arena = self.vector(0, tick, full)
        now = np.uint64(tick)
        run_neighbour_timers(self.neighbours, self.parking, self.interfaces, vector, arena, 0, now)
        self.read(vector, arena, 1 + full)

    def entries(self) -> int:
        """Return how many entries the table counts."""
        return int(self.neighbours.head.entries[0])

"""What all of the router works with: interfaces, routes, neighbours, the clock, and what it says to whom."""

from collections import deque
from ipaddress import IPv4Address

from control.model import Configuration, Port
from tests.naive.discovery import solicit, write_arp
from tests.naive.domains import Domain
from tests.naive.fdb import TICK_SHIFT
from tests.naive.forwarding import Forwarding
from tests.naive.frames import CONSUMED, Fate, Frame, Own, Parcel, Ways
from tests.naive.icmp import NO_PROTOCOL, TOO_BIG, error_about, may_err
from tests.naive.interfaces import interfaces_of
from tests.naive.judge import Judge
from tests.naive.nat import Nat
from tests.naive.neighbours import Neighbour, Neighbours
from tests.naive.overlay import vtep_of
from tests.naive.packet import Packet, read_packet
from tests.naive.storm import TokenBucket
from tests.naive.wire import Address, ethernet, ethertype_of

ERRORS_A_SECOND, ERRORS_AT_ONCE = 1000, 50
UNSPECIFIED = IPv4Address(0)


class Node:
    """One node's router. ``caused`` are the frames that the one at hand has caused: they come right after it."""

    def __init__(self, configuration: Configuration, ways: Ways) -> None:
        self.ways = ways
        self.neighbours = Neighbours(configuration.limits.neighbours, configuration.timeouts.neighbour_s)
        self.errors: dict[str, TokenBucket] = {}
        self.caused: deque[Frame | Own | Parcel] = deque()
        self.now_ns, self.tick = 0, 0
        self.changes = 1
        self.nat = Nat(configuration)
        self.configuration = configuration
        self.reconfigure(configuration)

    def reconfigure(self, configuration: Configuration) -> None:
        """Take another configuration; what is known of neighbours stays. Nobody is judged anew by the same one."""
        self.changes += configuration != self.configuration
        self.configuration = configuration
        self.interfaces = interfaces_of(configuration)
        self.by_domain = {domain: each for each in self.interfaces for domain in each.domains}
        self.forwarding = Forwarding(configuration, self.interfaces)
        self.vtep = vtep_of(configuration, self.interfaces)
        self.nat.reconfigure(configuration)
        self.judge = Judge(configuration, self.changes)

    def set_time(self, now_ns: int) -> None:
        """Say what time it is."""
        self.now_ns, self.tick = now_ns, now_ns >> TICK_SHIFT

    def ask(self, domain: Domain, address: Address, entry: Neighbour) -> None:
        """Ask who has an address, or by its MAC whether it still has. Where other nodes hear it the router says not who
        asks, for there its address is another's as well: it probes (RFC 5227)."""
        interface = self.by_domain[domain]
        if address.version == 6:
            request = solicit(interface.mac, interface.link_local, address, entry.mac)
        else:
            own = interface.own_address(4)
            if own is None:
                return
            if self.vtep and self.vtep.has(domain):
                own = UNSPECIFIED
            to = entry.mac or b"\xff" * 6
            request = write_arp(1, interface.mac, own, bytes(6), address, to)
        self.caused.append(Own(domain, request, target=address))

    def answer(self, frame: Frame, data: bytes) -> Fate:
        """Answer a frame, which ends with that."""
        self.ways.back(frame, data)
        return CONSUMED

    def refuse(
        self, frame: Frame, packet: Packet, reason: str, says: dict[int, tuple[int, int]], rest: int = 0
    ) -> Fate:
        """Drop a packet, and say why to its sender, unless that has been said too often."""
        source = self.by_domain[frame.domain].own_address(packet.version)
        if says is NO_PROTOCOL and packet.version == 6:
            rest = 6  # Where in the packet the unknown header's number is.
        if source and may_err(frame.data, packet) and self.has_token(frame.port):
            self.say(frame, packet, error_about(packet, source, *says[packet.version], rest))
        return Fate("drop", reason)

    def refuse_size(self, frame: Frame, mtu: int) -> Fate:
        """Drop a frame whose packet is too big for other nodes, and say so to its sender if there is a gateway."""
        packet = read_packet(frame.data) if frame.data[12:14] in (b"\x08\x00", b"\x86\xdd") else None
        if packet is None or frame.domain not in self.by_domain:
            return Fate("drop", "packet_too_big")
        return self.refuse(frame, packet, "packet_too_big", TOO_BIG, mtu)

    def say(self, frame: Frame, packet: Packet, said: bytes) -> None:
        """Send a packet back to whoever a frame came from."""
        own = self.by_domain[frame.domain].mac
        whole = ethernet(frame.data[6:12], own, ethertype_of(packet.version), said)
        self.ways.back(frame, whole)

    def has_token(self, port: Port) -> bool:
        """Whether another error may be sent by a port."""
        bucket = self.errors.setdefault(port.name, TokenBucket(ERRORS_A_SECOND, ERRORS_AT_ONCE))
        return bucket.take(self.now_ns)

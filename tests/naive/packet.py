"""A packet as the router sees it: what its headers say, and for an ICMP error which packet it quotes."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from tests.naive.wire import ICMP, ICMPV6, SCTP, TCP, UDP, Address
from tests.packet.naive import SHORTEST_TRANSPORT, parse, query_ports

IPV4_ERRORS = {3, 4, 11, 12}
IPV6_ERRORS = {1, 2, 3, 4}
REDIRECTS = {ICMP: 5, ICMPV6: 137}
EXTENSIONS = (0, 43, 44, 60)


class Tuple(NamedTuple):
    """What packets of one direction of a conversation have in common."""

    source: Address
    destination: Address
    protocol: int
    sport: int
    dport: int

    def reversed(self) -> "Tuple":
        """Return the tuple of packets that go the other way."""
        return Tuple(self.destination, self.source, self.protocol, self.dport, self.sport)


@dataclass(frozen=True)
class Packet:
    """``data`` is the packet without padding; ``transport`` where its transport header is, None if not to be read."""

    data: bytes
    version: int
    tuple: Tuple
    fragment: str
    transport: int | None

    @property
    def ttl(self) -> int:
        """Time to live, or hop limit."""
        return self.data[8] if self.version == 4 else self.data[7]

    @property
    def may_be_cut(self) -> bool:
        """Whether a router may fragment it."""
        return self.version == 4 and not self.data[6] & 0x40

    @property
    def icmp_type(self) -> int | None:
        """The type of an ICMP message of the packet's own family."""
        own = ICMP if self.version == 4 else ICMPV6
        return self.data[self.transport] if self.tuple.protocol == own and self.transport is not None else None

    @property
    def is_error(self) -> bool:
        """Whether it is an ICMP error that quotes a packet."""
        return self.icmp_type in (IPV4_ERRORS if self.version == 4 else IPV6_ERRORS)

    @property
    def is_message(self) -> bool:
        """Whether it is ICMP that neither asks nor answers."""
        own = ICMP if self.version == 4 else ICMPV6
        return (self.tuple.protocol, self.tuple.sport, self.tuple.dport) == (own, 0, 0)


def read_packet(frame: bytes) -> Packet | None:
    """Return the packet in an untagged ``frame``, or None if its header is wrong."""
    parsed = parse(frame)
    if parsed is None:
        return None
    source, destination = parsed.source, parsed.destination
    ends: tuple[Address, Address] = (IPv6Address(source), IPv6Address(destination))
    if not parsed.is_ipv6:
        ends = (IPv4Address(source & 0xFFFFFFFF), IPv4Address(destination & 0xFFFFFFFF))
    return Packet(
        frame[14 : 14 + parsed.total],
        6 if parsed.is_ipv6 else 4,
        Tuple(ends[0], ends[1], parsed.protocol, *parsed.ports),
        parsed.fragment,
        parsed.transport,
    )


def lacks_transport(packet: Packet) -> bool:
    """Whether a transport header should be there and is not, or not whole."""
    if packet.fragment == "later":
        return False
    return packet.tuple.protocol in SHORTEST_TRANSPORT and packet.transport is None


@dataclass(frozen=True)
class Quote:
    """The packet that an ICMP error quotes: where in the error its parts are, and the tuple of what goes where the
    error goes. ``length`` is that of the quoted transport part as its header says."""

    towards: Tuple
    packet: int
    transport: int
    end: int
    fragment: str
    length: int


def read_quote(packet: Packet) -> Quote | None:
    """Return what the error ``packet`` quotes, or None if that does not say which conversation it belonged to."""
    assert packet.transport is not None
    at, end = packet.transport + 8, min(len(packet.data), 320 - 14)
    if packet.version == 4:
        return read_quote4(packet.data, at, end)
    return read_quote6(packet.data, at, end)


def read_quote4(data: bytes, at: int, end: int) -> Quote | None:
    """Return the IPv4 packet quoted at ``at``."""
    if at + 20 > end:
        return None
    header, placed = (data[at] & 15) * 4, int.from_bytes(data[at + 6 : at + 8], "big")
    if data[at] >> 4 != 4 or header < 20 or placed & 0x1FFF:
        return None
    source, destination = IPv4Address(data[at + 12 : at + 16]), IPv4Address(data[at + 16 : at + 20])
    length = max(int.from_bytes(data[at + 2 : at + 4], "big") - header, 0)
    fragment = "first" if placed & 0x2000 else "whole"
    return finish_quote(data, at, at + header, end, fragment, length, source, destination, data[at + 9])


def read_quote6(data: bytes, start: int, end: int) -> Quote | None:
    """Return the IPv6 packet quoted at ``start``."""
    if start + 40 > end or data[start] >> 4 != 6:
        return None
    following, at, fragment = data[start + 6], start + 40, "whole"
    for _ in range(8):
        if following not in EXTENSIONS:
            break
        if at + 8 > end:
            return None
        length = 8
        if following == 44:
            placed = int.from_bytes(data[at + 2 : at + 4], "big")
            if placed >> 3:
                return None
            fragment = "first" if placed & 1 else "whole"
        else:
            length = 8 + 8 * data[at + 1]
        following, at = data[at], at + length
    source, destination = IPv6Address(data[start + 8 : start + 24]), IPv6Address(data[start + 24 : start + 40])
    length = max(int.from_bytes(data[start + 4 : start + 6], "big") - (at - start - 40), 0)
    return finish_quote(data, start, at, end, fragment, length, source, destination, following)


def finish_quote(
    data: bytes,
    at: int,
    transport: int,
    end: int,
    fragment: str,
    length: int,
    source: Address,
    destination: Address,
    protocol: int,
) -> Quote | None:
    """Return the quote, its ports read, if eight bytes of its transport header are there."""
    if transport + 8 > end:
        return None
    ports = (0, 0)
    if protocol in (TCP, UDP, SCTP):
        ports = (
            int.from_bytes(data[transport : transport + 2], "big"),
            int.from_bytes(data[transport + 2 : transport + 4], "big"),
        )
    elif protocol == (ICMP if source.version == 4 else ICMPV6):
        ports = query_ports(protocol, data[transport], int.from_bytes(data[transport + 4 : transport + 6], "big"))
    towards = Tuple(source, destination, protocol, *ports).reversed()
    return Quote(towards, at, transport, min(end, transport + max(length, 8)), fragment, length)

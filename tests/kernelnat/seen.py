"""What is seen of a packet that leaves a router, whichever port the router gave it.

Ports and addresses that the router gave are named as the inside end's own. A checksum is told by how far it is from
what it should be, which a right translation changes neither for a whole packet nor for the quoted part of one.
Fragments are put together; what is incomplete, nobody can read, and it counts as not there.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address

from tests.kernelnat.craft import (
    FRAGMENT_HEADER,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    checksum,
    icmp_protocol,
    pseudo,
    with_checksum,
)
from tests.kernelnat.messages import Conversation
from tests.kernelnat.place import Side

CHECKSUM_AT = {TCP: 16, UDP: 6}
QUERIES = {ICMP: (8, 0, 13, 14), ICMPV6: (128, 129)}
REQUESTS = {ICMP: (8, 13), ICMPV6: (128,)}
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: (1, 2, 3, 4)}
THEIRS = 77
"""The identification of errors that stations send."""


@dataclass(frozen=True)
class Ends:
    """Whose packets are seen: the conversation, and its port outside."""

    of: Conversation
    mapped: int

    def own(self, address: str, port: int) -> tuple[str, int]:
        """Return the inside end's own address and port if these are what it has outside."""
        if (address, port) == (self.of.family.outside_router, self.mapped):
            return self.of.inside, self.of.inside_port
        return address, port


@dataclass(frozen=True)
class Seen:
    """A packet. ``flaws`` are how far the IP header's and the transport's checksums are off."""

    side: Side
    source: tuple[str, int]
    destination: tuple[str, int]
    protocol: int
    hops: int
    labels: tuple[int, ...]
    body: bytes
    flaws: tuple[int, int | None]
    quoted: "Seen | None" = None

    def __str__(self) -> str:
        way = f"{self.source[0]}:{self.source[1]} > {self.destination[0]}:{self.destination[1]}"
        text = f"{self.side.value} [{self.protocol}] {way} hops {self.hops} {self.labels} flaws {self.flaws}"
        text += f" {len(self.body)} bytes {self.body[:20].hex()}"
        return f"{text} about ({self.quoted})" if self.quoted else text


def look(side: Side, packets: Iterable[bytes], ends: Ends) -> list[Seen]:
    """Return what is seen of the packets that left at one side."""
    return [see(side, packet, ends) for packet in put_together(packets)]


def put_together(packets: Iterable[bytes]) -> list[bytes]:
    """Return the packets whole, in the order of their ends; incomplete ones are not among them."""
    whole: list[bytes] = []
    parts: dict[tuple[bytes, ...], dict[int, bytes]] = {}
    lasts: dict[tuple[bytes, ...], int] = {}
    for packet in packets:
        placed = place_of(packet)
        if placed is None:
            whole.append(packet)
            continue
        key, start, is_last, header, data = placed
        parts.setdefault(key, {})[start] = data
        if is_last:
            lasts[key] = start + len(data)
        payload = b"".join(parts[key][at] for at in sorted(parts[key]))
        if key in lasts and len(payload) == lasts[key] and 0 in parts[key]:
            whole.append(with_payload(header, payload))
    return whole


def place_of(packet: bytes) -> tuple[tuple[bytes, ...], int, bool, bytes, bytes] | None:
    """Return a fragment's key, offset, whether it is the last, its header without what makes it one, and its data; None
    for a whole packet."""
    if packet[0] >> 4 == 4:
        (placed,) = struct.unpack_from("!H", packet, 6)
        if not placed & 0x3FFF:
            return None
        key = packet[4:6], packet[9:10], packet[12:20]
        header = packet[:6] + struct.pack("!H", placed & 0x4000) + packet[8:20]
        return key, (placed & 0x1FFF) * 8, not placed & 0x2000, header, packet[20:]
    if packet[6] != FRAGMENT_HEADER:
        return None
    (placed,) = struct.unpack_from("!H", packet, 42)
    header = packet[:6] + packet[40:41] + packet[7:40]
    return (packet[44:48], packet[8:40]), placed & 0xFFF8, not placed & 1, header, packet[48:]


def with_payload(header: bytes, payload: bytes) -> bytes:
    """Return the packet of this header, lengths and checksum made right."""
    if header[0] >> 4 == 6:
        return header[:4] + struct.pack("!H", len(payload)) + header[6:] + payload
    header = header[:2] + struct.pack("!H", 20 + len(payload)) + header[4:10] + b"\0\0" + header[12:]
    return with_checksum(header, 10, checksum(header)) + payload


def see(side: Side, packet: bytes, ends: Ends) -> Seen:
    """Return what is seen of a whole packet, or of as much of it as is quoted."""
    if packet[0] >> 4 == 4:
        header, protocol, hops = 20, packet[9], packet[8]
        addresses = packet[12:16], packet[16:20]
        labels = packet[1], *struct.unpack_from("!HH", packet, 4)
        flaw = off(packet[:20], 10, b"")
    else:
        header, protocol, hops = 40, packet[6], packet[7]
        addresses = packet[8:24], packet[24:40]
        labels = struct.unpack_from("!I", packet, 0)
        flaw = 0
    source, destination = (str(ip_address(each)) for each in addresses)
    whole = Seen(side, (source, 0), (destination, 0), protocol, hops, labels, packet[header:], (flaw, None))
    if protocol in CHECKSUM_AT:
        return see_ports(whole, ends)
    if protocol == icmp_protocol(source):
        return see_icmp(whole, ends)
    return replace(whole, source=hidden(whole, ends), body=packet[header:])


def hidden(seen: Seen, ends: Ends) -> tuple[str, int]:
    """Return the source of a packet without ports: outside, the router's address is the inside end's."""
    if (
        seen.side is Side.OUTSIDE
        and seen.source[0] == ends.of.family.outside_router
        and seen.protocol == ends.of.protocol
    ):
        return ends.of.inside, 0
    return seen.source


def see_ports(seen: Seen, ends: Ends) -> Seen:
    """Return what is seen of a TCP segment or UDP datagram."""
    body, at = seen.body, CHECKSUM_AT[seen.protocol]
    sport, dport = struct.unpack_from("!HH", body)
    flaw = None
    if len(body) >= at + 2:
        has_none = seen.protocol == UDP and body[6:8] == b"\0\0"
        covered = pseudo(seen.source[0], seen.destination[0], seen.protocol, len(body))
        flaw = None if has_none else off(body, at, covered)
        body = with_checksum(body, at, 0)
    source, destination = ends.own(seen.source[0], sport), ends.own(seen.destination[0], dport)
    return replace(seen, source=source, destination=destination, body=body[4:], flaws=(seen.flaws[0], flaw))


def see_icmp(seen: Seen, ends: Ends) -> Seen:
    """Return what is seen of an ICMP message."""
    body, kind = seen.body, seen.body[0]
    covered = pseudo(seen.source[0], seen.destination[0], seen.protocol, len(body)) if seen.protocol == ICMPV6 else b""
    seen = replace(seen, flaws=(seen.flaws[0], off(body, 2, covered)))
    if kind in QUERIES[seen.protocol]:
        (identifier,) = struct.unpack_from("!H", body, 4)
        if kind in REQUESTS[seen.protocol]:
            seen = replace(seen, source=ends.own(seen.source[0], identifier))
        else:
            seen = replace(seen, destination=ends.own(seen.destination[0], identifier))
        return replace(seen, body=body[:2] + body[6:])
    if kind not in ERRORS[seen.protocol]:
        return seen
    theirs = seen.protocol == ICMP and seen.labels[1] == THEIRS
    quoted = see(seen.side, body[8:], ends)
    return replace(seen, body=body[:2] + body[4:8], quoted=quoted, labels=seen.labels if theirs else ())


def off(data: bytes, at: int, covered: bytes) -> int:
    """Return how far the checksum in ``data`` is from what it should be with what else it covers, modulo 0xFFFF."""
    (stored,) = struct.unpack_from("!H", data, at)
    return (stored - checksum(covered, with_checksum(data, at, 0))) % 0xFFFF

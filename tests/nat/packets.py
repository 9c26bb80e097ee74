"""Packets for the translator: made by scapy, laid into a vector, with the columns that a parser would fill."""

import random
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import numpy as np
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet, Raw

from dataplane.flow.tables import TUPLE_DTYPE
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, SPILL_BYTES, make_arena, make_vector
from dataplane.wire import ETHERNET_BYTES, IPV4_MAPPED_PREFIX

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "query": 1, "answer": 1, "other": 47}
ECHO = {4: 8, 6: 128}
_LOW = (1 << 64) - 1


@dataclass(frozen=True)
class Ends:
    """Both ends of a packet; of an ICMP query the id is the source port, of an answer the destination port."""

    source: str
    destination: str
    sport: int
    dport: int

    @property
    def version(self) -> int:
        return ip_address(self.source).version

    def reversed(self) -> "Ends":
        return Ends(self.destination, self.source, self.dport, self.sport)


def random_ends(chance: random.Random, version: int) -> Ends:
    """Return any two addresses and ports, extremes among them."""

    def address() -> str:
        if version == 4:
            return str(ip_address(chance.randrange(1 << 24, 223 << 24)))
        return str(ip_address(0x2001 << 112 | chance.getrandbits(112)))

    ports = [chance.choice([0, 0xFFFF, chance.randrange(65536)]) for _ in range(2)]
    return Ends(address(), address(), *ports)


def transport(kind: str, ends: Ends, payload: bytes) -> Packet:
    """Return what follows the IP header."""
    body = Raw(payload)
    match kind:
        case "tcp":
            return TCP(sport=ends.sport, dport=ends.dport, seq=7, flags="PA") / body
        case "udp":
            return UDP(sport=ends.sport, dport=ends.dport) / body
        case "sctp":
            return SCTP(sport=ends.sport, dport=ends.dport, tag=9) / SCTPChunkData(data=payload)
        case "query" if ends.version == 4:
            return ICMP(type=8, id=ends.sport, seq=3) / body
        case "answer" if ends.version == 4:
            return ICMP(type=0, id=ends.dport, seq=3) / body
        case "query":
            return ICMPv6EchoRequest(id=ends.sport, seq=3, data=payload)
        case "answer":
            return ICMPv6EchoReply(id=ends.dport, seq=3, data=payload)
    return body


def protocol_of(kind: str, version: int) -> int:
    """Return the number of the upper-layer protocol."""
    return 58 if version == 6 and kind in ("query", "answer") else PROTOCOLS[kind]


def make_packet(kind: str, ends: Ends, payload: bytes, extras: int) -> bytes:
    """Return an IP packet with ``extras`` words of options, or extension headers."""
    protocol = protocol_of(kind, ends.version)
    if ends.version == 4:
        options = [IPOption_NOP() for _ in range(4 * extras)]
        network = IP(src=ends.source, dst=ends.destination, proto=protocol, ttl=64, options=options)
        return bytes(network / transport(kind, ends, payload))
    network = IPv6(src=ends.source, dst=ends.destination, hlim=64)
    for layer in (IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt)[:extras]:
        network = network / layer(options=[PadN(optdata=b"\0" * 4)])
    network.lastlayer().nh = protocol
    return bytes(network / transport(kind, ends, payload))


def transport_offset(packet: bytes) -> int:
    """Return where the transport header of a packet of ``make_packet`` begins."""
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4
    at, following = 40, packet[6]
    while following in (0, 60):
        following, at = packet[at], at + 8 + 8 * packet[at + 1]
    return at


def ports_of(kind: str, ends: Ends) -> tuple[int, int]:
    """Return the ports as columns and keys have them."""
    match kind:
        case "query":
            return ends.sport, ECHO[ends.version]
        case "answer":
            return ECHO[ends.version], ends.dport
        case "other":
            return 0, 0
    return ends.sport, ends.dport


def halves(address: str) -> tuple[int, int]:
    """Return an address as columns and keys have it."""
    parsed = ip_address(address)
    if parsed.version == 4:
        return 0, int(IPV4_MAPPED_PREFIX) | int(parsed)
    return int(parsed) >> 64, int(parsed) & _LOW


def key_of(kind: str, ends: Ends) -> Any:
    """Return the TUPLE_DTYPE record of a packet with these ends."""
    key = np.zeros(1, TUPLE_DTYPE).view(np.recarray)[0]
    key.source_high, key.source_low = halves(ends.source)
    key.destination_high, key.destination_low = halves(ends.destination)
    sport, dport = ports_of(kind, ends)
    key.word = sport << 48 | dport << 32 | protocol_of(kind, ends.version) << 24
    return key


class OnePacket:
    """A vector of two frames, of which the second is the packet."""

    def __init__(self) -> None:
        self.vector: Any = make_vector()
        self.arena = make_arena(2)
        self.index = 1

    def lay(self, packet: bytes, kind: str, ends: Ends, fragment: int = 0) -> None:
        """Fill the slot, the spill buffer and the columns."""
        vector, i = self.vector, self.index
        frame = np.frombuffer(b"\x02" * ETHERNET_BYTES + packet, np.uint8)
        at = i * SLOT_BYTES + FRAME_AT
        head = min(len(frame), HEAD_BYTES)
        self.arena.heads[i * SLOT_BYTES : (i + 1) * SLOT_BYTES] = 0
        self.arena.heads[at : at + head] = frame[:head]
        self.arena.tails[i * SPILL_BYTES :][: len(frame) - head] = frame[head:]
        vector.count = vector.received = 2
        vector.head_at[i], vector.head_length[i], vector.tail_length[i] = at, head, len(frame) - head
        vector.length[i] = len(frame)
        vector.packet_bytes[i] = len(packet)
        vector.is_ipv6[i] = ends.version == 6
        vector.protocol[i] = protocol_of(kind, ends.version)
        vector.fragment[i] = fragment
        vector.transport_at[i] = 0 if fragment == 2 else at + ETHERNET_BYTES + transport_offset(packet)
        sport, dport = ports_of(kind, ends)
        vector.ports[i] = sport << 16 | dport

    @property
    def virtio(self) -> Any:
        """The frame's virtio-net header."""
        return self.arena.heads[self.index * SLOT_BYTES :][:12]

    @property
    def packet(self) -> bytes:
        """The packet as it is now."""
        vector, i = self.vector, self.index
        at = int(vector.head_at[i])
        head = self.arena.heads[at : at + int(vector.head_length[i])].tobytes()
        return (head + self.arena.tails[i * SPILL_BYTES :][: int(vector.tail_length[i])].tobytes())[ETHERNET_BYTES:]

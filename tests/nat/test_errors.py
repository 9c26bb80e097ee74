"""Translated ICMP errors are those that scapy makes about the translated packet, to the byte, cut where they may be."""

import random
from typing import Any

import numpy as np
import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.packet import Raw

from dataplane.vector import HEAD_BYTES
from nat.errors import read_quote, translate_error
from nat.tables import NO_ERROR, QUOTE_DTYPE, QUOTE_MALFORMED, QUOTES_LATER_FRAGMENT, QUOTES_PACKET
from tests.nat.packets import PROTOCOLS, Ends, OnePacket, key_of, make_packet, random_ends, transport_offset
from tests.scale import scaled

pytestmark = pytest.mark.kernel

VERSIONS = pytest.mark.parametrize("version", [4, 6])
KINDS = pytest.mark.parametrize("kind", PROTOCOLS)
REVERSED = {"query": "answer", "answer": "query"}
OUTER = {4: 28, 6: 48}


def make_quote() -> Any:
    return np.zeros(1, QUOTE_DTYPE).view(np.recarray)[0]


def make_error(source: str, destination: str, quoted: bytes) -> bytes:
    """Return a whole ICMP error about ``quoted``."""
    if ":" in source:
        return bytes(IPv6(src=source, dst=destination) / ICMPv6PacketTooBig(mtu=1400) / Raw(quoted))
    return bytes(IP(src=source, dst=destination) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(quoted))


def lay(one: OnePacket, error: bytes, version: int) -> None:
    """Lay an error; the kind "query" has the protocol of ICMP, and its ports matter to nobody."""
    one.lay(error, "query", Ends("::1" if version == 6 else "127.0.0.1", "", 0, 0))
    addresses = error[12:20] if version == 4 else error[8:40]
    half = len(addresses) // 2
    parts = [
        int.from_bytes(part) | (0xFFFF << 32 if version == 4 else 0) for part in (addresses[:half], addresses[half:])
    ]
    vector, i = one.vector, one.index
    for name, value in zip(("source", "destination"), parts, strict=True):
        vector[f"{name}_high"][i], vector[f"{name}_low"][i] = value >> 64, value & (1 << 64) - 1


def read(one: OnePacket, quote: Any) -> int:
    return read_quote(one.vector, one.arena.heads, one.index, quote)


@VERSIONS
@KINDS
def test_any_error_there_and_back(kind: str, version: int, seed: int) -> None:
    """What the quoted packet says comes from its far end; the error goes the other way, from somewhere between."""
    chance, one, quote = random.Random(seed), OnePacket(), make_quote()
    back = REVERSED.get(kind, kind)
    for _ in range(scaled(100, jit_off=4)):
        old, new = random_ends(chance, version), random_ends(chance, version)
        between = random_ends(chance, version).source
        extras, payload = chance.randrange(3), chance.randbytes(chance.choice([16, 17, 100]))
        packets = [make_packet(kind, ends, payload, extras) for ends in (old, new)]
        shortest = transport_offset(packets[0]) + 8
        cut = chance.choice([shortest, shortest + 5, shortest + 12, len(packets[0])])
        before = make_error(between, old.source, packets[0][:cut])
        after = make_error(new.destination, new.source, packets[1][:cut])
        lay(one, before, version)
        assert read(one, quote) == QUOTES_PACKET
        assert quote.towards == key_of(back, old.reversed())
        translate_error(one.vector, one.arena.heads, one.index, quote, key_of(back, new.reversed()))
        assert one.packet == after
        assert read(one, quote) == QUOTES_PACKET
        translate_error(one.vector, one.arena.heads, one.index, quote, key_of(back, old.reversed()))
        assert one.packet == make_error(old.destination, old.source, packets[0][:cut])


@VERSIONS
def test_a_router_on_the_way_keeps_its_address(version: int) -> None:
    one, quote = OnePacket(), make_quote()
    old = Ends("10.0.0.2", "198.51.100.7", 4, 5) if version == 4 else Ends("fd00::2", "2001:db8::7", 4, 5)
    new = Ends("203.0.113.9", old.destination, 9, 5) if version == 4 else Ends("2001:db8:9::9", old.destination, 9, 5)
    router = "192.0.2.1" if version == 4 else "2001:db8:5::1"
    outside, inside = (make_packet("udp", ends, b"payload", 0) for ends in (new, old))
    lay(one, make_error(router, new.source, outside), version)
    assert read(one, quote) == QUOTES_PACKET
    translate_error(one.vector, one.arena.heads, one.index, quote, key_of("udp", old.reversed()))
    assert one.packet == make_error(router, old.source, inside)


@VERSIONS
def test_a_quote_that_goes_on_in_the_tail(version: int, seed: int) -> None:
    one, quote, chance = OnePacket(), make_quote(), random.Random(seed)
    old, new = random_ends(chance, version), random_ends(chance, version)
    packets = [make_packet("tcp", ends, bytes(700), 0) for ends in (old, new)]
    lay(one, make_error(old.destination, old.source, packets[0]), version)
    assert one.vector.tail_length[one.index] > 0
    assert read(one, quote) == QUOTES_PACKET
    translate_error(one.vector, one.arena.heads, one.index, quote, key_of("tcp", new.reversed()))
    assert one.packet == make_error(new.destination, new.source, packets[1])
    assert quote.ends_at <= one.vector.head_at[one.index] + HEAD_BYTES


@VERSIONS
def test_quotes_cut_too_early_are_malformed(version: int, seed: int) -> None:
    one, quote, ends = OnePacket(), make_quote(), random_ends(random.Random(seed), version)
    packet = make_packet("udp", ends, b"", 1)
    for length in range(transport_offset(packet) + 8):
        lay(one, make_error(ends.destination, ends.source, packet[:length]), version)
        assert read(one, quote) == QUOTE_MALFORMED


def test_quotes_of_a_strange_header_are_malformed(seed: int) -> None:
    one, quote, ends = OnePacket(), make_quote(), random_ends(random.Random(seed), 4)
    packet = make_packet("udp", ends, b"", 0)
    for first in (0x44, 0x65, 0x05):
        lay(one, make_error(ends.destination, ends.source, bytes([first]) + packet[1:]), 4)
        assert read(one, quote) == QUOTE_MALFORMED


def test_later_fragments_have_no_flow_to_find(seed: int) -> None:
    one, quote, ends = OnePacket(), make_quote(), random_ends(random.Random(seed), 4)
    packet = make_packet("udp", ends, b"", 0)
    lay(one, make_error(ends.destination, ends.source, packet[:6] + b"\x20\x07" + packet[8:]), 4)
    assert read(one, quote) == QUOTES_LATER_FRAGMENT


@VERSIONS
@KINDS
def test_other_packets_are_no_errors(kind: str, version: int, seed: int) -> None:
    one, quote, ends = OnePacket(), make_quote(), random_ends(random.Random(seed), version)
    one.lay(make_packet(kind, ends, bytes(60), 0), kind, ends)
    assert read(one, quote) == NO_ERROR


@VERSIONS
def test_any_quote_is_read_within_its_bounds(version: int, seed: int) -> None:
    """Random bytes: with bounds checks, or as plain Python, a read outside of the slot would show."""
    one, quote, chance = OnePacket(), make_quote(), random.Random(seed)
    ends = random_ends(chance, version)
    for _ in range(scaled(300, jit_off=20)):
        packet = bytearray(make_packet("tcp", ends, bytes(40), 2))
        packet[chance.randrange(len(packet))] = chance.randrange(256)
        lay(one, make_error(ends.destination, ends.source, packet[: chance.randrange(len(packet))]), version)
        before = one.packet
        if read(one, quote) == QUOTES_PACKET:
            assert quote.ends_at <= one.vector.head_at[one.index] + 14 + one.vector.packet_bytes[one.index]
            assert quote.transport_at + 8 <= quote.ends_at
        assert one.packet == before

"""A translated packet is the packet that scapy makes with the new addresses and ports, to the byte."""

import random

import pytest

from dataplane.vector import FIRST_FRAGMENT, LATER_FRAGMENT
from nat.addresses import decrement_ttl
from nat.kernels import translate_packet
from tests.nat.packets import PROTOCOLS, Ends, OnePacket, key_of, make_packet, random_ends, transport_offset
from tests.scale import scaled

pytestmark = pytest.mark.kernel

VERSIONS = pytest.mark.parametrize("version", [4, 6])
KINDS = pytest.mark.parametrize("kind", PROTOCOLS)
INSIDE = {4: Ends("10.0.0.2", "198.51.100.7", 40000, 53), 6: Ends("fd00::2", "2001:db8::7", 40000, 53)}
OUTSIDE = {4: Ends("203.0.113.9", "198.51.100.7", 1024, 53), 6: Ends("2001:db8:9::9", "2001:db8::7", 1024, 53)}
UDP_FIELD = 6


def translate(one: OnePacket, kind: str, ends: Ends) -> bool:
    return translate_packet(one.vector, one.arena.heads, one.index, key_of(kind, ends))


@VERSIONS
@KINDS
def test_any_packet_there_and_back(kind: str, version: int, seed: int) -> None:
    chance, one = random.Random(seed), OnePacket()
    for _ in range(scaled(150, jit_off=4)):
        old, new = random_ends(chance, version), random_ends(chance, version)
        payload, extras = chance.randbytes(chance.choice([0, 1, 2, 37, 300, 1399])), chance.randrange(3)
        before, after = (make_packet(kind, ends, payload, extras) for ends in (old, new))
        one.lay(before, kind, old)
        assert translate(one, kind, new)
        assert one.packet == after
        assert translate(one, kind, old)
        assert one.packet == before


@VERSIONS
def test_the_columns_say_what_the_packet_says(version: int) -> None:
    one, new = OnePacket(), OUTSIDE[version]
    one.lay(make_packet("udp", INSIDE[version], b"x", 0), "udp", INSIDE[version])
    translate(one, "udp", new)
    key, i = key_of("udp", new), one.index
    assert (one.vector.source_high[i], one.vector.source_low[i]) == (key.source_high, key.source_low)
    assert (one.vector.destination_high[i], one.vector.destination_low[i]) == (
        key.destination_high,
        key.destination_low,
    )
    assert one.vector.ports[i] == new.sport << 16 | new.dport


def test_udp_over_ipv4_without_a_checksum_stays_so() -> None:
    one, at = OnePacket(), 20 + UDP_FIELD
    before, after = (bytearray(make_packet("udp", ends, b"data", 0)) for ends in (INSIDE[4], OUTSIDE[4]))
    before[at : at + 2] = after[at : at + 2] = b"\0\0"
    one.lay(bytes(before), "udp", INSIDE[4])
    translate(one, "udp", OUTSIDE[4])
    assert one.packet == after


@VERSIONS
def test_a_udp_checksum_that_becomes_0_is_sent_as_ffff(version: int) -> None:
    one, old, new = OnePacket(), INSIDE[version], OUTSIDE[version]
    bare = make_packet("udp", new, b"\0\0", 0)
    field = transport_offset(bare) + UDP_FIELD
    payload = bare[field : field + 2]  # What the sum lacks: with it, the checksum is 0.
    after = make_packet("udp", new, payload, 0)
    assert after[field : field + 2] == b"\xff\xff"
    one.lay(make_packet("udp", old, payload, 0), "udp", old)
    translate(one, "udp", new)
    assert one.packet == after


@VERSIONS
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_checksum_left_to_the_device_follows_the_addresses_alone(kind: str, version: int) -> None:
    """What the device adds, to the field as it stands, is the sum of the transport part; then it inverts it."""
    one, old, new = OnePacket(), INSIDE[version], OUTSIDE[version]
    whole = make_packet(kind, old, b"some data", 0)
    at = transport_offset(whole)
    field = at + {"tcp": 16, "udp": UDP_FIELD}[kind]
    blank = whole[:field] + b"\0\0" + whole[field + 2 :]
    pseudo = fold_to_word(~int.from_bytes(whole[field : field + 2]) % 0x1_0000 - word_sum(blank[at:]))
    one.lay(whole[:field] + pseudo.to_bytes(2) + whole[field + 2 :], kind, old)
    one.virtio[0] = 1
    one.virtio[6:8] = list((14 + at).to_bytes(2, "little"))
    translate(one, kind, new)
    left = int.from_bytes(one.packet[field : field + 2])
    blank = one.packet[:field] + b"\0\0" + one.packet[field + 2 :]
    completed = ~fold_to_word(left + word_sum(blank[at:])) & 0xFFFF
    assert one.packet[:field] + completed.to_bytes(2) + one.packet[field + 2 :] == make_packet(
        kind, new, b"some data", 0
    )


@pytest.mark.parametrize("kind", ["sctp", "query"])
def test_a_checksum_without_addresses_is_all_the_devices(kind: str) -> None:
    one, old, new = OnePacket(), INSIDE[4], OUTSIDE[4]
    before, after = (make_packet(kind, ends, b"data", 0) for ends in (old, new))
    field, width = {"sctp": (28, 4), "query": (22, 2)}[kind]
    one.lay(before, kind, old)
    one.virtio[0], one.virtio[6] = 1, 34
    translate(one, kind, new)
    assert one.packet == after[:field] + before[field : field + width] + after[field + width :]


def test_an_inner_checksum_left_to_the_device_is_not_the_outer_one() -> None:
    one = OnePacket()
    one.lay(make_packet("udp", INSIDE[4], b"tunnel" * 20, 0), "udp", INSIDE[4])
    one.virtio[0], one.virtio[6] = 1, 84
    translate(one, "udp", OUTSIDE[4])
    assert one.packet == make_packet("udp", OUTSIDE[4], b"tunnel" * 20, 0)


@VERSIONS
def test_later_fragments_change_their_addresses_alone(version: int) -> None:
    one = OnePacket()
    before, after = (make_packet("other", ends, b"like ports" * 4, 0) for ends in (INSIDE[version], OUTSIDE[version]))
    one.lay(before, "udp", INSIDE[version], LATER_FRAGMENT)
    translate(one, "udp", OUTSIDE[version])
    assert one.packet == after


def test_a_first_fragment_of_udp_keeps_the_checksum_of_the_whole() -> None:
    one = OnePacket()
    before, after = (make_packet("udp", ends, b"0123456789" * 8, 0) for ends in (INSIDE[4], OUTSIDE[4]))
    one.lay(before[:-24], "udp", INSIDE[4], FIRST_FRAGMENT)
    assert translate(one, "udp", OUTSIDE[4])
    assert one.packet == after[:-24]


def test_a_first_fragment_of_sctp_cannot_change_its_ports() -> None:
    one, old = OnePacket(), INSIDE[4]
    before = make_packet("sctp", old, b"data", 0)
    one.lay(before, "sctp", old, FIRST_FRAGMENT)
    assert not translate(one, "sctp", OUTSIDE[4])
    assert one.packet == before
    moved = Ends("203.0.113.9", old.destination, old.sport, old.dport)
    assert translate(one, "sctp", moved)
    assert one.packet == make_packet("sctp", moved, b"data", 0)


@VERSIONS
def test_the_ttl_goes_down_to_nothing(version: int) -> None:
    one = OnePacket()
    before = bytearray(make_packet("udp", INSIDE[version], b"x", 1))
    one.lay(bytes(before), "udp", INSIDE[version])
    for left in range(63, -1, -1):
        decrement_ttl(one.arena.heads, int(one.vector.head_at[1]) + 14, version == 6)
        assert one.packet[8 if version == 4 else 7] == left
        if version == 4:
            assert fold_to_word(word_sum(one.packet[:24])) == 0xFFFF


def word_sum(part: bytes) -> int:
    """Return the sum of the big-endian words, an odd last byte padded."""
    part += b"\0" * (len(part) & 1)
    return sum(int.from_bytes(part[k : k + 2]) for k in range(0, len(part), 2))


def fold_to_word(total: int) -> int:
    """Return the ones' complement sum as a word, 0xFFFF for zero."""
    return total % 0xFFFF or 0xFFFF

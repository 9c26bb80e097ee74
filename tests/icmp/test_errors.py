"""ICMP errors in the slots of the frames that they are about, held against what scapy would have built."""

from random import Random

import numpy as np
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrFragment,
)
from scapy.packet import Packet, Raw

from dataplane.icmp.errors import write_error4, write_error6
from dataplane.icmp.kernels import may_err
from dataplane.icmp.tables import ERROR6_BYTES, ERROR_BYTES
from tests.icmp.slots import SLOT, Slot, number
from tests.packets import BROADCAST, GROUP, header, ip4, ip6, mac
from tests.scale import scaled

pytestmark = pytest.mark.kernel

LENGTHS = [0, 1, 7, 277, 278, 279, 280, 519, 520, 521, 1183, 1184, 1185, 1500, 9000]
"""Around where the head ends, and where each family's longest error does."""


def error4(slot: Slot, kind: int, code: int, rest: int) -> bytes:
    write_error4(slot.vector, slot.arena, SLOT, np.uint64(number(ip4(1))[1]), kind, code, rest)
    assert slot.virtio() == bytes(12)
    return slot.frame()


def error6(slot: Slot, kind: int, code: int, rest: int) -> bytes:
    high, low = number(ip6(1))
    write_error6(slot.vector, slot.arena, SLOT, np.uint64(high), np.uint64(low), kind, code, rest)
    assert slot.virtio() == bytes(12)
    return slot.frame()


@pytest.mark.parametrize("length", LENGTHS)
def test_an_error_quotes_the_packet_as_it_came(length: int, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(20, jit_off=1)):
        packet = bytes(IP(src=ip4(2), dst=ip4(9), ttl=1) / UDP(sport=1, dport=2) / Raw(random.randbytes(length)))
        slot = Slot(bytes(header(mac(1), mac(2), type=0x0800)) + packet + bytes(random.choice([0, 20])))
        slot.set_virtio(random.randbytes(12))
        kind, code, rest = random.choice([(11, 0, 0), (3, 4, 1400), (3, 13, 0), (3, 1, 0)])
        outer = IP(src=ip4(1), dst=ip4(2), ttl=64, id=0, flags="DF", tos=0xC0)
        message = ICMP(bytes([kind, code, 0, 0]) + rest.to_bytes(4, "big"))
        del message.chksum
        expected = header(mac(2), mac(1)) / outer / message / Raw(packet[: ERROR_BYTES - 28])
        assert error4(slot, kind, code, rest) == bytes(expected)


ERRORS6 = {1: ICMPv6DestUnreach, 2: ICMPv6PacketTooBig, 3: ICMPv6TimeExceeded, 4: ICMPv6ParamProblem}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("at", [128, 132, 129])
def test_over_ipv6_as_well(length: int, at: int, seed: int) -> None:
    """Wherever in the slot the frame begins: then its head may end amid a word of the checksum."""
    random = Random(seed)
    for _ in range(scaled(20, jit_off=1)):
        packet = bytes(IPv6(src=ip6(2), dst=ip6(9)) / UDP(sport=1, dport=2) / Raw(random.randbytes(length)))
        slot = Slot(bytes(header(mac(1), mac(2), type=0x86DD)) + packet, at)
        kind, code, rest = random.choice([(1, 0, 0), (1, 3, 0), (2, 0, 1280), (3, 0, 0), (4, 1, 6)])
        message = ERRORS6[kind](bytes([kind, code, 0, 0]) + rest.to_bytes(4, "big"))
        del message.cksum
        outer = IPv6(src=ip6(1), dst=ip6(2), hlim=64)
        expected = header(mac(2), mac(1)) / outer / message / Raw(packet[: ERROR6_BYTES - 48])
        assert error6(slot, kind, code, rest) == bytes(expected)


def may(packet: Packet, destination: bytes = mac(1), source: bytes = mac(2)) -> bool:
    slot = Slot(bytes(header(destination, source) / packet))
    return bool(may_err(slot.vector, slot.arena.heads, SLOT))


FROM4, FROM6 = IP(src=ip4(2), dst=ip4(9)), IPv6(src=ip6(2), dst=ip6(9))


def test_what_errors_are_about() -> None:
    assert may(FROM4 / UDP())
    assert may(FROM4 / TCP())
    assert may(IP(src=ip4(2), dst=ip4(9), flags="MF") / UDP())
    assert may(FROM6 / UDP())
    assert may(IPv6(src="fe80::2", dst="fe80::1") / UDP())
    assert may(FROM6 / IPv6ExtHdrFragment(m=1) / UDP())


@pytest.mark.parametrize("kind", range(256))
def test_not_about_errors(kind: int) -> None:
    assert may(FROM4 / ICMP(type=kind)) == (kind not in (3, 4, 5, 11, 12))
    message = ICMPv6EchoRequest(type=kind)
    assert may(FROM6 / message) == (kind >= 128 and kind != 137)


def test_not_about_what_cannot_be_read() -> None:
    for packet in (FROM4 / ICMP(), FROM6 / ICMPv6EchoRequest()):
        slot = Slot(bytes(header(mac(1), mac(2)) / packet))
        slot.vector.transport_at[SLOT] = 0
        assert not may_err(slot.vector, slot.arena.heads, SLOT)


def test_not_about_later_fragments_nor_to_groups() -> None:
    assert not may(IP(src=ip4(2), dst=ip4(9), frag=1) / Raw(bytes(8)))
    assert not may(FROM6 / IPv6ExtHdrFragment(offset=1) / Raw(bytes(8)))
    assert not may(FROM4 / UDP(), destination=BROADCAST)
    assert not may(FROM4 / UDP(), destination=GROUP)
    assert not may(FROM4 / UDP(), source=GROUP)


@pytest.mark.parametrize("address", ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"])
def test_not_about_ipv4_addresses_of_no_station(address: str) -> None:
    assert not may(IP(src=address, dst=ip4(9)) / UDP())
    assert not may(IP(src=ip4(2), dst=address) / UDP())


@pytest.mark.parametrize("address", ["::", "::1", "ff02::1", "ff0e::9", "::ffff:127.0.0.1"])
def test_not_about_ipv6_addresses_of_no_station(address: str) -> None:
    assert not may(IPv6(src=address, dst=ip6(9)) / UDP())
    assert not may(IPv6(src=ip6(2), dst=address) / UDP())

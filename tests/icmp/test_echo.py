"""Echo replies, held against what scapy would have built."""

from random import Random

import pytest
from scapy.layers.inet import ICMP, IP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, PadN
from scapy.packet import Packet, Raw

from dataplane.icmp.kernels import answer_echo
from tests.icmp.slots import SLOT, Slot
from tests.packets import header, ip4, ip6, mac
from tests.scale import scaled

pytestmark = pytest.mark.kernel

LENGTHS = [0, 1, 31, 56, 300, 301, 1400, 9000]


def answer(request: Packet, at: int = 128, padding: int = 0) -> bytes:
    slot = Slot(bytes(header(mac(1), mac(2)) / request) + bytes(padding), at)
    answer_echo(slot.vector, slot.arena.heads, SLOT)
    assert slot.virtio() == bytes(12)
    return slot.frame()


@pytest.mark.parametrize("length", LENGTHS)
def test_whatever_was_sent_comes_back(length: int, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(50, jit_off=3)):
        ident, sequence, data = random.randrange(1 << 16), random.randrange(1 << 16), Raw(random.randbytes(length))
        ttl, tos, number = random.randrange(256), random.randrange(256), random.randrange(1 << 16)
        options = [IPOption_NOP()] * random.randrange(0, 9, 4)
        there = IP(src=ip4(2), dst=ip4(1), ttl=ttl, tos=tos, id=number, options=options)
        back = IP(src=ip4(1), dst=ip4(2), ttl=64, tos=tos, id=number, options=options)
        got = answer(there / ICMP(type=8, id=ident, seq=sequence) / data, random.choice([128, 132]))
        assert got == bytes(header(mac(2), mac(1)) / back / ICMP(type=0, id=ident, seq=sequence) / data)


@pytest.mark.parametrize("length", LENGTHS)
def test_over_ipv6_as_well(length: int, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(50, jit_off=3)):
        what = {"id": random.randrange(1 << 16), "seq": random.randrange(1 << 16), "data": random.randbytes(length)}
        there = IPv6(src=ip6(2), dst=ip6(1), hlim=random.randrange(256), tc=random.randrange(256), fl=7)
        back = IPv6(src=ip6(1), dst=ip6(2), hlim=64, tc=there.tc, fl=7)
        got = answer(there / ICMPv6EchoRequest(**what))
        assert got == bytes(header(mac(2), mac(1)) / back / ICMPv6EchoReply(**what))


def test_behind_an_extension_header() -> None:
    options = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
    got = answer(IPv6(src=ip6(2), dst=ip6(1), hlim=9) / options / ICMPv6EchoRequest(id=5, seq=6))
    back = IPv6(src=ip6(1), dst=ip6(2), hlim=64) / options / ICMPv6EchoReply(id=5, seq=6)
    assert got == bytes(header(mac(2), mac(1)) / back)


def test_padding_stays() -> None:
    got = answer(IP(src=ip4(2), dst=ip4(1)) / ICMP(id=1, seq=1), padding=18)
    assert got[-18:] == bytes(18)
    assert got[:-18] == bytes(header(mac(2), mac(1)) / IP(src=ip4(1), dst=ip4(2)) / ICMP(type=0, id=1, seq=1))


def test_a_checksum_left_to_the_device_is_left_to_it_still() -> None:
    left = b"\1\0\0\0\0\0" + (34).to_bytes(2, "little") + (2).to_bytes(2, "little") + bytes(2)
    slot = Slot(bytes(header(mac(1), mac(2)) / IP(src=ip4(2), dst=ip4(1)) / ICMP(id=1, seq=1, chksum=0)))
    slot.set_virtio(left)
    answer_echo(slot.vector, slot.arena.heads, SLOT)
    assert slot.virtio() == left
    expected = IP(src=ip4(1), dst=ip4(2)) / ICMP(type=0, id=1, seq=1, chksum=0)
    assert slot.frame() == bytes(header(mac(2), mac(1)) / expected)

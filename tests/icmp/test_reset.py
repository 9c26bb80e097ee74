"""TCP resets (RFC 9293 section 3.10.7.1), held against what scapy would have built."""

from random import Random

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN
from scapy.packet import Packet, Raw

from dataplane.icmp.reset import write_reset
from tests.icmp.slots import SLOT, Slot
from tests.packets import header, ip4, ip6, mac
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FIN, SYN, RST, ACK = 1, 2, 4, 16
LENGTHS = [0, 1, 4, 270, 1460, 8000]
OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]
EXTENSION = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])


def expected_answer(segment: TCP, length: int) -> TCP:
    kinds = int(segment.flags)
    ports = {"sport": segment.dport, "dport": segment.sport, "window": 0}
    if kinds & ACK:
        return TCP(**ports, flags="R", seq=segment.ack)
    taken = length + bool(kinds & SYN) + bool(kinds & FIN)
    return TCP(**ports, flags="RA", seq=0, ack=(segment.seq + taken) % (1 << 32))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("family", [4, 6])
def test_every_segment_but_a_reset_is_answered(family: int, length: int, seed: int) -> None:
    random = Random(seed)
    there: Packet = IP(src=ip4(2), dst=ip4(1), ttl=3) if family == 4 else IPv6(src=ip6(2), dst=ip6(1))
    own = {"src": ip4(1), "dst": ip4(2), "ttl": 64, "id": 0, "flags": "DF"}
    back = IP(**own) if family == 4 else IPv6(src=ip6(1), dst=ip6(2), hlim=64)
    for kinds in random.sample([kinds for kinds in range(256) if not kinds & RST], scaled(128, jit_off=4)):
        segment = TCP(
            sport=random.randrange(1 << 16),
            dport=random.randrange(1 << 16),
            seq=random.choice([0, (1 << 32) - 1, random.randrange(1 << 32)]),
            ack=random.randrange(1 << 32),
            flags=kinds,
            urgptr=5,
            options=random.choice([[], OPTIONS]),
        )
        extension = EXTENSION if family == 6 and random.random() < 0.5 else None
        packet = there / extension / segment if extension else there / segment
        slot = Slot(bytes(header(mac(1), mac(2)) / packet / Raw(random.randbytes(length))) + bytes(6))
        slot.set_virtio(random.randbytes(12))
        assert write_reset(slot.vector, slot.arena.heads, SLOT)
        assert slot.virtio() == bytes(12)
        assert slot.frame() == bytes(header(mac(2), mac(1)) / back / expected_answer(segment, length))


def refused(packet: Packet, cut: int = 0) -> bool:
    slot = Slot(bytes(header(mac(1), mac(2)) / packet))
    slot.vector.packet_bytes[SLOT] -= cut
    before = slot.frame()
    return not write_reset(slot.vector, slot.arena.heads, SLOT) and slot.frame() == before


@pytest.mark.parametrize("kinds", [kinds for kinds in range(256) if kinds & RST])
def test_no_reset_is_answered(kinds: int) -> None:
    assert refused(IP(src=ip4(2), dst=ip4(1)) / TCP(flags=kinds))
    assert refused(IPv6(src=ip6(2), dst=ip6(1)) / TCP(flags=kinds))


def test_nor_a_fragment() -> None:
    assert refused(IP(src=ip4(2), dst=ip4(1), flags="MF") / TCP())
    assert refused(IP(src=ip4(2), dst=ip4(1), frag=3) / Raw(bytes(20)))
    assert refused(IPv6(src=ip6(2), dst=ip6(1)) / IPv6ExtHdrFragment(m=1) / TCP())


@pytest.mark.parametrize("cut", range(1, 33))
def test_nor_a_header_that_is_cut(cut: int) -> None:
    assert refused(IP(src=ip4(2), dst=ip4(1)) / TCP(options=[*OPTIONS, ("NOP", None)]), cut)


@pytest.mark.parametrize("words", range(5))
def test_nor_a_header_shorter_than_its_fields(words: int) -> None:
    assert refused(IP(src=ip4(2), dst=ip4(1)) / TCP(dataofs=words))

"""Packets cut for their way out: against scapy's own cutting, and put together again."""

from random import Random
from typing import Any

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_Router_Alert, IPOption_RR, fragment
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from dataplane.fragment.cut import cut_packet
from dataplane.packet.kernels import parse_packet
from dataplane.packet.tables import PACKET
from dataplane.parse.kernels import parse_frames
from dataplane.ports.memory.kernels import load_frame
from dataplane.vector import (
    EXTRA_FRAMES,
    FIRST_FRAGMENT,
    LATER_FRAGMENT,
    SLOT_BYTES,
    SPILL_BYTES,
    make_arena,
    make_vector,
)
from dataplane.verdict import ORIGINATED
from tests.fragment.packets import framed
from tests.scale import scaled

pytestmark = pytest.mark.kernel

_vector, _arena = make_vector(), make_arena(2)
SLOT = 1
"""Not the first, so that an offset forgotten is an offset noticed."""


def load(frame: bytes) -> Any:
    """Return a vector whose second and last frame is ``frame``, parsed, on its way out."""
    load_frame(_vector, _arena, SLOT, np.frombuffer(frame, np.uint8), 0, len(frame))
    _vector.count = _vector.received = SLOT + 1
    parse_frames(_vector, _arena.heads)
    assert parse_packet(_vector, _arena.heads, SLOT) == PACKET
    _vector.in_port[SLOT], _vector.domain[SLOT], _vector.cause[SLOT] = 3, 7, 0
    _vector.timestamp_ns[SLOT] = 12345
    return _vector


def bytes_of(i: int) -> bytes:
    """Return frame ``i``."""
    at, head, tail = (int(column[i]) for column in (_vector.head_at, _vector.head_length, _vector.tail_length))
    assert head + tail == _vector.length[i]
    assert at + head <= (i + 1) * SLOT_BYTES
    return bytes(_arena.heads[at : at + head].tobytes() + _arena.tails[i * SPILL_BYTES :][:tail].tobytes())


def cut(frame: bytes, mtu: int) -> list[bytes]:
    """Return the frames that ``frame`` is cut into, or none."""
    vector = load(frame)
    if not cut_packet(vector, _arena, SLOT, mtu):
        assert vector.count == SLOT + 1
        assert bytes_of(SLOT) == frame
        return []
    for j in range(SLOT + 1, int(vector.count)):
        assert (vector.verdict[j], vector.cause[j], vector.fragment[j]) == (ORIGINATED, 0, LATER_FRAGMENT)
        for column in (vector.in_port, vector.domain, vector.timestamp_ns, vector.destination_mac, vector.source_mac):
            assert column[j] == column[SLOT]
        assert vector.ether_type[j] == 0x0800
        assert (vector.transport_at[j], vector.ports[j], vector.protocol[j]) == (0, 0, vector.protocol[SLOT])
    return [bytes_of(i) for i in range(SLOT, int(vector.count))]


def together(frames: list[bytes], mtu: int) -> bytes:
    """Return the payload that the fragments carry, each a sound packet of ``mtu`` bytes at most."""
    payload = bytearray()
    for n, frame in enumerate(frames):
        packet = Ether(frame)[IP]
        assert packet.len == len(frame) - 14 <= mtu
        assert bytes(packet.copy())[10:12] == bytes(IP(bytes(without_checksum(packet))))[10:12]
        assert packet.frag * 8 == len(payload)
        assert (n < len(frames) - 1) == packet.flags.MF
        payload += bytes(packet.payload)
    return bytes(payload)


def without_checksum(packet: Packet) -> Packet:
    """Return the packet for scapy to compute its checksum."""
    copy = packet.copy()
    del copy.chksum
    return copy


def random_packet(random: Random) -> Packet:
    """Return a packet of any length, now and then with options."""
    options: list[Packet] = []
    if random.random() < 0.5:
        choices = [
            IPOption_Router_Alert(),
            IPOption_NOP(),
            IPOption_RR(routers=["1.2.3.4"]),
            IPOption_LSRR(routers=["9.8.7.6"]),
        ]
        options = random.sample(choices, random.randrange(1, 4))
    count = random.choice([100, 300, 320, 1500, 9000, random.randrange(1, 9000)])
    return (
        IP(src="10.0.0.2", dst="192.0.2.9", id=random.getrandbits(16), options=options)
        / UDP()
        / Raw(random.randbytes(count))
    )


def test_packets_are_cut_as_scapy_cuts_them(seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(300, jit_off=10)):
        packet = IP(bytes(random_packet(random)))
        mtu = random.choice([68, 300, 576, 1280, 1500])
        if len(packet) <= mtu or len(packet) > mtu * 100:
            continue
        frames = cut(framed(packet), mtu)
        assert together(frames, mtu) == bytes(packet.payload)
        heads = {bytes(Ether(frame))[:12] for frame in frames}
        assert heads == {framed(packet)[:12]}
        if not packet.options:
            count = (mtu - 20) // 8 * 8
            assert [frame[14:] for frame in frames] == [bytes(part) for part in fragment(packet, fragsize=count)]


def test_options_go_into_later_fragments_if_they_say_so() -> None:
    options = [IPOption_RR(routers=["1.2.3.4"]), IPOption_NOP(), IPOption_Router_Alert()]
    first, second = cut(framed(IP(options=options) / UDP() / Raw(bytes(1500))), 1500)
    assert [option.option for option in Ether(first)[IP].options][:3] == [7, 1, 20]
    assert [option.option for option in Ether(second)[IP].options] == [20]
    assert Ether(second)[IP].ihl == 6


def test_options_out_of_order_are_not_copied() -> None:
    packet = IP(bytes(IP(options=[IPOption_Router_Alert()]) / UDP() / Raw(bytes(1500))))
    broken = bytearray(bytes(packet))
    broken[21] = 200
    broken[10:12] = b"\0\0"
    frames = cut(framed(IP(bytes(without_checksum(IP(bytes(broken)))))), 1500)
    assert [frame[14] & 15 for frame in frames] == [6, 5]


def test_a_fragment_is_cut_further() -> None:
    whole = IP(id=77, flags="MF", frag=100, proto=17) / Raw(bytes(n & 0xFF for n in range(1024)))
    frames = cut(framed(whole), 576)
    places = [(Ether(each)[IP].frag, bool(Ether(each)[IP].flags.MF), Ether(each)[IP].id) for each in frames]
    assert places == [(100, True, 77), (169, True, 77)]
    assert _vector.fragment[SLOT] == LATER_FRAGMENT
    last = IP(frag=100, proto=17) / Raw(bytes(1023))
    assert [bool(Ether(each)[IP].flags.MF) for each in cut(framed(last), 576)] == [True, False]


def test_the_first_part_of_a_whole_packet_is_a_first_fragment() -> None:
    assert len(cut(framed(IP() / UDP() / Raw(bytes(2000))), 1500)) == 2
    assert (_vector.fragment[SLOT], _vector.packet_bytes[SLOT]) == (FIRST_FRAGMENT, 1500)
    assert _vector.packet_bytes[SLOT + 1] == 20 + 2008 - 1480


def test_padding_behind_the_packet_goes() -> None:
    packet = IP(bytes(IP() / UDP(chksum=0) / Raw(bytes(range(200)))))
    assert together(cut(framed(packet) + b"padding", 100), 100) == bytes(packet.payload)


@pytest.mark.parametrize("count", [100, 281, 1500, 4001])
@pytest.mark.parametrize("padding", [b"", b"padding"])
def test_a_checksum_left_for_a_device_is_computed(count: int, padding: bytes) -> None:
    packet = IP(
        bytes(IP(src="10.0.0.2", dst="192.0.2.9") / UDP(sport=1, dport=2) / Raw(bytes(n & 255 for n in range(count))))
    )
    left = bytearray(framed(packet) + padding)
    length = 8 + count
    pseudo = sum((10 << 8, 2, 192 << 8, 2 << 8 | 9, 17, length))
    left[40:42] = (pseudo % 0xFFFF).to_bytes(2, "big")
    load(bytes(left))
    slot = SLOT * SLOT_BYTES
    _arena.heads[slot] = 1
    _arena.heads[slot + 6 : slot + 10] = [34, 0, 6, 0]
    assert cut_packet(_vector, _arena, SLOT, 100)
    assert together([bytes_of(i) for i in range(SLOT, int(_vector.count))], 100) == bytes(packet.payload)
    assert _arena.heads[slot] == 0


def test_what_may_not_be_cut_is_left_as_it_is() -> None:
    data = UDP() / Raw(bytes(2000))
    assert cut(framed(IP(flags="DF") / data), 1500) == []
    assert cut(framed(IP() / UDP() / Raw(bytes(100))), 1500) == [], "it fits"
    assert cut(framed(IP() / data), 27) == [], "no room for a single unit"
    vector = load(framed(IP() / data))
    _arena.heads[SLOT * SLOT_BYTES + 1] = 3
    assert not cut_packet(vector, _arena, SLOT, 1500), "a superframe"


def test_it_takes_all_or_nothing_of_the_room_there_is() -> None:
    data = framed(IP() / UDP() / Raw(bytes(3000)))
    for spare, done in ((2, True), (1, False)):
        vector = load(data)
        vector.received = 0
        vector.count = EXTRA_FRAMES - spare
        assert bool(cut_packet(vector, _arena, SLOT, 1500)) == done
        assert vector.count == EXTRA_FRAMES - (0 if done else spare)

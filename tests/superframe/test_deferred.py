"""Checksums left to a device, computed where there is none."""

from dataclasses import replace
from random import Random

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from dataplane.superframe.deferred import complete_checksum
from dataplane.vector import FRAME_AT, SLOT_BYTES, VIRTIO_BYTES
from tests.scale import scaled
from tests.superframe import rig
from tests.superframe.packets import Superframe, framed, header_bytes, network, random_packet, superframe

pytestmark = pytest.mark.kernel


def partial(packet: Packet) -> Superframe:
    """Return the packet as one that is not to be cut, its checksum left undone."""
    return replace(superframe(packet, 0), kind=0)


def completed(given: Superframe, at: int = FRAME_AT, in_head: int | None = None) -> bytes | None:
    """Return the frame with its checksum computed, or None if that is refused, with nothing changed."""
    rig.load(given, at, in_head)
    slot = rig.SLOT * SLOT_BYTES
    head, tail = int(rig.vector.head_length[rig.SLOT]), int(rig.vector.tail_length[rig.SLOT])
    done = complete_checksum(rig.arena.heads, rig.arena.tails, slot, slot + at, head, tail)
    virtio = rig.arena.heads[slot : slot + VIRTIO_BYTES].tobytes()
    if not done:
        assert (virtio, rig.bytes_of(rig.SLOT)) == (given.virtio, given.frame)
        return None
    assert not virtio[0]
    return rig.bytes_of(rig.SLOT)


def test_checksums_are_what_scapy_computes(seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(400, jit_off=20)):
        packet = random_packet(random)
        in_head = random.randrange(header_bytes(packet), 321)
        assert completed(partial(packet), FRAME_AT - random.choice([0, 4, 8]), in_head) == bytes(packet)


def test_a_udp_checksum_of_zero_is_written_as_ones() -> None:
    empty = framed(network(4) / UDP(sport=1, dport=2) / Raw(b"\0\0abcd"))
    missing = UDP(bytes(empty[UDP])).chksum
    packet = framed(network(4) / UDP(sport=1, dport=2) / Raw(missing.to_bytes(2, "big") + b"abcd"))
    assert UDP(bytes(packet[UDP])).chksum == 0xFFFF
    assert completed(partial(packet)) == bytes(packet)


def test_a_frame_that_leaves_nothing_to_a_device_stays_as_it_is() -> None:
    given = replace(partial(framed(network(4) / TCP() / Raw(b"data"))), needs=0)
    assert completed(given) == given.frame


def test_a_superframe_is_cut_instead() -> None:
    assert completed(superframe(framed(network(4) / TCP() / Raw(bytes(3000))), 1000)) is None


@pytest.mark.parametrize(("begin", "field"), [(34, 300), (34, 0xFFFF), (0xFFFF, 0xFFFF), (319, 0), (3000, 16)])
def test_a_checksum_outside_of_the_head_is_refused(begin: int, field: int) -> None:
    given = partial(framed(network(4) / TCP() / Raw(bytes(3000))))
    assert completed(replace(given, begin=begin, field=field)) is None

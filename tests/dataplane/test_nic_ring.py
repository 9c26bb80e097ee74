"""Reading a NIC's receive ring: a ring made by hand, slot by slot as the kernel fills it (linux/if_packet.h)."""

import struct
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.parse.kernels import parse_frames
from dataplane.ports.nic.kernels import receive_nic
from dataplane.ports.nic.tables import (
    STATUS_KERNEL,
    STATUS_USER,
    STATUS_VLAN_TPID_VALID,
    STATUS_VLAN_VALID,
    VIRTIO_NIC_BYTES,
)
from dataplane.ports.tables import make_devices
from dataplane.vector import HEAD_BYTES, SLOT_BYTES, SPILL_BYTES, VIRTIO_BYTES, make_arena, make_vector
from dataplane.verdict import DROP, FORWARD, OVERSIZE
from tests.packets import BROADCAST, mac, plain, service_tag, tag, tagged

pytestmark = pytest.mark.kernel

PORT = 7
SLOTS = 4
RING_SLOT = 70_000 // 16 * 16
MAC_AT = 76
FRAME = plain(BROADCAST, mac(1), 100)
PLAIN = bytes(VIRTIO_NIC_BYTES)
NOW_NS = 12345


class Nic:
    """A worker's end of a packet socket whose ring the test fills."""

    def __init__(self, vector_limit: int = 64) -> None:
        self.ring = np.zeros(SLOTS * RING_SLOT, np.uint8)
        self.devices = make_devices()
        self.devices.vector_limit = vector_limit
        device = self.devices.ports[PORT]
        device.ring, device.slot_bytes, device.slots = self.ring.ctypes.data, RING_SLOT, SLOTS
        self.vector, self.arena = make_vector(), make_arena(vector_limit)
        self.arena.heads[:] = self.arena.tails[:] = 0xEE
        self.next_slot = 0

    def fill(
        self,
        frame: bytes,
        virtio: bytes = PLAIN,
        status: int = STATUS_USER,
        tci: int = 0,
        tpid: int = 0,
        full_length: int | None = None,
    ) -> None:
        """Put a frame where the kernel would put the next one."""
        at = self.next_slot * RING_SLOT
        assert self.status(self.next_slot) == STATUS_KERNEL, "the kernel would drop it"
        header = struct.pack(
            "<IIIHHIIHH", status, full_length or len(frame), len(frame), MAC_AT, MAC_AT + 14, 0, 0, tci, tpid
        )
        self.ring[at : at + len(header)] = list(header)
        body = virtio + frame
        self.ring[at + MAC_AT - len(virtio) : at + MAC_AT + len(frame)] = np.frombuffer(body, np.uint8)
        self.next_slot = (self.next_slot + 1) % SLOTS

    def status(self, slot: int) -> int:
        return int(self.ring[slot * RING_SLOT : slot * RING_SLOT + 4].view("<u4")[0])

    def receive(self) -> list[tuple[bytes, bytes]]:
        """Return header and bytes of every frame that the worker finds."""
        self.vector.count = 0
        receive_nic(self.devices, PORT, self.vector, self.arena, np.uint64(NOW_NS))
        return [(self.header(i), self.frame(i)) for i in range(self.vector.count)]

    def header(self, i: int) -> bytes:
        return self.arena.heads[i * SLOT_BYTES : i * SLOT_BYTES + VIRTIO_BYTES].tobytes()

    def frame(self, i: int) -> bytes:
        vector = self.vector
        assert (vector.in_port[i], vector.timestamp_ns[i]) == (PORT, NOW_NS)
        head, tail = int(vector.head_at[i]), i * SPILL_BYTES
        first = self.arena.heads[head : head + int(vector.head_length[i])].tobytes()
        return first + self.arena.tails[tail : tail + int(vector.tail_length[i])].tobytes()


def with_count(virtio: bytes) -> bytes:
    """Return the header as TAPs have it, with a number of buffers."""
    return virtio + bytes(2)


def virtio(flags: int, gso_type: int, header_length: int, gso_size: int, start: int, offset: int) -> bytes:
    return struct.pack("<BBHHHH", flags, gso_type, header_length, gso_size, start, offset)


@pytest.mark.parametrize(
    "length", [14, 60, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 1514, 9216, 65_000, HEAD_BYTES + SPILL_BYTES]
)
def test_frames_of_every_length(length: int, seed: int) -> None:
    frame = FRAME[:14] + Random(seed).randbytes(length - 14)
    nic = Nic()
    nic.fill(frame)
    assert nic.receive() == [(with_count(PLAIN), frame)]
    assert nic.vector.length[0] == length
    assert nic.receive() == []


def test_slots_go_round_and_back_to_the_kernel() -> None:
    nic = Nic()
    frames = [FRAME + bytes([k]) for k in range(11)]
    found: list[bytes] = []
    for first in range(0, len(frames), 3):
        for frame in frames[first : first + 3]:
            nic.fill(frame)
        found += [frame for _, frame in nic.receive()]
        assert [nic.status(slot) for slot in range(SLOTS)] == [STATUS_KERNEL] * SLOTS
    assert found == frames


def test_no_more_than_the_vector_holds_is_taken() -> None:
    nic = Nic(vector_limit=3)
    for k in range(4):
        nic.fill(FRAME + bytes([k]))
    assert [frame[-1] for _, frame in nic.receive()] == [0, 1, 2]
    assert [nic.status(slot) for slot in range(SLOTS)] == [STATUS_KERNEL] * 3 + [STATUS_USER]
    assert [frame[-1] for _, frame in nic.receive()] == [3]


VLAN = STATUS_USER | STATUS_VLAN_VALID


@pytest.mark.parametrize("length", [14, 60, HEAD_BYTES - 4, HEAD_BYTES - 3, HEAD_BYTES, 3000])
@pytest.mark.parametrize(
    ("status", "tpid", "tags"),
    [
        (VLAN | STATUS_VLAN_TPID_VALID, 0x8100, tag(10, pcp=5, dei=1)),
        (VLAN | STATUS_VLAN_TPID_VALID, 0x88A8, service_tag(10, pcp=5)),
        (VLAN, 0, tag(10, pcp=5, dei=1)),
    ],
)
def test_the_tag_that_the_kernel_took_out_is_put_back(
    status: int, tpid: int, tags: Any, length: int, seed: int
) -> None:
    frame = FRAME[:14] + Random(seed).randbytes(length - 14)
    expected = tagged(frame, tags)
    nic = Nic()
    nic.fill(frame, status=status, tci=int.from_bytes(expected[14:16], "big"), tpid=tpid)
    assert nic.receive() == [(with_count(PLAIN), expected)]
    assert nic.vector.length[0] == len(expected)


def test_a_priority_tag_of_nothing_is_a_tag_and_a_tag_left_in_place_stays() -> None:
    nic = Nic()
    nic.fill(FRAME, status=VLAN | STATUS_VLAN_TPID_VALID, tci=0, tpid=0x8100)
    nic.fill(tagged(FRAME, tag(7)), tci=99, tpid=0x8100)
    assert [frame for _, frame in nic.receive()] == [tagged(FRAME, tag(0)), tagged(FRAME, tag(7))]


def test_checksums_are_counted_from_behind_the_tag_that_was_put_back() -> None:
    nic = Nic()
    nic.fill(FRAME, virtio(1, 0, 0, 0, 34, 16), status=VLAN | STATUS_VLAN_TPID_VALID, tci=10, tpid=0x8100)
    nic.fill(FRAME, virtio(1, 1, 54, 1460, 34, 16), status=VLAN | STATUS_VLAN_TPID_VALID, tci=10, tpid=0x8100)
    nic.fill(FRAME, virtio(1, 1, 54, 1460, 34, 16))
    assert [header for header, _ in nic.receive()] == [
        with_count(virtio(1, 0, 0, 0, 38, 16)),
        with_count(virtio(1, 1, 58, 1460, 38, 16)),
        with_count(virtio(1, 1, 54, 1460, 34, 16)),
    ]


@pytest.mark.parametrize("header", [PLAIN, virtio(1, 1, 54, 1460, 34, 16)])
@pytest.mark.parametrize("length", [100, HEAD_BYTES + SPILL_BYTES + 1])
def test_a_frame_that_was_cut_goes_nowhere(header: bytes, length: int) -> None:
    """By the kernel, to its slot, or by us, to a spill buffer: what is left of it must not pass for the whole."""
    nic = Nic()
    nic.fill(FRAME[:14] + bytes(length - 14), header, full_length=max(length, 101))
    nic.fill(FRAME)
    nic.receive()
    parse_frames(nic.vector, nic.arena.heads)
    assert (nic.vector.verdict[0], nic.vector.reason[0]) == (DROP, OVERSIZE)
    assert nic.vector.verdict[1] == FORWARD

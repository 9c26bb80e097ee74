"""Vectors of random frames as admission leaves them, and what such a frame is, for tests."""

from random import Random
from typing import Any, NamedTuple

import numpy as np

from dataplane.fdb.tables import TICK_SHIFT
from dataplane.parking.tables import PARKED_BYTES, PARKING_HEAD_DTYPE, PLACE_DTYPE, PLACES, Parking, view_parking
from dataplane.vector import (
    FRAME_AT,
    HEAD_BYTES,
    SLOT_BYTES,
    SPILL_BYTES,
    VIRTIO_BYTES,
    Arena,
    make_arena,
    make_vector,
)


class Frame(NamedTuple):
    """All that must come back."""

    virtio: bytes
    offset: int
    head: bytes
    tail: bytes
    columns: tuple[int, ...]


COLUMNS = (
    "destination_mac",
    "source_mac",
    "ether_type",
    "in_port",
    "domain",
    "vlan_tci",
    "egress_judgement",
    "ingress_judgement",
)


def make_parking() -> Parking:
    """Return places in this process's memory."""
    head = np.zeros(1, PARKING_HEAD_DTYPE).view(np.recarray)[0]
    return view_parking(head, np.zeros(PLACES, PLACE_DTYPE).view(np.recarray), np.zeros(PARKED_BYTES, np.uint8))


def random_frame(random: Random, longest_tail: int = 9216) -> Frame:
    """Return a frame; what follows a full head is its tail."""
    offset = FRAME_AT + random.randrange(5) * 4
    length = random.choice([14, 60, HEAD_BYTES - 16, random.randrange(14, HEAD_BYTES - 16)])
    tail = b""
    if random.random() < 0.3:
        length = SLOT_BYTES - offset
        tail = random.randbytes(random.choice([1, longest_tail, random.randrange(1, longest_tail + 1)]))
    widths = (48, 48, 16, 10, 13, 16, 20, 20)
    columns = tuple(random.getrandbits(width) for width in widths)
    return Frame(random.randbytes(VIRTIO_BYTES), offset, random.randbytes(length), tail, columns)


def vector_of(frames: list[Frame], tick: int) -> tuple[Any, Arena]:
    """Return a vector into which ``frames`` came at ``tick``, and its arena."""
    vector, arena = make_vector(), make_arena(max(len(frames), 1))
    vector.count = vector.received = len(frames)
    vector.timestamp_ns[:] = tick << int(TICK_SHIFT)
    for i, frame in enumerate(frames):
        base = i * SLOT_BYTES
        arena.heads[base : base + VIRTIO_BYTES] = list(frame.virtio)
        start = base + frame.offset
        arena.heads[start : start + len(frame.head)] = list(frame.head)
        arena.tails[i * SPILL_BYTES : i * SPILL_BYTES + len(frame.tail)] = list(frame.tail)
        vector.head_at[i], vector.head_length[i], vector.tail_length[i] = start, len(frame.head), len(frame.tail)
        vector.length[i] = len(frame.head) + len(frame.tail)
        for name, value in zip(COLUMNS, frame.columns, strict=True):
            vector[name][i] = value
    return vector, arena


def frame_of(vector: Any, arena: Arena, i: int) -> Frame:
    """Return what frame ``i`` is."""
    base, start = i * SLOT_BYTES, int(vector.head_at[i])
    head, tail = int(vector.head_length[i]), int(vector.tail_length[i])
    assert vector.length[i] == head + tail
    return Frame(
        arena.heads[base : base + VIRTIO_BYTES].tobytes(),
        start - base,
        arena.heads[start : start + head].tobytes(),
        arena.tails[i * SPILL_BYTES : i * SPILL_BYTES + tail].tobytes(),
        tuple(int(vector[name][i]) for name in COLUMNS),
    )

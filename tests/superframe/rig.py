"""A vector whose one frame is a superframe, spread over head and tail as a test likes; and what is cut from it."""

from typing import Any

import numpy as np

from dataplane.packet.kernels import parse_packet
from dataplane.parse.kernels import parse_frames
from dataplane.superframe.cut import cut_superframe, segment_pieces, write_segment_header
from dataplane.superframe.plan import plan_cut
from dataplane.superframe.tables import make_cut
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES, VIRTIO_BYTES, make_arena, make_vector
from tests.superframe.packets import Superframe

SLOT = 1
"""Not the first, so that an offset forgotten is an offset noticed."""
SCRATCH_AT = 5

vector, arena = make_vector(), make_arena(2)
plan = make_cut()


def load(superframe: Superframe, at: int = FRAME_AT, in_head: int | None = None) -> None:
    """Make ``superframe`` the vector's last frame, its first ``in_head`` bytes in its slot from byte ``at`` on."""
    frame, room = superframe.frame, SLOT_BYTES - at
    head = min(len(frame), room if in_head is None else min(in_head, room))
    slot, spill = SLOT * SLOT_BYTES, SLOT * SPILL_BYTES
    arena.heads[:] = 0xA5
    arena.heads[slot : slot + VIRTIO_BYTES] = np.frombuffer(superframe.virtio, np.uint8)
    arena.heads[slot + at : slot + at + head] = np.frombuffer(frame[:head], np.uint8)
    arena.tails[spill : spill + len(frame) - head] = np.frombuffer(frame[head:], np.uint8)
    vector.head_at[SLOT], vector.head_length[SLOT] = slot + at, head
    vector.tail_length[SLOT], vector.length[SLOT] = len(frame) - head, len(frame)
    vector.count = vector.received = SLOT + 1


def parse() -> None:
    """Fill the loaded frame's columns as the stages before would."""
    parse_frames(vector, arena.heads)
    parse_packet(vector, arena.heads, SLOT)
    vector.in_port[SLOT], vector.domain[SLOT], vector.timestamp_ns[SLOT] = 3, 7, 12345
    vector.remote[SLOT], vector.group[SLOT], vector.cause[SLOT] = 9, 8, 0


def is_planned() -> bool:
    """Plan the loaded frame's cut."""
    at, head, tail = (int(column[SLOT]) for column in (vector.head_at, vector.head_length, vector.tail_length))
    return bool(plan_cut(arena.heads, SLOT * SLOT_BYTES, at, head, tail, plan))


def bytes_of(i: int) -> bytes:
    """Return frame ``i`` of the vector."""
    at, head, tail = (int(column[i]) for column in (vector.head_at, vector.head_length, vector.tail_length))
    assert head + tail == vector.length[i]
    assert at + head <= (i + 1) * SLOT_BYTES
    return bytes(arena.heads[at : at + head].tobytes() + arena.tails[i * SPILL_BYTES :][:tail].tobytes())


def written() -> list[bytes]:
    """Return the loaded frame's segments as they are sent: a header written apart, the payload where it lies."""
    assert is_planned()
    segments = []
    for segment in range(int(plan.segments)):
        scratch: Any = np.full(512, 0xA5, np.uint8)
        count = int(write_segment_header(arena.heads, arena.tails, plan, segment, scratch, SCRATCH_AT))
        assert (scratch[:SCRATCH_AT] == 0xA5).all()
        assert (scratch[SCRATCH_AT + count :] == 0xA5).all()
        at, length, tail_at, tail_length = segment_pieces(plan, segment)
        pieces = arena.heads[at : at + length].tobytes() + arena.tails[tail_at : tail_at + tail_length].tobytes()
        segments.append(scratch[SCRATCH_AT : SCRATCH_AT + count].tobytes() + pieces)
    return segments


def cut() -> list[bytes]:
    """Cut the loaded frame inside the vector and return the frames that it became; none if it was refused."""
    before = bytes_of(SLOT)
    if not cut_superframe(vector, arena, SLOT):
        assert vector.count == SLOT + 1
        assert bytes_of(SLOT) == before
        return []
    for i in range(SLOT, int(vector.count)):
        assert not arena.heads[i * SLOT_BYTES : i * SLOT_BYTES + VIRTIO_BYTES].any()
    return [bytes_of(i) for i in range(SLOT, int(vector.count))]

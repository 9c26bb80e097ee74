"""Workers meet fragments of the same packets at once: nobody ever gets another packet's ports, and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dataplane.fragment.entries import sweep_fragments
from dataplane.fragment.kernels import follow_fragment, pass_fragment
from dataplane.fragment.tables import FOLLOWS
from dataplane.jit import kernel
from dataplane.memory import store_u16_be
from dataplane.parking.tables import STATUS_MASK, WAITING
from dataplane.vector import FIRST_FRAGMENT, FRAME_AT, LATER_FRAGMENT, make_arena, make_vector
from tests.fragment.rig import LIFETIME, make_fragments
from tests.parking.frames import make_parking
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")

WORKERS = 4
FRAMES = 20_000
PACKETS = 40
PIECES = 4
BYTES = 64
STEPS_PER_TICK = 256


@kernel
def hammer(fragments: Any, parking: Any, vector: Any, arena: Any, frames: int, seed: int) -> int:
    """Meet random fragments, and let most of them pass; return how many followed with ports that are not theirs."""
    wrong = 0
    random = np.uint64(seed * 2 + 1)
    packet = FRAME_AT + 14
    for n in range(frames):
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        number = np.int64((random >> np.uint64(8)) % np.uint64(PACKETS))
        piece = np.int64((random >> np.uint64(20)) % np.uint64(PIECES))
        vector.count = vector.received = 1
        vector.head_at[0], vector.head_length[0], vector.tail_length[0] = FRAME_AT, 14 + 20 + BYTES, 0
        vector.packet_bytes[0] = 20 + BYTES
        vector.source_low[0] = number
        vector.protocol[0] = 17
        vector.fragment[0] = LATER_FRAGMENT if piece else FIRST_FRAGMENT
        vector.ports[0] = 0 if piece else 1000 + number
        arena.heads[packet] = 0x45
        store_u16_be(arena.heads, packet + 4, np.uint16(number))
        more = 0 if piece == PIECES - 1 else 0x2000
        store_u16_be(arena.heads, packet + 6, np.uint16(more | piece * (BYTES // 8)))
        if follow_fragment(fragments, parking, vector, arena, 0, np.uint64(n // STEPS_PER_TICK)) == FOLLOWS:
            if vector.ports[0] != 1000 + number:
                wrong += 1
            if random & np.uint64(7):
                pass_fragment(fragments, parking, vector, arena.heads, 0)
    return wrong


@pytest.mark.parametrize("limit", [4, 64])
def test_workers_that_race_never_mix_packets_up(limit: int, seed: int) -> None:
    fragments, parking = make_fragments(limit, seed), make_parking()

    def work(worker: int) -> int:
        return int(hammer(fragments, parking, make_vector(), make_arena(1), FRAMES, seed + worker))

    work(0)
    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [0] * WORKERS
    assert fragments.head.entries[0] == np.count_nonzero(fragments.words)
    sweep_fragments(fragments, parking, np.uint64(FRAMES // STEPS_PER_TICK + LIFETIME))
    assert (fragments.head.entries[0], np.count_nonzero(fragments.words)) == (0, 0)
    assert not np.any(parking.head.state & STATUS_MASK == WAITING)

"""Workers race for the same places: what is given back was parked, once, whole, and in order."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dataplane.jit import kernel
from dataplane.memory import load_u64, store_u64
from dataplane.parking.kernels import drop_parked, park_frame, return_frames
from dataplane.parking.tables import NEIGHBOUR_OWNER, STATUS_MASK
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES, VECTOR_CAPACITY
from tests.parking.frames import Frame, make_parking, vector_of
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")

WORKERS = 3
ROUNDS = 20_000
OWNERS = 3
LIMIT = 4

_ONE = np.uint64(1)


@kernel
def write_number(vector: Any, arena: Any, number: Any) -> None:
    """Make frame 0 say its number in all places that a race could mix."""
    store_u64(arena.heads, FRAME_AT, np.uint64(number))
    store_u64(arena.tails, 8, np.uint64(number))
    vector.source_mac[0] = number


@kernel
def read_number(vector: Any, arena: Any, i: int) -> Any:
    """Return the number of frame ``i``, 0 if it is a mixture."""
    number = load_u64(arena.heads, i * SLOT_BYTES + FRAME_AT)
    if load_u64(arena.tails, i * SPILL_BYTES + 8) != number or vector.source_mac[i] != number:
        return np.uint64(0)
    return number


@kernel
def hammer(parking: Any, vector: Any, arena: Any, worker: int, rounds: int, fates: Any) -> int:
    """Park, take and drop; ``fates`` counts what became of each number. Return how many were wrong."""
    wrong = 0
    random = np.uint64(worker * 2 + 1)
    latest = fates[3]
    for n in range(rounds):
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        chosen = np.int64(random >> _ONE) % OWNERS
        owner = NEIGHBOUR_OWNER | np.uint64(chosen)
        vector.count = 1
        number = worker * rounds + n + 1
        if n % 2 == 0:
            write_number(vector, arena, number)
            if park_frame(parking, vector, arena, 0, owner, LIMIT, _ONE):
                fates[0, number] += 1
        elif n % 64 == 1:
            fates[2, 0] += drop_parked(parking, owner)
        else:
            return_frames(parking, owner, vector, arena, 0)
            for i in range(1, vector.count):
                found = np.int64(read_number(vector, arena, i))
                if found == 0:
                    wrong += 1
                    continue
                fates[1, found] += 1
                of = (found - 1) // rounds * OWNERS + chosen
                if found <= latest[of]:
                    wrong += 1
                latest[of] = found
    return wrong


def test_threads_that_race_agree_in_the_end() -> None:
    parking = make_parking()
    numbers = WORKERS * ROUNDS + 1
    fates = np.zeros((WORKERS, 4, max(numbers, VECTOR_CAPACITY)), np.int64)
    frame = Frame(bytes(12), FRAME_AT, bytes(SLOT_BYTES - FRAME_AT), bytes(900), (1, 1, 0, 0, 0, 0, 0, 0))
    vectors = [vector_of([frame], 1) for _ in range(WORKERS)]
    hammer(parking, *vectors[0], 0, 0, fates[0])

    def work(worker: int) -> int:
        return int(hammer(parking, *vectors[worker], worker, ROUNDS, fates[worker]))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [0] * WORKERS, "mixed frames, or out of order"
    parked, back = fates[:, 0].sum(axis=0), fates[:, 1].sum(axis=0)
    assert (back <= parked).all(), "nothing comes back twice, or from nowhere"
    left = Counter(int(word) for word in np.asarray(parking.head.state & STATUS_MASK))
    assert set(left) <= {0, 2}, "no place is left in between"
    assert parked.sum() == back.sum() + fates[:, 2, 0].sum() + left[2]
    assert back.sum() > ROUNDS // 4

"""Workers race over a few neighbours in a small table while the agent forgets them: no packet gets another neighbour's
MAC, none that waits is lost or comes twice, and in the end nothing is left, by count either."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dataplane.fdb.tables import TICK_SHIFT
from dataplane.jit import kernel
from dataplane.memory import fetch_add
from dataplane.neighbour.build import forget_neighbours, read_neighbours
from dataplane.neighbour.entries import note_neighbour_tick
from dataplane.neighbour.table import meet_neighbour, note_neighbour, wait_for_neighbour
from dataplane.neighbour.tables import (
    ASK,
    AWAY,
    CONFIRMED,
    EMPTY,
    SEND,
    SEND_AND_PROBE,
    STATUS_MASK,
    UNSOLICITED_OVERRIDE,
    WAIT,
)
from dataplane.neighbour.timers import run_neighbour_timers
from dataplane.parking.tables import STATUS_MASK as PLACE_STATUS
from dataplane.verdict import RETURNED
from tests.neighbour.rig import Rig
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")

WORKERS = 3
ROUNDS = 200_000
RARITY = 512
"""How many packets and more there are for each news."""
DOMAIN = 7

_ONE = np.uint64(1)
_HIGH = np.uint64(5)
_KEY_SHIFT = np.uint64(16)


@kernel
def count_returned(vector: Any, returned: Any) -> None:
    """Count the packets that have come back into a vector, each by its number."""
    for k in range(1, vector.count):
        if vector.verdict[k] == RETURNED:
            returned[np.int64(vector.source_mac[k])] += 1
    vector.count = 1


@kernel
def hammer(rig: Any, vector: Any, arena: Any, clock: Any, keys: int, worker: int, rounds: int, fates: Any) -> int:
    """Send, hear and let time pass; ``fates`` counts by number who was parked and who came back. Return how many were
    sent to another's MAC."""
    neighbours, parking, interfaces = rig
    wrong, first = 0, 1 + worker * ROUNDS
    random = np.uint64(first * 2 + 1)
    for n in range(rounds):
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        tick = fetch_add(clock, 0, _ONE) >> np.uint64(5)
        note_neighbour_tick(neighbours.head, worker, tick)
        vector.timestamp_ns[0] = tick << TICK_SHIFT
        vector.source_mac[0] = first + n
        low = _ONE + (random >> np.uint64(20)) % np.uint64(keys)
        chosen = np.int64(random >> _ONE) % RARITY
        if chosen % 16 == 0:
            run_neighbour_timers(neighbours, parking, interfaces, vector, arena, 0, tick)
        elif chosen < 5:
            mac = low << _KEY_SHIFT | (random >> np.uint64(40) & np.uint64(2))
            kind = CONFIRMED if chosen < 4 else UNSOLICITED_OVERRIDE
            note_neighbour(neighbours, parking, vector, arena, 0, DOMAIN, _HIGH, low, mac, kind, chosen < 3, tick)
        else:
            mac, act = meet_neighbour(neighbours, DOMAIN, _HIGH, low, tick)
            if act in (SEND, SEND_AND_PROBE) and mac >> _KEY_SHIFT != low:
                wrong += 1
            if act in (SEND_AND_PROBE, ASK, WAIT):
                fates[0, first + n] += wait_for_neighbour(
                    neighbours, parking, interfaces, vector, arena, 0, DOMAIN, _HIGH, low, act, tick
                )
        count_returned(vector, fates[1])
    note_neighbour_tick(neighbours.head, worker, AWAY)
    return wrong


@pytest.mark.parametrize(("entry_limit", "keys"), [(16, 3), (6, 12)])
def test_threads_that_race_agree_in_the_end(entry_limit: int, keys: int, seed: int) -> None:
    rig = Rig(entry_limit, reachable_s=3, seed=seed % 1000)
    parts = rig.neighbours, rig.parking, rig.interfaces
    vectors = [Rig().only for _ in range(WORKERS)]
    fates = np.zeros((WORKERS, 2, WORKERS * ROUNDS + 1), np.int64)
    clock = np.full(1, 1 << 16, np.uint64)
    hammer(parts, *vectors[0], clock, keys, 0, 0, fates[0])

    def work(worker: int) -> int:
        return int(hammer(parts, *vectors[worker], clock, keys, worker, ROUNDS, fates[worker]))

    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(work, worker) for worker in range(WORKERS)]
        while not all(each.done() for each in working):
            for entry in read_neighbours(rig.neighbours, int(clock[0]) >> 5):
                if entry.mac:
                    assert int.from_bytes(entry.mac, "little") >> 16 == int(entry.address) & 0xFFFF
            forget_neighbours(rig.neighbours)
        assert [each.result() for each in working] == [0] * WORKERS, "sent to another's MAC"

    vector, arena = vectors[0]
    tick = int(clock[0]) >> 5
    for later in (1, 100, 200, 300, 6000, 7000):
        vector.timestamp_ns[0] = (tick + later) << int(TICK_SHIFT)
        run_neighbour_timers(*parts, vector, arena, 0, np.uint64(tick + later))
        count_returned(vector, fates[0, 1])
    parked, back = fates[:, 0].sum(axis=0), fates[:, 1].sum(axis=0)
    assert parked.sum() > 1000
    assert (parked == back).all(), "each that waited has come back, once"
    assert not np.any(np.asarray(rig.parking.head.state) & PLACE_STATUS)
    assert np.all(np.asarray(rig.neighbours.buckets["state"]) & STATUS_MASK == EMPTY)
    assert rig.entries() == 0

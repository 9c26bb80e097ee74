"""Frames that wait, held against a list of them."""

from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.fdb.tables import TICK_SHIFT
from dataplane.parking.build import forget_parked
from dataplane.parking.kernels import claim_place, drop_parked, park_frame, return_frames
from dataplane.parking.tables import (
    FORGOTTEN_TICKS,
    FRAGMENT_OWNER,
    NEIGHBOUR_OWNER,
    PLACES,
    STATUS_MASK,
    STUCK_TICKS,
    WAITING,
    Parking,
)
from dataplane.vector import EXTRA_FRAMES, SPILL_BYTES, Arena
from dataplane.verdict import FORWARD, RETURNED
from tests.parking.frames import Frame, frame_of, make_parking, random_frame, vector_of
from tests.scale import scaled

pytestmark = pytest.mark.kernel

TICK = 1_000
OWNERS = [NEIGHBOUR_OWNER | np.uint64(1), NEIGHBOUR_OWNER | np.uint64(2), FRAGMENT_OWNER | np.uint64(1)]


def park(parking: Parking, frame: Frame, owner: Any = OWNERS[0], limit: int = PLACES, tick: int = TICK) -> bool:
    """Park a frame that came alone."""
    vector, arena = vector_of([frame], tick)
    return bool(park_frame(parking, vector, arena, 0, owner, limit, np.uint64(tick)))


def returned(parking: Parking, owner: Any, tick: int = TICK) -> list[Frame]:
    """Return what is given back beside a frame that came in."""
    vector, arena = vector_of([random_frame(Random(0))], tick)
    count = int(return_frames(parking, owner, vector, arena, 0))
    assert vector.count == 1 + count
    assert vector.received == 1
    return frames_behind(vector, arena, 1)


def frames_behind(vector: Any, arena: Arena, first: int) -> list[Frame]:
    """Return the frames from ``first`` on, which must all have come back because of frame 0."""
    for i in range(first, vector.count):
        assert vector.verdict[i] == RETURNED
        assert (vector.cause[i], vector.copies[i], vector.reason[i]) == (0, 0, FORWARD)
        assert vector.timestamp_ns[i] == vector.timestamp_ns[0]
    return [frame_of(vector, arena, i) for i in range(first, vector.count)]


def fill(parking: Parking, first: int, tick: int = TICK) -> None:
    """Let all places from ``first`` on be another's since ``tick``."""
    parking.head.state[first:] = int(WAITING) | tick << 2
    parking.head.owner[first:] = OWNERS[2]


def waiting(parking: Parking) -> int:
    return int(np.count_nonzero(np.asarray(parking.head.state) & STATUS_MASK == WAITING))


def test_frames_come_back_as_they_were_in_their_order(seed: int) -> None:
    random, parking = Random(seed), make_parking()
    kept: dict[int, list[Frame]] = {int(owner): [] for owner in OWNERS}
    for step in range(scaled(600, jit_off=40)):
        owner = random.choice(OWNERS)
        mine = kept[int(owner)]
        if random.random() < 0.75:
            frame, limit = random_frame(random), random.choice([4, 16])
            assert park(parking, frame, owner, limit, TICK + step // 10) == (len(mine) < limit)
            if len(mine) < limit:
                mine.append(frame)
        elif random.random() < 0.8:
            assert returned(parking, owner, TICK + step // 10) == mine
            mine.clear()
        else:
            assert drop_parked(parking, owner) == len(mine)
            mine.clear()
    assert waiting(parking) == sum(map(len, kept.values()))
    for owner in OWNERS:
        assert returned(parking, owner, 2 * TICK) == kept[int(owner)]
    assert waiting(parking) == 0


def test_superframes_are_kept_whole(seed: int) -> None:
    """In the middle of a connection too a next hop may have to be asked for again."""
    parking, random = make_parking(), Random(seed)
    frames = [random_frame(random)._replace(tail=random.randbytes(SPILL_BYTES - k)) for k in range(3)]
    assert all(park(parking, frame) for frame in frames)
    assert returned(parking, OWNERS[0]) == frames


def test_no_more_than_there_are_places(seed: int) -> None:
    parking, random = make_parking(), Random(seed)
    frames = [random_frame(random, longest_tail=4) for _ in range(4)]
    fill(parking, 0)
    assert not park(parking, frames[0])
    for place in range(100, 103):
        parking.head.state[place] = 0
    assert [park(parking, frame, limit=3) for frame in frames] == [True, True, True, False]
    assert returned(parking, OWNERS[0]) == frames[:3]


def test_what_the_vector_has_no_room_for_goes_on_waiting(seed: int) -> None:
    parking, random = make_parking(), Random(seed)
    frames = [random_frame(random, longest_tail=40) for _ in range(5)]
    for frame in frames:
        assert park(parking, frame)
    vector, arena = vector_of([frames[0]], TICK)
    vector.count += EXTRA_FRAMES - 2
    assert return_frames(parking, OWNERS[0], vector, arena, 0) == 2
    assert frames_behind(vector, arena, EXTRA_FRAMES - 1) == frames[:2]
    assert return_frames(parking, OWNERS[0], vector, arena, 0) == 0
    assert returned(parking, OWNERS[0]) == frames[2:]


def test_what_a_killed_worker_holds_is_free_again_later() -> None:
    parking = make_parking()
    assert claim_place(parking, OWNERS[0], 1, np.uint64(TICK)) == 0
    assert returned(parking, OWNERS[0]) == []
    assert claim_place(parking, OWNERS[0], 1, np.uint64(TICK)) == -1, "it counts for its owner"
    assert claim_place(parking, OWNERS[1], 1, np.uint64(TICK)) == 1, "what is free comes first"
    fill(parking, 1, TICK + 1000)
    assert claim_place(parking, OWNERS[0], 1, np.uint64(TICK + int(STUCK_TICKS))) == -1
    assert claim_place(parking, OWNERS[0], 1, np.uint64(TICK + int(STUCK_TICKS) + 1)) == 0


def test_what_is_forgotten_makes_room() -> None:
    parking, frame = make_parking(), random_frame(Random(2))
    fill(parking, 0)
    assert not park(parking, frame, tick=TICK + int(FORGOTTEN_TICKS))
    assert park(parking, frame, tick=TICK + int(FORGOTTEN_TICKS) + 1)
    assert not park(parking, frame, tick=TICK - 1), "what is from a faster clock has not been forgotten"


def test_what_came_by_a_port_or_domain_that_is_gone_is_forgotten(seed: int) -> None:
    parking, random = make_parking(), Random(seed)
    places = [(3, 1), (4, 1), (3, 2), (5, 2), (6, 3)]
    frames = []
    for port, domain in places:
        frame = random_frame(random)
        frames.append(frame._replace(columns=(*frame.columns[:3], port, domain, *frame.columns[5:])))
        assert park(parking, frames[-1])
    assert forget_parked(parking.head, parking.places, [3, 0], [2]) == 3
    assert forget_parked(parking.head, parking.places, [3, 0], [2]) == 0
    assert returned(parking, OWNERS[0]) == [frames[1], frames[4]]
    fill(parking, 5)
    assert [park(parking, frame) for frame in (*frames, frames[0])] == [True] * 5 + [False]
    assert returned(parking, OWNERS[0]) == frames


def test_ticks_wrap_around() -> None:
    parking, frame = make_parking(), random_frame(Random(3))
    late = (1 << 32) - 1
    assert park(parking, frame, tick=late)
    fill(parking, 1, late)
    assert not park(parking, frame, tick=5)
    assert late << int(TICK_SHIFT) < 1 << 64
    assert returned(parking, OWNERS[0], tick=late)[0] == frame

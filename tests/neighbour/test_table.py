"""What becomes of neighbours and of packets for them, case by case."""

import numpy as np
import pytest

from dataplane.neighbour.build import leave_neighbours
from dataplane.neighbour.entries import create_entry, find_neighbour, next_state, note_neighbour_tick, seek_entry
from dataplane.neighbour.tables import (
    AT_ONCE,
    CHANGING,
    CLAIMED,
    CONFIRMED,
    FAILED_TICKS,
    HEARD,
    INCOMPLETE,
    REACHABLE,
    RETRY_TICKS,
    UNSOLICITED,
    UNSOLICITED_OVERRIDE,
)
from dataplane.vector import EXTRA_FRAMES
from tests.neighbour.rig import Rig, halves

pytestmark = pytest.mark.kernel

KEY, KEY6, OTHER = (7, "10.0.1.2"), (9, "fd00::2"), (7, "10.0.1.3")
MAC, MAC2 = 0x0200_0000_0002, 0x0300_0000_0002
TICK = 5000
SECOND, FAILED_FOR = int(RETRY_TICKS), int(FAILED_TICKS)
NONE = np.uint64(0)


def test_a_neighbour_that_answers_gets_what_waited() -> None:
    rig = Rig()
    assert [rig.send(KEY, packet, TICK) for packet in (1, 2, 3)] == ["waits"] * 3
    assert rig.taken() == ([(*KEY, 0)], [])
    rig.hear(KEY, MAC, CONFIRMED, False, TICK + 1)
    assert rig.taken() == ([], [1, 2, 3])
    assert rig.send(KEY, 4, TICK + 1) == hex(MAC)


def test_one_that_does_not_is_asked_three_times_and_refused_for_three_seconds() -> None:
    rig = Rig()
    rig.send(KEY, 1, TICK)
    for tick in range(TICK + 1, TICK + 3 * SECOND):
        rig.pass_time(tick)
    assert rig.taken() == ([(*KEY, 0)] * 3, [])
    rig.send(KEY, 2, TICK + 3 * SECOND - 1)
    rig.pass_time(TICK + 3 * SECOND)
    assert rig.taken() == ([], [1, 2])
    assert rig.send(KEY, 1, TICK + 3 * SECOND) == "refused"
    gone = TICK + 3 * SECOND + FAILED_FOR
    rig.pass_time(gone - 1)
    assert rig.send(KEY, 3, gone - 1) == "refused"
    rig.pass_time(gone)
    assert rig.entries() == 0
    assert rig.send(KEY, 3, gone) == "waits"


def test_one_that_was_refused_may_still_speak() -> None:
    rig = Rig()
    rig.send(KEY, 1, TICK)
    for second in range(1, 4):
        rig.pass_time(TICK + second * SECOND)
    rig.hear(KEY, MAC, HEARD, False, TICK + 4 * SECOND)
    assert rig.send(KEY, 2, TICK + 4 * SECOND) == hex(MAC)


def test_a_stale_one_is_used_and_asked_and_goes_if_it_is_silent() -> None:
    rig = Rig()
    rig.hear(KEY6, MAC, HEARD, True, TICK)
    stale = TICK + int(rig.neighbours.rules.reachable_ticks)
    assert rig.send(KEY6, 1, stale - 1) == hex(MAC)
    assert rig.taken() == ([], [])
    assert [rig.send(KEY6, packet, stale) for packet in (2, 3)] == [hex(MAC)] * 2
    for tick in range(stale + 1, stale + 3 * SECOND):
        rig.pass_time(tick)
        assert rig.send(KEY6, 4, tick) == hex(MAC)
    assert rig.taken() == ([(*KEY6, MAC)] * 3, [])
    rig.pass_time(stale + 3 * SECOND)
    assert rig.entries() == 0


def test_who_is_asked_where_there_is_no_room_is_asked_later() -> None:
    rig = Rig()
    assert rig.send(KEY, 1, TICK, full=EXTRA_FRAMES) == "waits"
    rig.pass_time(TICK + 1, full=EXTRA_FRAMES)
    assert rig.taken() == ([], [])
    rig.pass_time(TICK + 2, full=EXTRA_FRAMES - 1)
    rig.pass_time(TICK + 3)
    rig.pass_time(TICK + 2 + SECOND)
    assert rig.taken() == ([(*KEY, 0)] * 2, [])


def test_what_comes_back_where_there_is_no_room_comes_later() -> None:
    rig = Rig()
    for packet in range(1, 6):
        rig.send(KEY, packet, TICK)
    rig.send(OTHER, 6, TICK)
    rig.taken()
    rig.hear(KEY, MAC, HEARD, False, TICK, full=EXTRA_FRAMES - 2)
    assert rig.taken() == ([], [1, 2])
    rig.pass_time(TICK + 1, full=EXTRA_FRAMES - 1)
    assert rig.taken() == ([], [3])
    rig.pass_time(TICK + 2)
    assert rig.taken() == ([], [4, 5])


def test_sixteen_wait_for_a_neighbour() -> None:
    rig = Rig()
    assert [rig.send(KEY, packet, TICK) for packet in range(18)] == ["waits"] * 16 + ["no room"] * 2
    assert rig.send(KEY6, 18, TICK) == "waits"


def test_a_full_table_lets_a_stale_one_go_and_refuses_where_there_is_none() -> None:
    rig = Rig(entry_limit=3)
    for n in range(2, 5):
        rig.hear((7, f"10.0.1.{n}"), MAC + (n << 16), HEARD, True, TICK + n)
    assert rig.send((7, "10.0.1.9"), 1, TICK + 5) == "no room"
    rig.hear((7, "10.0.1.9"), MAC, HEARD, True, TICK + 5)
    assert rig.entries() == 3
    stale = TICK + 2 + int(rig.neighbours.rules.reachable_ticks)
    assert rig.send((7, "10.0.1.9"), 1, stale) == "waits"
    assert rig.entries() == 3
    assert find_neighbour(rig.neighbours, 7, *halves("10.0.1.2")) == 0
    assert rig.send((7, "10.0.1.3"), 1, stale) == hex(MAC + (3 << 16))


def test_who_has_been_idle_for_the_longest_time_goes() -> None:
    """A reachable one is idle once it is stale, whatever it was before."""
    rig = Rig(entry_limit=3)
    reachable = int(rig.neighbours.rules.reachable_ticks)
    rig.hear((7, "10.0.1.2"), MAC, HEARD, True, TICK)
    rig.hear((7, "10.0.1.3"), MAC, UNSOLICITED, True, TICK + reachable - 2)
    rig.hear((7, "10.0.1.4"), MAC, HEARD, True, TICK + 9)
    left = ["10.0.1.3", "10.0.1.2", "10.0.1.4"]
    for n, gone in enumerate(left):
        rig.hear((7, f"10.0.2.{n}"), MAC, HEARD, True, TICK + reachable + 10)
        there = [bool(find_neighbour(rig.neighbours, 7, *halves(address))) for address in left]
        assert there == [address not in left[: n + 1] for address in left], gone
    assert rig.send((7, "10.0.2.9"), 1, TICK + reachable + 10) == "no room"


def test_many_entries_find_their_places() -> None:
    rig = Rig(entry_limit=300)
    for n in range(300):
        rig.hear((7, f"fd00::{n:x}"), 2 * n + 2, HEARD, True, TICK)
    assert rig.entries() == 300
    assert [rig.send((7, f"fd00::{n:x}"), n, TICK) for n in range(300)] == [hex(2 * n + 2) for n in range(300)]
    assert rig.send((9, "fd00::1"), 1, TICK) == "no room"


def test_where_no_interface_is_nobody_is_asked() -> None:
    rig = Rig()
    nowhere = (8, "10.0.1.2")
    assert rig.send(nowhere, 1, TICK) == "waits"
    for second in range(1, 4):
        rig.pass_time(TICK + second * SECOND)
    assert rig.taken() == ([], [1])
    assert rig.send(nowhere, 1, TICK + 3 * SECOND) == "refused"


def test_a_group_is_nobodys_mac() -> None:
    rig = Rig()
    rig.send(KEY, 1, TICK)
    rig.taken()
    for mac in (1, 0xFFFF_FFFF_FFFF, 0):
        rig.hear(KEY, mac, CONFIRMED, True, TICK)
    assert rig.taken() == ([], [])
    assert rig.send(KEY, 2, TICK) == "waits"


@pytest.mark.parametrize(
    ("kind", "mac", "then", "is_asked"),
    [
        (UNSOLICITED, MAC2, MAC, True),  # Somebody else claims it: doubt.
        (UNSOLICITED, MAC, MAC, False),
        (UNSOLICITED, 0, MAC, False),
        (UNSOLICITED_OVERRIDE, MAC2, MAC2, True),
        (CONFIRMED, MAC2, MAC2, False),
        (CONFIRMED, 0, MAC, False),
    ],
)
def test_advertisements_change_what_is_known(kind: int, mac: int, then: int, is_asked: bool) -> None:
    """RFC 4861 section 7.2.5."""
    rig = Rig()
    rig.hear(KEY6, MAC, HEARD, True, TICK)
    rig.hear(KEY6, mac, kind, True, TICK + 1)
    assert rig.send(KEY6, 1, TICK + 1) == hex(then)
    assert rig.taken() == ([(*KEY6, then)] if is_asked else [], [])


@pytest.mark.parametrize("status", [CLAIMED, CHANGING])
@pytest.mark.parametrize("ends", [True, False])
def test_what_a_worker_left_half_done_goes_when_that_has_ended_or_goes_on(status: np.uint64, ends: bool) -> None:
    """And not before, however long it is stopped: it may yet write."""
    rig = Rig()
    note_neighbour_tick(rig.neighbours.head, 1, np.uint64(TICK))
    entry = create_entry(rig.neighbours, 7, *halves(KEY[1]), np.uint64(MAC), REACHABLE, np.uint64(TICK))
    bucket, k = (entry - 1) // 2, (entry - 1) % 2
    rig.neighbours.buckets[bucket].state[k] = TICK << 32 | int(status)
    rig.neighbours.head.next_due[0] = AT_ONCE
    later = TICK + 1000 * SECOND
    for tick in (TICK, TICK + SECOND, later):
        note_neighbour_tick(rig.neighbours.head, 0, np.uint64(tick))
        rig.pass_time(tick)
        assert rig.entries() == 1
    if ends:
        leave_neighbours(rig.neighbours.head, 1)
    else:
        note_neighbour_tick(rig.neighbours.head, 1, np.uint64(later))
    rig.pass_time(later + 1)
    assert rig.entries() == 0
    rig.hear(KEY, MAC, HEARD, True, later + 1)
    assert rig.send(KEY, 1, later + 1) == hex(MAC)


def test_of_two_entries_made_at_once_one_stays() -> None:
    rig = Rig()
    rig.send(KEY, 1, TICK)
    entry, word = seek_entry(rig.neighbours, 7, *halves(KEY[1]))
    assert entry
    bucket, k = (entry - 1) // 2, (entry - 1) % 2
    buckets, other = rig.neighbours.buckets, (bucket + 1) % len(rig.neighbours.buckets)
    for name in ("low", "high", "link", "state"):
        buckets[other][name][0] = buckets[bucket][name][k]
    rig.neighbours.head.entries[0] += 1
    assert find_neighbour(rig.neighbours, 7, *halves(KEY[1])) == entry
    rig.pass_time(TICK + SECOND)
    assert rig.entries() == 1
    assert rig.taken() == ([(*KEY, 0)] * 2, [])
    assert word


def test_ticks_wrap_around() -> None:
    rig = Rig()
    late = (1 << 32) - 3
    rig.send(KEY, 1, late)
    for second in range(1, 4):
        rig.pass_time((late + second * SECOND) % (1 << 32))
    assert rig.taken() == ([(*KEY, 0)] * 3, [1])
    rig.hear(KEY6, MAC, HEARD, True, late)
    assert rig.send(KEY6, 1, 5) == hex(MAC)
    assert rig.send(KEY6, 1, late - 2) == hex(MAC), "a slower worker's clock"
    assert rig.taken() == ([], [])


def test_states_count_their_changes() -> None:
    word = next_state(NONE, INCOMPLETE, NONE, np.uint64(TICK))
    again = next_state(np.uint64(word), INCOMPLETE, NONE, np.uint64(TICK))
    assert word != again

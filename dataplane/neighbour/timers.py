"""What time does to the table of neighbours. ``tables.py`` has the theory of operation."""

from typing import Any

import numpy as np

from dataplane.fdb.tables import TICK_MASK
from dataplane.jit import kernel
from dataplane.memory import compare_and_swap, load_acquire
from dataplane.neighbour.entries import (
    bucket_of_entry,
    change_state,
    due_of,
    find_neighbour,
    free_entry,
    is_abandoned,
    is_before,
    is_void,
    next_state,
    note_due,
    place_of_entry,
    status_of,
    tries_of,
)
from dataplane.neighbour.request import ask_neighbour
from dataplane.neighbour.tables import (
    AT_ONCE,
    BUCKET_ENTRIES,
    CHANGING,
    CLAIMED,
    DOMAIN_SHIFT,
    EMPTY,
    FAILED,
    GUARD,
    INCOMPLETE,
    NOT_DUE,
    PROBE,
    RETRY_TICKS,
    TRIES,
)
from dataplane.parking.kernels import return_frames
from dataplane.parking.tables import NEIGHBOUR_OWNER, OWNER_KIND, PLACES, WAITING
from dataplane.parking.tables import STATUS_MASK as PLACE_STATUS
from dataplane.vector import EXTRA_FRAMES
from dataplane.wire import MAC_MASK

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_LAST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ENTRY = np.uint64(0xFFFF_FFFF)


@kernel
def run_neighbour_timers(
    neighbours: Any, parking: Any, interfaces: Any, vector: Any, arena: Any, cause: int, tick: Any
) -> None:
    """Do what is due at ``tick``: ask again, give up, forget; and return what waits for a neighbour that is settled.

    Frames that this adds to the vector name frame ``cause`` as theirs: requests in the table's order, then what waited,
    neighbour by neighbour, first whose packet has waited longest. To be called whenever the tick has changed; it is
    cheap when nothing is due.
    """
    head = neighbours.head
    due = load_acquire(head.next_due, 0)
    now = np.uint64(tick)
    if due == AT_ONCE or (due != NOT_DUE and not is_before(now, due & TICK_MASK)):
        guard = ((now + RETRY_TICKS) & TICK_MASK) | GUARD
        if compare_and_swap(head.next_due, 0, due, guard):
            next_due = sweep_neighbours(neighbours, interfaces, vector, arena.heads, cause, now)
            if not compare_and_swap(head.next_due, 0, guard, next_due) and next_due != NOT_DUE:
                note_due(head, next_due)
    return_settled(neighbours, parking, vector, arena, cause)


@kernel
def sweep_neighbours(neighbours: Any, interfaces: Any, vector: Any, heads: Any, cause: int, tick: Any) -> Any:
    """Do what is due of all entries; return the tick at which the next of them is, or NOT_DUE."""
    next_due = NOT_DUE
    for at in range(len(neighbours.buckets)):
        for k in range(BUCKET_ENTRIES):
            word = load_acquire(neighbours.buckets[at].state, k)
            if status_of(word) == EMPTY:
                continue
            entry = at * BUCKET_ENTRIES + k + 1
            if is_void(neighbours, entry, word) or not is_before(tick, due_of(neighbours.rules, word)):
                step_entry(neighbours, interfaces, vector, heads, cause, entry, word, tick)
                word = load_acquire(neighbours.buckets[at].state, k)
                if status_of(word) == EMPTY:
                    continue
            due = due_of(neighbours.rules, word)
            if next_due == NOT_DUE or is_before(due, next_due):
                next_due = due
    return next_due


@kernel
def step_entry(
    neighbours: Any, interfaces: Any, vector: Any, heads: Any, cause: int, entry: int, word: Any, tick: Any
) -> None:
    """Do what is due of one entry: ask for it once more, or it fails, or it goes."""
    status = status_of(word)
    if status in (CLAIMED, CHANGING) and not is_abandoned(neighbours.head, word):
        return
    if status not in (INCOMPLETE, PROBE) or is_void(neighbours, entry, word):
        free_entry(neighbours, entry, word)
        return
    bucket, k = bucket_of_entry(neighbours, entry), place_of_entry(entry)
    high, low, link = bucket.high[k], bucket.low[k], load_acquire(bucket.link, k)
    domain: Any = np.int64(link >> DOMAIN_SHIFT)
    if (
        find_neighbour(neighbours, domain, high, low) != entry
    ):  # Another worker's was first: it is the one that is found.
        free_entry(neighbours, entry, word)
    elif tries_of(word) < TRIES:
        if vector.count - vector.received >= EXTRA_FRAMES:
            return
        if change_state(neighbours, entry, word, next_state(word, status, tries_of(word) + _ONE, tick)):
            mac = link & MAC_MASK if status == PROBE else _NONE
            interface = interfaces.interface[interfaces.of_domain[domain]]
            ask_neighbour(interface, vector, heads, cause, domain, high, low, mac)
    elif status == PROBE:
        free_entry(neighbours, entry, word)
    else:
        change_state(neighbours, entry, word, next_state(word, FAILED, _NONE, tick))


@kernel
def find_settled(neighbours: Any, parking: Any) -> Any:
    """Return whose frame has waited longest of those that wait for an entry that is no longer being asked for, or 0."""
    head = parking.head
    settled, oldest = _NONE, _LAST
    for place in range(PLACES):
        if load_acquire(head.state, place) & PLACE_STATUS != WAITING:
            continue
        owner, sequence = head.owner[place], head.sequence[place]
        if owner & OWNER_KIND != NEIGHBOUR_OWNER or sequence >= oldest:
            continue
        entry: Any = np.int64(owner & _ENTRY)
        word = load_acquire(bucket_of_entry(neighbours, entry).state, place_of_entry(entry))
        if status_of(word) not in (INCOMPLETE, CLAIMED, CHANGING):
            settled, oldest = owner, sequence
    return settled


@kernel
def return_settled(neighbours: Any, parking: Any, vector: Any, arena: Any, cause: int) -> None:
    """Return what waits for neighbours that have been settled, or have failed or gone."""
    for _ in range(EXTRA_FRAMES):
        owner = find_settled(neighbours, parking)
        if owner == _NONE or return_frames(parking, owner, vector, arena, cause) == 0:
            break

"""Parking frames and giving them back. ``tables.py`` says how places are shared."""

from typing import Any

import numpy as np

from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.jit import inlined, kernel
from dataplane.layout import LINE_BYTES
from dataplane.memory import compare_and_swap, copy_bytes, copy_line, fetch_add, load_acquire
from dataplane.originate import originate_frame, set_lengths
from dataplane.parking.tables import (
    CHANGES_SHIFT,
    FILLING,
    FORGOTTEN_TICKS,
    FREE,
    NOBODY,
    PLACES,
    SINCE_SHIFT,
    STATUS_MASK,
    STUCK_TICKS,
    TAKING,
    WAITING,
)
from dataplane.vector import EXTRA_FRAMES, SLOT_BYTES, SPILL_BYTES
from dataplane.verdict import RETURNED

ATTEMPTS = 64
"""Each further attempt means that another worker came between."""

_ONE = np.uint64(1)
_WRAP = np.uint64(1 << 32)
_HALF = np.uint64(1 << 31)
_LAST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@inlined
def next_word(word: Any, status: Any, tick: Any) -> Any:
    """Return what a place's word becomes."""
    return (((word >> CHANGES_SHIFT) + _ONE) << CHANGES_SHIFT) | (np.uint64(tick) << SINCE_SHIFT) | status


@kernel
def is_abandoned(word: Any, tick: Any) -> bool:
    """Whether whoever uses a place has gone, or has forgotten it."""
    status = word & STATUS_MASK
    age = (np.uint64(tick) + _WRAP - ((word >> SINCE_SHIFT) & TICK_MASK)) & TICK_MASK
    longest = FORGOTTEN_TICKS if status == WAITING else STUCK_TICKS
    return status != FREE and longest < age < _HALF


@kernel
def count_places(parking: Any, owner: Any, tick: Any) -> int:
    """Return how many places ``owner`` has."""
    head = parking.head
    owned = 0
    for place in range(PLACES):
        if head.owner[place] != owner:
            continue
        word = load_acquire(head.state, place)
        status = word & STATUS_MASK
        if status == WAITING or (status != FREE and not is_abandoned(word, tick)):
            owned += 1
    return owned


@kernel
def claim_place(parking: Any, owner: Any, limit: int, tick: Any) -> int:
    """Make a free place FILLING, or if there is none, an abandoned one, and return it; -1 if there is neither, or
    ``owner`` has ``limit`` places already."""
    head = parking.head
    if count_places(parking, owner, tick) >= limit:
        return -1
    for takes_abandoned in (False, True):
        for place in range(PLACES):
            word = load_acquire(head.state, place)
            status = word & STATUS_MASK
            is_nobodys = status == WAITING and head.owner[place] == NOBODY
            if status != FREE and not (takes_abandoned and (is_nobodys or is_abandoned(word, tick))):
                continue
            if compare_and_swap(head.state, place, word, next_word(word, FILLING, tick)):
                head.owner[place] = owner
                return place
    return -1


@kernel
def park_frame(parking: Any, vector: Any, arena: Any, i: int, owner: Any, limit: int, tick: Any) -> bool:
    """Keep frame ``i`` for ``owner``; False if no place is free, or the owner has ``limit`` frames there.

    Reads: the slot, the tail, lengths, in_port, domain, vlan_tci, ether_type, MACs, remote, group, copies, judgements.
    What becomes of the frame itself is the caller's to say.
    """
    at = claim_place(parking, owner, limit, tick)
    if at < 0:
        return False
    head = parking.head
    claimed = load_acquire(head.state, at)
    place = parking.places[at]
    for line in range(SLOT_BYTES // LINE_BYTES):
        copy_line(place.slot, line * LINE_BYTES, arena.heads, i * SLOT_BYTES + line * LINE_BYTES)
    copy_bytes(parking.tails, at * SPILL_BYTES, arena.tails, i * SPILL_BYTES, np.int64(vector.tail_length[i]))
    place.head_offset = np.int64(vector.head_at[i]) - i * SLOT_BYTES
    place.head_length = vector.head_length[i]
    place.tail_length = vector.tail_length[i]
    place.egress_judgement = vector.egress_judgement[i]
    place.ingress_judgement = vector.ingress_judgement[i]
    place.destination_mac = vector.destination_mac[i]
    place.source_mac = vector.source_mac[i]
    place.in_port = vector.in_port[i]
    place.ether_type = vector.ether_type[i]
    place.domain = vector.domain[i]
    place.vlan_tci = vector.vlan_tci[i]
    place.remote = vector.remote[i]
    place.group = vector.group[i]
    place.copies = vector.copies[i]
    head.sequence[at] = fetch_add(head.next_sequence, 0, _ONE)
    return bool(compare_and_swap(head.state, at, claimed, next_word(claimed, WAITING, tick)))


@kernel
def take_place(parking: Any, owner: Any, tick: Any) -> int:
    """Make the place of ``owner`` that has waited longest TAKING and return it; -1 if none waits."""
    head = parking.head
    for _ in range(ATTEMPTS):
        first = -1
        oldest = _LAST
        found = FREE
        for place in range(PLACES):
            if head.owner[place] != owner:
                continue
            word = load_acquire(head.state, place)
            if word & STATUS_MASK == WAITING and head.owner[place] == owner and head.sequence[place] < oldest:
                first, oldest, found = place, head.sequence[place], word
        if first < 0:
            break
        if compare_and_swap(head.state, first, found, next_word(found, TAKING, tick)):
            return first
    return -1


@kernel
def restore_frame(parking: Any, at: int, vector: Any, arena: Any, i: int) -> None:
    """Make the originated frame ``i`` the one that waited in place ``at``."""
    place = parking.places[at]
    for line in range(SLOT_BYTES // LINE_BYTES):
        copy_line(arena.heads, i * SLOT_BYTES + line * LINE_BYTES, place.slot, line * LINE_BYTES)
    copy_bytes(arena.tails, i * SPILL_BYTES, parking.tails, at * SPILL_BYTES, np.int64(place.tail_length))
    vector.head_at[i] = i * SLOT_BYTES + np.int64(place.head_offset)
    set_lengths(vector, i, np.int64(place.head_length), np.int64(place.tail_length))
    vector.egress_judgement[i] = place.egress_judgement
    vector.ingress_judgement[i] = place.ingress_judgement
    vector.destination_mac[i] = place.destination_mac
    vector.source_mac[i] = place.source_mac
    vector.in_port[i] = place.in_port
    vector.ether_type[i] = place.ether_type
    vector.domain[i] = place.domain
    vector.vlan_tci[i] = place.vlan_tci
    vector.remote[i] = place.remote
    vector.group[i] = place.group
    vector.copies[i] = place.copies
    vector.verdict[i] = RETURNED


@kernel
def return_frames(parking: Any, owner: Any, vector: Any, arena: Any, cause: int) -> int:
    """Add what waits for ``owner`` to the vector, in the order in which it came to wait; return how many frames.

    They are as they were parked, with the time of frame ``cause``, which they name as their cause; their verdict is
    RETURNED. What the vector has no room for goes on waiting.
    """
    tick = (vector.timestamp_ns[cause] >> TICK_SHIFT) & TICK_MASK
    returned = 0
    for _ in range(EXTRA_FRAMES):
        if vector.count - vector.received >= EXTRA_FRAMES:
            break
        at = take_place(parking, owner, tick)
        if at < 0:
            break
        word = load_acquire(parking.head.state, at)
        restore_frame(parking, at, vector, arena, originate_frame(vector, arena.heads, cause))
        compare_and_swap(parking.head.state, at, word, next_word(word, FREE, tick))
        returned += 1
    return returned


@kernel
def drop_parked(parking: Any, owner: Any) -> int:
    """Forget what waits for ``owner``; return how many frames."""
    head = parking.head
    dropped = 0
    for place in range(PLACES):
        word = load_acquire(head.state, place)
        if word & STATUS_MASK != WAITING or head.owner[place] != owner:
            continue
        if compare_and_swap(head.state, place, word, next_word(word, FREE, (word >> SINCE_SHIFT) & TICK_MASK)):
            dropped += 1
    return dropped

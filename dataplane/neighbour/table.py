"""What packets and neighbours do to the table of neighbours. ``tables.py`` has the theory of operation."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_acquire, store_release
from dataplane.neighbour.entries import (
    ATTEMPTS,
    bucket_of_entry,
    change_state,
    create_entry,
    home_of,
    is_fresh,
    is_void,
    next_state,
    place_of_entry,
    seek_entry,
    status_of,
)
from dataplane.neighbour.request import ask_neighbour
from dataplane.neighbour.tables import (
    ASK,
    BUCKET_ENTRIES,
    CHANGING,
    DOMAIN_SHIFT,
    FAILED,
    INCOMPLETE,
    NO_ROOM,
    OVERRIDES,
    PROBE,
    QUEUE,
    REACHABLE,
    SEND,
    SEND_AND_PROBE,
    SOLICITED,
    STALE,
    UNREACHABLE,
    WAIT,
)
from dataplane.parking.kernels import park_frame, return_frames
from dataplane.parking.tables import NEIGHBOUR_OWNER
from dataplane.wire import MAC_GROUP_BIT, MAC_MASK

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def meet_neighbour(neighbours: Any, domain: Any, high: Any, low: Any, tick: Any) -> Any:
    """Return the MAC of an address on a domain's link, and what to do with a packet for it: SEND, SEND_AND_PROBE, ASK,
    WAIT, UNREACHABLE or NO_ROOM.

    After SEND_AND_PROBE, ASK and WAIT, ``wait_for_neighbour`` does what is to be done. The common case, a neighbour
    that was heard not long ago, is decided here and writes nothing.
    """
    home = home_of(neighbours.head, domain, high, low)
    bucket = neighbours.buckets[home]
    for k in range(BUCKET_ENTRIES):
        if bucket.low[k] != low:
            continue
        word = load_acquire(bucket.state, k)
        link = load_acquire(bucket.link, k)
        is_same = load_acquire(bucket.low, k) == low and load_acquire(bucket.high, k) == high
        if not is_same or link >> DOMAIN_SHIFT != np.uint64(domain) or load_acquire(bucket.state, k) != word:
            continue
        if is_fresh(neighbours.rules, word, tick) and not is_void(neighbours, home * BUCKET_ENTRIES + k + 1, word):
            return link & MAC_MASK, SEND
    return meet_slowly(neighbours, domain, high, low, tick)


@kernel
def meet_slowly(neighbours: Any, domain: Any, high: Any, low: Any, tick: Any) -> Any:
    """Do as ``meet_neighbour`` for whatever neighbour."""
    for _ in range(ATTEMPTS):
        entry, word = seek_entry(neighbours, domain, high, low)
        if entry == 0:
            made = create_entry(neighbours, domain, high, low, _NONE, INCOMPLETE, tick)
            return _NONE, NO_ROOM if made == 0 else ASK
        bucket, k = bucket_of_entry(neighbours, entry), place_of_entry(entry)
        mac = load_acquire(bucket.link, k) & MAC_MASK
        if load_acquire(bucket.state, k) != word:
            continue
        status = status_of(word)
        if status == PROBE or is_fresh(neighbours.rules, word, tick):
            return mac, SEND
        if status == INCOMPLETE:
            return _NONE, WAIT
        if status == FAILED:
            return _NONE, UNREACHABLE
        if status in (REACHABLE, STALE) and change_state(neighbours, entry, word, next_state(word, PROBE, _ONE, tick)):
            return mac, SEND_AND_PROBE
    return _NONE, WAIT


@kernel
def wait_for_neighbour(
    neighbours: Any,
    parking: Any,
    interfaces: Any,
    vector: Any,
    arena: Any,
    i: int,
    domain: int,
    high: Any,
    low: Any,
    act: int,
    tick: Any,
) -> bool:
    """Ask for frame ``i``'s neighbour if ``act`` says so, and unless it may be sent already, keep the frame meanwhile.

    False if it could not be kept. What is asked is a frame that the domain's interface originates; where the vector has
    no room for it, the timers ask later. If another worker has settled the neighbour meanwhile, the frame is returned
    at once.
    """
    interface = interfaces.interface[interfaces.of_domain[domain]]
    entry, word = seek_entry(neighbours, domain, high, low)
    if entry == 0:
        return False
    bucket, k = bucket_of_entry(neighbours, entry), place_of_entry(entry)
    if act == SEND_AND_PROBE:
        mac = load_acquire(bucket.link, k) & MAC_MASK
        ask_neighbour(interface, vector, arena.heads, i, domain, high, low, mac)
        return False
    owner = NEIGHBOUR_OWNER | np.uint64(entry)
    kept = park_frame(parking, vector, arena, i, owner, QUEUE, tick)
    is_asked = act == ASK and status_of(word) == INCOMPLETE
    if is_asked and ask_neighbour(interface, vector, arena.heads, i, domain, high, low, _NONE):
        change_state(neighbours, entry, word, next_state(word, INCOMPLETE, _ONE, tick))
    if kept and status_of(load_acquire(bucket.state, k)) not in (INCOMPLETE, CHANGING):
        return_frames(parking, owner, vector, arena, i)
    return bool(kept)


@kernel
def settle_entry(neighbours: Any, entry: int, word: Any, status: Any, mac: Any, tick: Any) -> bool:
    """Give an entry a MAC and a status; False if another worker has changed it meanwhile."""
    bucket, k = bucket_of_entry(neighbours, entry), place_of_entry(entry)
    link = load_acquire(bucket.link, k)
    if link & MAC_MASK == mac:
        return bool(change_state(neighbours, entry, word, next_state(word, status, _NONE, tick)))
    changing = next_state(word, CHANGING, _NONE, tick)
    if not change_state(neighbours, entry, word, changing):
        return False
    store_release(bucket.link, k, (link & ~MAC_MASK) | mac)
    return bool(change_state(neighbours, entry, changing, next_state(changing, status, _NONE, tick)))


@inlined
def news_of(is_known: bool, is_fresh_now: bool, mac: Any, named: Any, kind: int) -> Any:
    """Return the MAC and the status that news about an entry with ``mac`` leave it with; MAC 0 if they change nothing.

    RFC 4861 section 7.2.5, where ``named`` may be 0: the news name no MAC.
    """
    confirms, overrides = kind & SOLICITED != 0, kind & OVERRIDES != 0
    if not is_known:
        return named, REACHABLE if confirms else STALE
    differs = named != _NONE and named != mac
    if differs and not overrides:
        return mac if is_fresh_now else _NONE, STALE
    if confirms:
        return named if differs else mac, REACHABLE
    return named if differs else _NONE, STALE


@kernel
def note_neighbour(
    neighbours: Any,
    parking: Any,
    vector: Any,
    arena: Any,
    cause: int,
    domain: int,
    high: Any,
    low: Any,
    mac: Any,
    kind: int,
    may_create: bool,
    tick: Any,
) -> int:
    """Take note that frame ``cause`` says that an address on a domain's link has ``mac``; give the vector what waited
    for it, and return how many frames.

    ``kind``: HEARD, CONFIRMED, UNSOLICITED or UNSOLICITED_OVERRIDE; or SOLICITED and OVERRIDES of an advertisement's
    flags. ``mac`` is 0 if an advertisement names none; a group's is not believed (RFC 1812 section 3.3.2).
    """
    if mac & MAC_GROUP_BIT:
        return 0
    for _ in range(ATTEMPTS):
        entry, word = seek_entry(neighbours, domain, high, low)
        if entry == 0:
            if may_create and mac != _NONE:
                status = REACHABLE if kind & SOLICITED else STALE
                create_entry(neighbours, domain, high, low, mac, status, tick)
            return 0
        status = status_of(word)
        if status == CHANGING:
            continue
        bucket, k = bucket_of_entry(neighbours, entry), place_of_entry(entry)
        is_known = status in (REACHABLE, STALE, PROBE)
        now = load_acquire(bucket.link, k) & MAC_MASK
        new, becomes = news_of(is_known, is_fresh(neighbours.rules, word, tick), now, mac, kind)
        if new == _NONE:
            return 0
        if settle_entry(neighbours, entry, word, becomes, new, tick):
            if is_known:
                return 0
            return int(return_frames(parking, NEIGHBOUR_OWNER | np.uint64(entry), vector, arena, cause))
    return 0

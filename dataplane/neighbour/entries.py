"""Entries of the table of neighbours: words, look-up, making and freeing. ``tables.py`` has the theory of operation."""

from typing import Any

import numpy as np

from dataplane.fdb.tables import TICK_MASK
from dataplane.jit import JIT_DISABLED, inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, store_release
from dataplane.neighbour.tables import (
    AT_ONCE,
    AWAY,
    BUCKET_ENTRIES,
    CHANGES_MASK,
    CHANGES_SHIFT,
    CHANGING,
    CLAIMED,
    DOMAIN_SHIFT,
    EMPTY,
    EVICTION_SEARCH,
    FAILED,
    FAILED_TICKS,
    GUARD,
    INCOMPLETE,
    NEIGHBOUR_WORKERS,
    NOT_DUE,
    PROBE,
    PROBE_LIMIT,
    REACHABLE,
    RETRY_TICKS,
    SINCE_SHIFT,
    STALE,
    STATUS_MASK,
    TRIES_MASK,
    TRIES_SHIFT,
    UNUSED_TICKS,
)

ATTEMPTS = 64
"""Each further attempt means that another worker came between."""

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_ONE_MORE = np.int64(1)
_ONE_LESS = np.int64(-1)
_WRAP = np.uint64(1 << 32)
_HALF = np.uint64(1 << 31)
_HALF_WORD = np.uint64(32)
_WORD_BITS = np.uint64(64)

if JIT_DISABLED:

    def home_of(head: Any, domain: Any, high: Any, low: Any) -> Any:
        words = (high, low, domain)
        total = sum(int(value) * int(head.multipliers[n]) for n, value in enumerate(words)) & (1 << 64) - 1
        mixed = (total ^ total >> 32) * int(head.multipliers[3]) & (1 << 64) - 1
        return mixed >> 64 - int(head.index_bits)

else:

    @inlined
    def home_of(head: Any, domain: Any, high: Any, low: Any) -> Any:
        """Return the bucket where an address is sought first (``dataplane/hash.py``)."""
        secret = head.multipliers
        total = np.uint64(high) * secret[0] + np.uint64(low) * secret[1] + np.uint64(domain) * secret[2]
        mixed = (total ^ (total >> _HALF_WORD)) * secret[3]
        return np.int64(mixed >> (_WORD_BITS - head.index_bits))


@inlined
def status_of(word: Any) -> Any:
    """Return the status of a state."""
    return word & STATUS_MASK


@inlined
def tries_of(word: Any) -> Any:
    """Return how often the neighbour was asked in this state."""
    return (word >> TRIES_SHIFT) & TRIES_MASK


@inlined
def next_state(word: Any, status: Any, tries: Any, tick: Any) -> Any:
    """Return what a state becomes at ``tick``."""
    changes = ((word >> CHANGES_SHIFT) + _ONE) & CHANGES_MASK
    return (np.uint64(tick) << SINCE_SHIFT) | (changes << CHANGES_SHIFT) | (tries << TRIES_SHIFT) | status


@inlined
def age_of(word: Any, tick: Any) -> Any:
    """Return how many ticks old a state is; what another worker's clock dates later is new."""
    age = (np.uint64(tick) + _WRAP - (word >> SINCE_SHIFT)) & TICK_MASK
    return age if age < _HALF else _NONE


@inlined
def is_fresh(rules: Any, word: Any, tick: Any) -> bool:
    """Whether a state says that the neighbour was heard not long ago."""
    return status_of(word) == REACHABLE and age_of(word, tick) < np.uint64(rules.reachable_ticks)


@kernel
def life_of(rules: Any, word: Any) -> Any:
    """Return for how many ticks a state holds, before something is to be done about it."""
    status = status_of(word)
    if status == REACHABLE:
        return np.uint64(rules.reachable_ticks) + UNUSED_TICKS
    if status == STALE:
        return UNUSED_TICKS
    if status == FAILED:
        return FAILED_TICKS
    if status in (CLAIMED, CHANGING) or (status in (INCOMPLETE, PROBE) and tries_of(word) != _NONE):
        return RETRY_TICKS
    return _NONE


@kernel
def due_of(rules: Any, word: Any) -> Any:
    """Return the tick at which something is to be done about a state."""
    return ((word >> SINCE_SHIFT) + life_of(rules, word)) & TICK_MASK


@inlined
def is_before(tick: Any, other: Any) -> bool:
    """Whether a tick is earlier than another."""
    ahead = (other + _WRAP - tick) & TICK_MASK
    return _NONE < ahead < _HALF


@kernel
def note_due(head: Any, due: Any) -> None:
    """See that the table is swept at tick ``due``, or before."""
    for _ in range(ATTEMPTS):
        noted = load_acquire(head.next_due, 0)
        if noted == AT_ONCE or (noted & (NOT_DUE | GUARD) == _NONE and not is_before(due, noted)):
            return
        if compare_and_swap(head.next_due, 0, noted, due):
            return


@kernel
def note_neighbour_tick(head: Any, worker: int, tick: Any) -> None:
    """Say that ``worker`` has left no entry half done before ``tick``, or before it sleeps: ``AWAY``."""
    store_release(head.noted_tick, worker * 8, np.uint64(tick))


@kernel
def is_abandoned(head: Any, word: Any) -> bool:
    """Whether no worker is still in the burst in which it made an entry CLAIMED or CHANGING."""
    since = word >> SINCE_SHIFT
    for worker in range(NEIGHBOUR_WORKERS):
        noted = load_acquire(head.noted_tick, worker * 8)
        if noted != AWAY and not is_before(since, noted):
            return False
    return True


@inlined
def is_void(neighbours: Any, entry: int, word: Any) -> bool:
    """Whether the agent has forgotten an entry in this state."""
    return load_acquire(neighbours.void, entry) == word


@inlined
def is_present(neighbours: Any, entry: int, word: Any) -> bool:
    """Whether a state is one of an entry that counts."""
    status = status_of(word)
    return status != EMPTY and status != CLAIMED and not is_void(neighbours, entry, word)


@kernel
def seek_entry(neighbours: Any, domain: Any, high: Any, low: Any) -> Any:
    """Return the entry of an address, and its state when it had that address; 0 and 0 if there is none."""
    mask = len(neighbours.buckets) - 1
    home = home_of(neighbours.head, domain, high, low)
    for step in range(PROBE_LIMIT):
        at = (home + step) & mask
        bucket = neighbours.buckets[at]
        for k in range(BUCKET_ENTRIES):
            if load_acquire(bucket.low, k) != low:
                continue
            word = load_acquire(bucket.state, k)
            is_same = load_acquire(bucket.low, k) == low and load_acquire(bucket.high, k) == high
            is_same = is_same and load_acquire(bucket.link, k) >> DOMAIN_SHIFT == np.uint64(domain)
            entry = at * BUCKET_ENTRIES + k + 1
            if is_same and is_present(neighbours, entry, word) and load_acquire(bucket.state, k) == word:
                return entry, word
    return 0, _NONE


@kernel
def find_neighbour(neighbours: Any, domain: Any, high: Any, low: Any) -> Any:
    """Return the entry of an address on a domain's link, in whatever state, or 0."""
    entry, _ = seek_entry(neighbours, domain, high, low)
    return entry


@inlined
def bucket_of_entry(neighbours: Any, entry: int) -> Any:
    """Return the bucket of an entry."""
    return neighbours.buckets[(entry - 1) // BUCKET_ENTRIES]


@inlined
def place_of_entry(entry: int) -> Any:
    """Return which one of its bucket's an entry is."""
    return (entry - 1) % BUCKET_ENTRIES


@kernel
def change_state(neighbours: Any, entry: int, word: Any, new: Any) -> bool:
    """Put an entry into another state, unless another worker has; what is then due will be done."""
    bucket = bucket_of_entry(neighbours, entry)
    if not compare_and_swap(bucket.state, place_of_entry(entry), word, new):
        return False
    note_due(neighbours.head, due_of(neighbours.rules, new))
    return True


@kernel
def free_entry(neighbours: Any, entry: int, word: Any) -> bool:
    """Take an entry out, unless another worker has changed it."""
    bucket = bucket_of_entry(neighbours, entry)
    new = next_state(word, EMPTY, _NONE, word >> SINCE_SHIFT)
    if not compare_and_swap(bucket.state, place_of_entry(entry), word, new):
        return False
    fetch_add(neighbours.head.entries, 0, _ONE_LESS)
    return True


@kernel
def idle_of(rules: Any, word: Any, tick: Any) -> int:
    """Return for how many ticks nobody has been served by an entry in this state; -1 if it must stay."""
    status = status_of(word)
    age: Any = np.int64(age_of(word, tick))
    if status in (STALE, FAILED):
        return age
    if status == REACHABLE and not is_fresh(rules, word, tick):
        return age - np.int64(rules.reachable_ticks)
    return -1


@kernel
def evict_entry(neighbours: Any, tick: Any) -> bool:
    """Search some buckets for the entry that is idle for the longest time, and take it out."""
    head, mask = neighbours.head, len(neighbours.buckets) - 1
    hand: Any = np.int64(load_acquire(head.hand, 0))
    searched = min(EVICTION_SEARCH, mask + 1)
    longest, entry, found = -1, 0, _NONE
    for n in range(searched):
        at = (hand + n) & mask
        for k in range(BUCKET_ENTRIES):
            word = load_acquire(neighbours.buckets[at].state, k)
            idle = idle_of(neighbours.rules, word, tick)
            if idle > longest:
                longest, entry, found = idle, at * BUCKET_ENTRIES + k + 1, word
    store_release(head.hand, 0, np.uint64((hand + searched) & mask))
    return entry != 0 and free_entry(neighbours, entry, found)


@kernel
def reserve_entry(neighbours: Any, tick: Any) -> bool:
    """Count one more entry if the table may have it, or can do without another."""
    head = neighbours.head
    if load_acquire(head.entries, 0) >= head.entry_limit:
        evict_entry(neighbours, tick)
    if fetch_add(head.entries, 0, _ONE_MORE) < head.entry_limit:
        return True
    fetch_add(head.entries, 0, _ONE_LESS)
    return False


@kernel
def create_entry(neighbours: Any, domain: Any, high: Any, low: Any, mac: Any, status: Any, tick: Any) -> Any:
    """Make an entry of an address that has none; return it, or another worker's who was first, or 0: no room."""
    if not reserve_entry(neighbours, tick):
        return 0
    mask = len(neighbours.buckets) - 1
    home = home_of(neighbours.head, domain, high, low)
    for step in range(PROBE_LIMIT):
        at = (home + step) & mask
        bucket = neighbours.buckets[at]
        for k in range(BUCKET_ENTRIES):
            word = load_acquire(bucket.state, k)
            claimed = next_state(word, CLAIMED, _NONE, tick)
            if status_of(word) != EMPTY or not compare_and_swap(bucket.state, k, word, claimed):
                continue
            note_due(neighbours.head, due_of(neighbours.rules, claimed))
            store_release(bucket.low, k, np.uint64(low))
            store_release(bucket.high, k, np.uint64(high))
            store_release(bucket.link, k, (np.uint64(domain) << DOMAIN_SHIFT) | np.uint64(mac))
            entry = at * BUCKET_ENTRIES + k + 1
            made = next_state(claimed, status, _NONE, tick)
            if not change_state(neighbours, entry, claimed, made):
                return 0
            first = find_neighbour(neighbours, domain, high, low)
            if first not in (0, entry) and free_entry(neighbours, entry, made):
                return first
            return entry
    fetch_add(neighbours.head.entries, 0, _ONE_LESS)
    return 0

"""Kernels of the forwarding database: find, learn, install, sweep. ``tables.py`` has its theory of operation."""

from typing import Any, Final

import numpy as np

from dataplane.fdb.tables import (
    ABSENT,
    BUCKET_ENTRIES,
    CLAIMED,
    COUNTED_EPOCHS,
    EMPTY,
    EPOCH_SHIFT,
    EPOCHS,
    PLACES,
    PORT_SHIFT,
    PROBE_LIMIT,
    REMOVED,
    STATIC,
    TICKS_AHEAD,
)
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire

INSERTED: Final = 0
BEATEN: Final = 1
NO_ROOM: Final = 2

INSTALL_ATTEMPTS: Final = 64
"""Each further attempt at a static entry means that another worker came between."""

_SEEN_MASK = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(1 << 31)
_WRAP = np.uint64(1 << 32)
_AHEAD = np.uint64(TICKS_AHEAD)
_PORT_MASK = np.uint64(0xFFFF)
_EPOCHS = np.uint64(EPOCHS)
_EPOCHS_AHEAD = np.uint64(EPOCHS // 2)
_ONE = np.uint32(1)
_MINUS_ONE = np.uint32(0xFFFF_FFFF)


@inlined
def value_of(rules: Any, port: int, seen: int) -> int:
    """Return the value word of a MAC heard on ``port`` at tick ``seen``."""
    return (np.uint64(rules.ports[port].epoch) << EPOCH_SHIFT) | (np.uint64(port) << PORT_SHIFT) | np.uint64(seen)


@inlined
def port_of(value: int) -> int:
    """Return the port of a value word."""
    return (value >> PORT_SHIFT) & _PORT_MASK


@inlined
def has_present_epoch(rules: Any, value: int) -> bool:
    """Whether the entry was learned under its port's epoch, or under a later one that another worker has seen."""
    epoch = np.uint64(rules.ports[port_of(value)].epoch)
    return ((value >> EPOCH_SHIFT) + _EPOCHS - epoch) % _EPOCHS < _EPOCHS_AHEAD


@inlined
def has_present_stamp(rules: Any, value: int) -> bool:
    """Whether a static entry is of the rules' stamp, or of a later one that another worker has seen already."""
    return ((value & _SEEN_MASK) + _WRAP - np.uint64(rules.static_stamp)) & _SEEN_MASK < _HALF


@inlined
def is_valid(rules: Any, value: int, now: int) -> bool:
    """Whether an entry still counts at tick ``now``; so does one from a tick to come, of a worker whose clock is ahead.

    Ticks wrap after 18 years.
    """
    if value & STATIC:
        return has_present_stamp(rules, value)
    age_ahead = (now + _WRAP + _AHEAD - (value & _SEEN_MASK)) & _SEEN_MASK
    return age_ahead <= np.uint64(rules.max_age_ticks) + _AHEAD and has_present_epoch(rules, value)


@inlined
def find_value(fdb: Any, key: int, home: int) -> int:
    """Return the value of ``key``, valid or not, or ABSENT; ``home`` is the key's bucket."""
    mask = len(fdb.buckets) - 1
    for step in range(PROBE_LIMIT):
        bucket = fdb.buckets[(home + step) & mask]
        ends = False
        for k in range(BUCKET_ENTRIES):
            found = bucket.key[k]
            if found == key:
                value = load_acquire(bucket.value, k)
                if value != ABSENT and load_acquire(bucket.key, k) == key:
                    return value
            if found == EMPTY:
                ends = True
        if ends:
            break
    return ABSENT


@kernel
def find_slot(fdb: Any, key: int, home: int) -> int:
    """Return the slot (bucket * BUCKET_ENTRIES + entry) that holds ``key``, the first one, or -1."""
    mask = len(fdb.buckets) - 1
    for step in range(PROBE_LIMIT):
        at = (home + step) & mask
        bucket = fdb.buckets[at]
        ends = False
        for k in range(BUCKET_ENTRIES):
            if bucket.key[k] == key and load_acquire(bucket.value, k) != ABSENT:
                return at * BUCKET_ENTRIES + k
            if bucket.key[k] == EMPTY:
                ends = True
        if ends:
            break
    return -1


@inlined
def learn_source(fdb: Any, key: int, home: int, port: int, seen: int, now: int) -> bool:
    """Learn that ``key`` is at ``port``; False if it is fixed to another port.

    The common case, a MAC heard before on the same port within the same tick, writes nothing.
    """
    bucket = fdb.buckets[home]
    for k in range(BUCKET_ENTRIES):
        if bucket.key[k] == key:
            value = bucket.value[k]
            if value == seen:
                return True
            if value ^ seen <= _SEEN_MASK and is_valid(fdb.rules, value, now):
                compare_and_swap(bucket.value, k, value, seen)
                return True
    return learn_slowly(fdb, key, home, port, seen, now)


@kernel
def learn_slowly(fdb: Any, key: int, home: int, port: int, seen: int, now: int) -> bool:
    """Learn a MAC that is new, has moved, has expired or lies away from its home bucket."""
    slot = find_slot(fdb, key, home)
    if slot < 0:
        learn_new(fdb, key, home, port, seen, now)
        return True
    bucket = fdb.buckets[slot // BUCKET_ENTRIES]
    k = slot % BUCKET_ENTRIES
    value = load_acquire(bucket.value, k)
    if not is_valid(fdb.rules, value, now):
        if expire_entry(fdb, bucket, k, key, value):
            learn_new(fdb, key, home, port, seen, now)
        return True
    if value & STATIC:
        return port_of(value) == np.uint64(port)
    if port_of(value) == np.uint64(port):
        compare_and_swap(bucket.value, k, value, seen)
    elif has_room_at_port(fdb, port, now):
        move_entry(fdb, bucket, k, key, value, seen)
    else:
        fdb.counters.refused_port += 1
    return True


@kernel
def learn_new(fdb: Any, key: int, home: int, port: int, seen: int, now: int) -> None:
    """Insert a MAC that has no entry, unless its port or the table is full."""
    if not has_room_at_port(fdb, port, now):
        fdb.counters.refused_port += 1
        return
    outcome = NO_ROOM
    if reserve_entry(fdb, now):
        count_mac(fdb, seen, _ONE)
        outcome = insert_entry(fdb, key, home, seen)
        if outcome != INSERTED:
            count_mac(fdb, seen, _MINUS_ONE)
            fetch_add(fdb.head.entries, 0, _MINUS_ONE)
    if outcome == INSERTED:
        fdb.counters.learned += 1
    elif outcome == NO_ROOM:
        fdb.counters.refused_table += 1


@kernel
def has_room_at_port(fdb: Any, port: int, now: int) -> bool:
    """Whether ``port`` may have one more MAC; what has expired is swept before the answer is no."""
    rules = fdb.rules.ports[port]
    at = place_of_count(np.uint64(rules.epoch), port)
    if load_acquire(fdb.head.macs, at) < rules.max_macs:
        return True
    sweep_once_a_tick(fdb, now)
    return load_acquire(fdb.head.macs, at) < rules.max_macs


@kernel
def reserve_entry(fdb: Any, now: int) -> bool:
    """Count one more entry if the table may have it; what has expired is swept before the answer is no."""
    head = fdb.head
    if load_acquire(head.entries, 0) >= head.entry_limit:
        sweep_once_a_tick(fdb, now)
    if fetch_add(head.entries, 0, _ONE) < head.entry_limit:
        return True
    fetch_add(head.entries, 0, _MINUS_ONE)
    return False


@kernel
def insert_entry(fdb: Any, key: int, home: int, value: int) -> int:
    """Put an entry into the first free slot from its home on; return INSERTED, BEATEN or NO_ROOM. The caller counts.

    Two workers may insert the same key at once, in different slots: the one further from home takes its own back.
    """
    mask = len(fdb.buckets) - 1
    for step in range(PROBE_LIMIT):
        at = (home + step) & mask
        bucket = fdb.buckets[at]
        for k in range(BUCKET_ENTRIES):
            found = bucket.key[k]
            if found != EMPTY and found != REMOVED:
                continue
            if not compare_and_swap(bucket.key, k, found, CLAIMED):
                continue
            bucket.value[k] = value
            # Not a mere store: either of two who insert must see the other's key when it looks for it.
            compare_and_swap(bucket.key, k, CLAIMED, key)
            if find_slot(fdb, key, home) != at * BUCKET_ENTRIES + k and compare_and_swap(
                bucket.value, k, value, ABSENT
            ):
                compare_and_swap(bucket.key, k, key, REMOVED)
                return BEATEN
            return INSERTED
    return NO_ROOM


@kernel
def move_entry(fdb: Any, bucket: Any, k: int, key: int, value: int, seen: int) -> None:
    """Let an entry lie behind another port, unless another worker has just changed it.

    If the slot has come to another MAC meanwhile, with the same value, that one gets it back.
    """
    count_mac(fdb, seen, _ONE)
    moved = compare_and_swap(bucket.value, k, value, seen)
    if moved and load_acquire(bucket.key, k) != key:
        moved = not compare_and_swap(bucket.value, k, seen, value)
    if moved:
        count_mac(fdb, value, _MINUS_ONE)
        fdb.counters.moved += 1
    else:
        count_mac(fdb, seen, _MINUS_ONE)


@kernel
def expire_entry(fdb: Any, bucket: Any, k: int, key: int, value: int) -> bool:
    """Take out an entry that is no longer valid; False if another worker has changed it, or takes it out."""
    removed = remove_entry(fdb, bucket, k, key, value)
    if removed:
        fdb.counters.expired += 1
    return removed


@kernel
def remove_entry(fdb: Any, bucket: Any, k: int, key: int, value: int) -> bool:
    """Take one entry out if its value is still ``value``, and give back what it counted for."""
    if value == ABSENT or not compare_and_swap(bucket.value, k, value, ABSENT):
        return False
    has_other_empty = False
    for other in range(BUCKET_ENTRIES):
        if bucket.key[other] == EMPTY:
            has_other_empty = True
    compare_and_swap(bucket.key, k, key, EMPTY if has_other_empty else REMOVED)
    count_mac(fdb, value, _MINUS_ONE)
    fetch_add(fdb.head.entries, 0, _MINUS_ONE)
    return True


@kernel
def count_mac(fdb: Any, value: int, by: int) -> None:
    """Count the entry of ``value`` at its port, unless it is static or of an epoch whose count is over."""
    if value & STATIC == 0 and has_present_epoch(fdb.rules, value):
        fetch_add(fdb.head.macs, place_of_count(value >> EPOCH_SHIFT, np.int64(port_of(value))), by)


@inlined
def place_of_count(epoch: int, port: int) -> int:
    """Return where the head counts the MACs that ``port`` has under ``epoch``."""
    return np.int64(epoch % np.uint64(COUNTED_EPOCHS)) * PLACES + port


@kernel
def sweep_buckets(fdb: Any, first: int, count: int, now: int) -> None:
    """Take out what has expired by tick ``now`` from ``count`` buckets on, and let look-ups end there again."""
    mask = len(fdb.buckets) - 1
    for step in range(count):
        at = (first + step) & mask
        bucket = fdb.buckets[at]
        removed = False
        for k in range(BUCKET_ENTRIES):
            key = bucket.key[k]
            if key == REMOVED:
                removed = True
            if key in (EMPTY, REMOVED, CLAIMED):
                continue
            value = load_acquire(bucket.value, k)
            if value == ABSENT:  # Its remover has stopped on the way, or taken it for another.
                compare_and_swap(bucket.key, k, key, REMOVED)
            elif not is_valid(fdb.rules, value, now):
                expire_entry(fdb, bucket, k, key, value)
        if removed and not is_passed(fdb, at):
            for k in range(BUCKET_ENTRIES):
                compare_and_swap(bucket.key, k, REMOVED, EMPTY)


@kernel
def is_passed(fdb: Any, at: int) -> bool:
    """Whether an entry lies beyond bucket ``at`` that a look-up must pass it to find."""
    mask = len(fdb.buckets) - 1
    for step in range(1, PROBE_LIMIT):
        beyond = (at + step) & mask
        bucket = fdb.buckets[beyond]
        for k in range(BUCKET_ENTRIES):
            key = bucket.key[k]
            if key == CLAIMED:
                return True
            if key not in (EMPTY, REMOVED):
                home = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
                if (beyond - home) & mask >= step:
                    return True
    return False


@kernel
def sweep_once_a_tick(fdb: Any, now: int) -> None:
    """Sweep the whole table, but not twice in a tick: within one, nothing more can expire."""
    head = fdb.head
    if head.swept_tick != now:
        head.swept_tick = now
        sweep_buckets(fdb, 0, len(fdb.buckets), now)


@kernel
def install_static_entries(fdb: Any) -> None:
    """Put the rules' static entries in force: those of an earlier stamp have expired by now.

    They have precedence over what was learned, and they take no room from their port's limit. Several workers may do
    this at once.
    """
    rules = fdb.rules
    for n in range(rules.static_entries):
        value = value_of(rules, rules.static_port[n], rules.static_stamp) | STATIC
        install_static_entry(fdb, rules.static_key[n], value)


@kernel
def install_static_entry(fdb: Any, key: int, value: int) -> None:
    """Put one static entry in force, in the place of what is known of its MAC."""
    home = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
    for _ in range(INSTALL_ATTEMPTS):
        slot = find_slot(fdb, key, home)
        if slot < 0:
            fetch_add(fdb.head.entries, 0, _ONE)
            outcome = insert_entry(fdb, key, home, value)
            if outcome == INSERTED:
                return
            fetch_add(fdb.head.entries, 0, _MINUS_ONE)
            if outcome == NO_ROOM:
                make_room(fdb, home)
            continue
        bucket = fdb.buckets[slot // BUCKET_ENTRIES]
        k = slot % BUCKET_ENTRIES
        before = load_acquire(bucket.value, k)
        if before == ABSENT:
            continue
        if before & STATIC and has_present_stamp(fdb.rules, before):
            return
        if compare_and_swap(bucket.value, k, before, value):
            count_mac(fdb, before, _MINUS_ONE)
            return


@kernel
def make_room(fdb: Any, home: int) -> None:
    """Take out one entry in reach of bucket ``home`` that was learned."""
    mask = len(fdb.buckets) - 1
    for step in range(PROBE_LIMIT):
        bucket = fdb.buckets[(home + step) & mask]
        for k in range(BUCKET_ENTRIES):
            key = bucket.key[k]
            value = load_acquire(bucket.value, k)
            if key in (EMPTY, REMOVED, CLAIMED) or value & STATIC:
                continue
            if remove_entry(fdb, bucket, k, key, value):
                return

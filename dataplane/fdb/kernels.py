"""Kernels of the forwarding database: find, learn, install, sweep. ``tables.py`` has its theory of operation."""

from typing import Any

import numpy as np

from dataplane.fdb.tables import (
    ABSENT,
    BUCKET_ENTRIES,
    CLAIMED,
    EMPTY,
    EPOCH_SHIFT,
    FLAGS_SHIFT,
    PORT_SHIFT,
    PROBE_LIMIT,
    REMOVED,
    STATIC,
)
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, store_release

_STATIC_FLAG = np.uint64(STATIC) << FLAGS_SHIFT
_SEEN_MASK = np.uint64(0xFFFF_FFFF)
_WRAP = np.uint64(1 << 32)
_PORT_MASK = np.uint64(0xFFFF)
_EPOCH_MASK = np.uint64(0xFF)
_ONE = np.uint32(1)
_NONE = np.uint32(0)


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
    """Whether the entry was learned under its port's present epoch."""
    return (value >> EPOCH_SHIFT) & _EPOCH_MASK == np.uint64(rules.ports[port_of(value)].epoch)


@inlined
def is_valid(rules: Any, value: int, now: int) -> bool:
    """Whether an entry still counts at tick ``now``; ticks wrap after 18 years."""
    if value & _STATIC_FLAG:
        return value & _SEEN_MASK == np.uint64(rules.static_stamp)
    age = (now + _WRAP - (value & _SEEN_MASK)) & _SEEN_MASK
    return age <= np.uint64(rules.max_age_ticks) and has_present_epoch(rules, value)


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
                if load_acquire(bucket.key, k) == key:
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
            if bucket.key[k] == key:
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
                bucket.value[k] = seen
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
    value = bucket.value[k]
    valid = is_valid(fdb.rules, value, now)
    if valid and value & _STATIC_FLAG:
        return port_of(value) == np.uint64(port)
    if valid and port_of(value) == np.uint64(port):
        bucket.value[k] = seen
        return True
    if not valid:
        remove_entry(fdb, bucket, k, key, value)
        fdb.counters.expired += 1
        learn_new(fdb, key, home, port, seen, now)
        return True
    if not has_room_at_port(fdb, port, now):
        fdb.counters.refused_port += 1
        return True
    count_down(fdb.head.macs, np.int64(port_of(value)))
    fetch_add(fdb.head.macs, port, _ONE)
    store_release(bucket.value, k, seen)
    fdb.counters.moved += 1
    return True


@kernel
def learn_new(fdb: Any, key: int, home: int, port: int, seen: int, now: int) -> None:
    """Insert a MAC that has no entry, unless its port or the table is full."""
    head = fdb.head
    if not has_room_at_port(fdb, port, now):
        fdb.counters.refused_port += 1
        return
    if head.entries[0] >= head.entry_limit:
        sweep_once_a_tick(fdb, now)
    if head.entries[0] >= head.entry_limit or not insert_entry(fdb, key, home, seen):
        fdb.counters.refused_table += 1
        return
    fetch_add(head.macs, port, _ONE)
    fdb.counters.learned += 1


@kernel
def has_room_at_port(fdb: Any, port: int, now: int) -> bool:
    """Whether ``port`` may have one more MAC; what has expired is swept before the answer is no."""
    if fdb.head.macs[port] < fdb.rules.ports[port].max_macs:
        return True
    sweep_once_a_tick(fdb, now)
    return fdb.head.macs[port] < fdb.rules.ports[port].max_macs


@kernel
def insert_entry(fdb: Any, key: int, home: int, value: int) -> bool:
    """Put an entry into the first free slot from its home on; False if there is none in reach.

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
            store_release(bucket.key, k, key)
            if find_slot(fdb, key, home) != at * BUCKET_ENTRIES + k:
                compare_and_swap(bucket.key, k, key, REMOVED)
                return True
            fetch_add(fdb.head.entries, 0, _ONE)
            return True
    return False


@kernel
def remove_entry(fdb: Any, bucket: Any, k: int, key: int, value: int) -> None:
    """Take one entry out and give back what it counted for."""
    has_other_empty = False
    for other in range(BUCKET_ENTRIES):
        if bucket.key[other] == EMPTY:
            has_other_empty = True
    if not compare_and_swap(bucket.key, k, key, EMPTY if has_other_empty else REMOVED):
        return
    count_down(fdb.head.entries, 0)
    if value & _STATIC_FLAG == 0 and has_present_epoch(fdb.rules, value):
        count_down(fdb.head.macs, np.int64(port_of(value)))


@kernel
def count_down(counts: Any, at: int) -> None:
    """Take one off a count that the agent may have set to zero meanwhile."""
    while True:
        count = load_acquire(counts, at)
        if count == _NONE or compare_and_swap(counts, at, count, count - _ONE):
            return


@kernel
def sweep_buckets(fdb: Any, first: int, count: int, now: int) -> None:
    """Take out what has expired by tick ``now`` from ``count`` buckets on."""
    mask = len(fdb.buckets) - 1
    for step in range(count):
        bucket = fdb.buckets[(first + step) & mask]
        for k in range(BUCKET_ENTRIES):
            key = bucket.key[k]
            if key in (EMPTY, REMOVED, CLAIMED):
                continue
            value = load_acquire(bucket.value, k)
            if not is_valid(fdb.rules, value, now):
                remove_entry(fdb, bucket, k, key, value)
                fdb.counters.expired += 1


@kernel
def sweep_once_a_tick(fdb: Any, now: int) -> None:
    """Sweep the whole table, but not twice in a tick: within one, nothing more can expire."""
    head = fdb.head
    if head.swept_tick != np.uint32(now):
        head.swept_tick = np.uint32(now)
        sweep_buckets(fdb, 0, len(fdb.buckets), now)


@kernel
def install_static_entries(fdb: Any, now: int) -> None:
    """Put the rules' static entries in force: those of an earlier stamp have expired by now.

    They have precedence over what was learned, and they take no room from their port's limit.
    """
    rules = fdb.rules
    head = fdb.head
    for n in range(rules.static_entries):
        key = rules.static_key[n]
        home = np.int64(bucket_of(key, head.multiplier, head.shift))
        value = value_of(rules, rules.static_port[n], rules.static_stamp) | _STATIC_FLAG
        slot = find_slot(fdb, key, home)
        if slot >= 0:
            bucket = fdb.buckets[slot // BUCKET_ENTRIES]
            k = slot % BUCKET_ENTRIES
            remove_entry(fdb, bucket, k, key, bucket.value[k])
        insert_entry(fdb, key, home, value)

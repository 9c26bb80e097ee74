"""Kernels of the flow table: find, create, remove, sweep, evict. ``tables.py`` has its theory of operation."""

from typing import Any

import numpy as np

from dataplane.flow.index import REF_MASK, fingerprint_of, home_of, key_hash, link_half, may_hold, unlink_half
from dataplane.flow.records import give_back, take_record
from dataplane.flow.tables import (
    ASSURED,
    BEATEN,
    BEATEN_STATUS,
    BUCKET_ENTRIES,
    CLASH,
    DYING,
    EVICTION_SEARCH,
    LIVE,
    NO_HALF,
    ORIGINAL,
    PROBE_LIMIT,
    REPLY,
    SWEEP_TICKS,
    TABLE_FULL,
    TENTATIVE,
)
from dataplane.flowlog.kernels import log_closed
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, store_release

_TICK_MASK = np.uint64(0xFFFF_FFFF)
_WRAP = np.uint64(1 << 32)
_HALF = np.uint64(1 << 31)
_ONE = np.uint64(1)
_MINUS_ONE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@inlined
def has_expired(record: Any, now: int) -> bool:
    """Whether a flow's time is over at tick ``now``. Ticks wrap after 18 years."""
    return (now + _WRAP - np.uint64(record.expires)) & _TICK_MASK < _HALF


@inlined
def expire_at(record: Any, now: int, timeout: int) -> None:
    """Let a flow live until ``timeout`` ticks after ``now``."""
    record.expires = (now + np.uint64(timeout)) & _TICK_MASK


@inlined
def is_same_key(one: Any, other: Any) -> bool:
    """Whether two records of ``TUPLE_DTYPE`` are equal."""
    return (
        one.word == other.word
        and one.source_low == other.source_low
        and one.destination_low == other.destination_low
        and one.source_high == other.source_high
        and one.destination_high == other.destination_high
    )


@inlined
def half_has_key(record: Any, direction: int, key: Any) -> bool:
    """Whether the flow's half of this direction has the key."""
    if direction == REPLY:
        return is_same_key(record.reply.key, key)
    return is_same_key(record.original.key, key)


@inlined
def find_half(flows: Any, key: Any, hashed: int, now: int) -> int:
    """Return the half (flow * 2 + direction) that has ``key`` (fields of ``TUPLE_DTYPE``), or NO_HALF.

    A flow whose time is over is as if absent. What is found may be read until the worker's burst ends.
    """
    mask = len(flows.buckets) - 1
    home = home_of(flows.head, hashed)
    fingerprint = fingerprint_of(flows.head, hashed)
    for step in range(PROBE_LIMIT):
        bucket = flows.buckets[(home + step) & mask]
        for k in range(BUCKET_ENTRIES):
            entry = load_acquire(bucket.entries, k)
            if may_hold(entry, fingerprint):
                ref = np.int64(entry & REF_MASK)
                record = flows.records[ref >> 1]
                if half_has_key(record, ref & 1, key) and load_acquire(record.status, 0) == LIVE:
                    if not has_expired(record, now):
                        return ref
        if load_acquire(bucket.passed, 0) == 0:
            break
    return NO_HALF


@inlined
def is_half(flows: Any, ref: int, key: Any, now: int) -> bool:
    """Whether a half that was seen before in this burst has ``key``, and its flow is there at tick ``now``."""
    record = flows.records[ref >> 1]
    is_there = load_acquire(record.status, 0) == LIVE and not has_expired(record, now)
    return is_there and half_has_key(record, ref & 1, key)


@inlined
def is_taken(flows: Any, key: Any, now: int) -> bool:
    """Whether a flow has this key in either direction: for choosing ports."""
    return find_half(flows, key, key_hash(flows.head, key), now) != NO_HALF


@kernel
def create_flow(flows: Any, conversation: Any, now: int, timeout: int) -> int:
    """Make a flow of a record of ``CONVERSATION_DTYPE`` that lives for ``timeout`` ticks from ``now`` on.

    Return the flow, or TABLE_FULL, BEATEN (another has its original key) or CLASH (another has its reply key). What
    the record says besides keys and times is zero.
    """
    if not reserve_flow(flows, now):
        return TABLE_FULL
    flow = take_record(flows)
    if flow == 0:
        fetch_add(flows.head.flows, 0, _MINUS_ONE)
        return TABLE_FULL
    record = flows.records[flow]
    write_half(record.original, conversation.original)
    write_half(record.reply, conversation.reply)
    write_state(record, now, timeout)
    store_release(record.status, 0, TENTATIVE)
    outcome = settle_half(flows, record.original.key, flow * 2 + ORIGINAL, now, BEATEN)
    if outcome == 0:
        outcome = settle_half(flows, record.reply.key, flow * 2 + REPLY, now, CLASH)
    if outcome == 0:
        if compare_and_swap(record.status, 0, TENTATIVE, LIVE):
            return flow
        outcome = BEATEN
    withdraw_flow(flows, flow)
    return outcome


@inlined
def write_half(half: Any, key: Any) -> None:
    """Begin a half with ``key``."""
    half.key.source_high = key.source_high
    half.key.source_low = key.source_low
    half.key.destination_high = key.destination_high
    half.key.destination_low = key.destination_low
    half.key.word = key.word
    half.packets = 0
    half.bytes = 0
    half.max_ack = 0
    half.judgement = 0


@inlined
def write_state(record: Any, now: int, timeout: int) -> None:
    """Begin a flow's state line."""
    record.state = 0
    record.traits = 0
    record.between = 0
    record.refreshed = 0
    record.judged = 0
    record.created = now
    expire_at(record, now, timeout)
    for direction in range(2):
        window = record.windows[direction]
        window.end = 0
        window.max_end = 0
        window.max_window = 0
        window.scale = 0
        window.ignored_scale = 0
        window.ignored_syn = 0


@kernel
def settle_half(flows: Any, key: Any, ref: int, now: int, refusal: int) -> int:
    """Put a half of a tentative flow into the index; return 0, or ``refusal`` if another flow has its key, or
    TABLE_FULL."""
    hashed = key_hash(flows.head, key)
    place = link_half(flows, hashed, ref)
    if place < 0:
        return TABLE_FULL
    return 0 if outdo_rivals(flows, key, hashed, ref, place, now) else refusal


@kernel
def outdo_rivals(flows: Any, key: Any, hashed: int, ref: int, place: int, now: int) -> bool:
    """Clear a key, whose entry lies ``place`` entries from home, of other flows; False if one of them is to have it."""
    mask = len(flows.buckets) - 1
    home = home_of(flows.head, hashed)
    fingerprint = fingerprint_of(flows.head, hashed)
    for step in range(PROBE_LIMIT):
        bucket = flows.buckets[(home + step) & mask]
        for k in range(BUCKET_ENTRIES):
            entry = load_acquire(bucket.entries, k)
            if not may_hold(entry, fingerprint):
                continue
            other = np.int64(entry & REF_MASK)
            rival = flows.records[other >> 1]
            if other >> 1 == ref >> 1 or not half_has_key(rival, other & 1, key):
                continue
            if load_acquire(rival.status, 0) == TENTATIVE:
                if step * BUCKET_ENTRIES + k < place:
                    return False
                compare_and_swap(rival.status, 0, TENTATIVE, BEATEN_STATUS)
            if load_acquire(rival.status, 0) == LIVE:
                if not has_expired(rival, now):
                    return False
                take_out(flows, other >> 1, LIVE)
        if load_acquire(bucket.passed, 0) == 0:
            break
    return True


@kernel
def withdraw_flow(flows: Any, flow: int) -> None:
    """Take back a flow that came to nothing. Its entries go whoever else has meanwhile swept it."""
    if not take_out(flows, flow, TENTATIVE) and not take_out(flows, flow, BEATEN_STATUS):
        unlink_flow(flows, flow)


@kernel
def remove_flow(flows: Any, flow: int) -> bool:
    """Take a flow out; False if there is none, or another worker takes it out. Others may still read it."""
    return take_out(flows, flow, LIVE)


@kernel
def take_out(flows: Any, flow: int, status: int) -> bool:
    """Take out a flow that is of this status, if nobody else does."""
    if not compare_and_swap(flows.records[flow].status, 0, status, DYING):
        return False
    if flows.head.observed[0] != 0 and status == LIVE:
        log_closed(flows.log, flow, flows.records[flow])
    unlink_flow(flows, flow)
    give_back(flows, flow)
    fetch_add(flows.head.flows, 0, _MINUS_ONE)
    return True


@kernel
def unlink_flow(flows: Any, flow: int) -> None:
    """Take both halves' entries out of the index."""
    record = flows.records[flow]
    unlink_half(flows, key_hash(flows.head, record.original.key), flow * 2 + ORIGINAL)
    unlink_half(flows, key_hash(flows.head, record.reply.key), flow * 2 + REPLY)


@kernel
def sweep_flows(flows: Any, first: int, count: int, now: int) -> int:
    """Take out what has expired among ``count`` flows from ``first`` on; return how many."""
    end = min(np.int64(first + count), np.int64(load_acquire(flows.head.unused, 0)))
    swept = 0
    for flow in range(max(first, 1), end):
        record = flows.records[flow]
        status = load_acquire(record.status, 0)
        if status in (LIVE, TENTATIVE, BEATEN_STATUS):
            if has_expired(record, now) and take_out(flows, flow, status):
                swept += 1
    return swept


@kernel
def sweep_share(flows: Any, tick: int) -> int:
    """Take out what has expired among tick ``tick``'s share of the records; return how many. Any worker, each tick."""
    used = np.int64(load_acquire(flows.head.unused, 0))
    share = used // SWEEP_TICKS + 1
    return sweep_flows(flows, np.int64(tick) % SWEEP_TICKS * share, share, tick)


@kernel
def reserve_flow(flows: Any, now: int) -> bool:
    """Count one more flow if the table may have it, or can do without another."""
    head = flows.head
    if load_acquire(head.flows, 0) >= head.flow_limit:
        evict_flow(flows, now)
    if fetch_add(head.flows, 0, _ONE) < head.flow_limit:
        return True
    fetch_add(head.flows, 0, _MINUS_ONE)
    return False


@kernel
def evict_flow(flows: Any, now: int) -> bool:
    """Search some records for a flow that has expired, or else for the first that is not assured, and take it out."""
    head = flows.head
    used = np.int64(load_acquire(head.unused, 0)) - 1
    if used <= 0:
        return False
    hand = np.int64(load_acquire(head.hand, 0) % np.uint64(used))
    half_open = 0
    for n in range(min(EVICTION_SEARCH, used)):
        flow = 1 + (hand + n) % used
        record = flows.records[flow]
        if load_acquire(record.status, 0) != LIVE:
            continue
        if has_expired(record, now) and take_out(flows, flow, LIVE):
            store_release(head.hand, 0, np.uint64(flow))
            return True
        if half_open == 0 and record.traits & ASSURED == 0:
            half_open = flow
    store_release(head.hand, 0, np.uint64(hand + min(EVICTION_SEARCH, used)))
    return half_open != 0 and take_out(flows, half_open, LIVE)

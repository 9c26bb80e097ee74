"""Verdicts on who talks to whom, one packet at a time. ``tables.py`` has the theory of operation.

``dataplane/router/judgement.py`` puts these into kernels that take the router's record.
"""

from typing import Any

import numpy as np

from dataplane.hash import bucket_of
from dataplane.jit import inlined
from dataplane.memory import load_acquire, prefetch
from dataplane.policy.tables import (
    ACTION_MASK,
    ACTION_SHIFT,
    BLOCK_BIT,
    CELLS_OF_BUCKET,
    DENY,
    EMPTY,
    LIST_MASK,
    NOT_WRITTEN,
    NUMBER_SHIFT,
    PASS,
    PROBE_LIMIT,
    PROTOCOL_SHIFT,
    ROW_SHIFT,
    RULE_MASK,
    SPREAD,
    START_SHIFT,
    TIERS,
    VERDICT_MASK,
)
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP

_NONE = np.uint64(0)
_HALF = np.uint64(32)
_DENY = np.uint64(DENY)
_PASS = np.uint64(PASS)


@inlined
def policy_key(protocol: Any, port: Any) -> Any:
    """Return the key (uint64) by which lists are searched, of a protocol and a destination port in host order."""
    number = np.uint64(protocol)
    if number in (np.uint64(PROTOCOL_TCP), np.uint64(PROTOCOL_UDP), np.uint64(PROTOCOL_SCTP)):
        return (number << np.uint64(PROTOCOL_SHIFT)) | np.uint64(port)
    return number << np.uint64(PROTOCOL_SHIFT)


@inlined
def stamp_in_force(policy: Any) -> Any:
    """Return the stamp (uint32) of what is in force: it is read before a burst's packets are judged."""
    return np.uint32(load_acquire(policy.head.stamp, 0))


@inlined
def cell_key(row: Any, end_number: Any, is_block: Any) -> Any:
    """Return a cell's word without its list (uint64): a row, and the number of labels or of a block."""
    key = (np.uint64(row) << ROW_SHIFT) | (np.uint64(end_number) << NUMBER_SHIFT)
    return key | BLOCK_BIT if is_block else key


@inlined
def home_of(head: Any, key: Any) -> Any:
    """Return the bucket at which the look-up of a cell begins."""
    spread = bucket_of(key >> NUMBER_SHIFT, SPREAD, _NONE)
    return np.int64(bucket_of(spread ^ spread >> _HALF, head.multiplier, head.shift))


@inlined
def prefetch_cell(policy: Any, row: Any, end_number: Any, is_block: Any) -> None:
    """Ask the caches for what the look-up of a cell will read."""
    prefetch(policy.cells, home_of(policy.head, cell_key(row, end_number, is_block)) * CELLS_OF_BUCKET)


@inlined
def find_cell(policy: Any, key: Any) -> Any:
    """Return the list (int64) of a cell, 0 if there is no such cell."""
    mask = len(policy.cells) - 1
    first = home_of(policy.head, key) * CELLS_OF_BUCKET
    for _ in range(PROBE_LIMIT):
        has_room = False
        for k in range(CELLS_OF_BUCKET):
            word = load_acquire(policy.cells, first + k)
            if word >> NUMBER_SHIFT == key >> NUMBER_SHIFT:
                return np.int64(word & LIST_MASK)
            has_room |= word == EMPTY
        if has_room:
            return 0
        first = (first + CELLS_OF_BUCKET) & mask
    return 0


@inlined
def search_list(policy: Any, number: Any, key: Any) -> Any:
    """Return the verdict (uint64, 40 bits) of a list: of the last step that begins at ``key`` or before."""
    if number == 0:
        return NOT_WRITTEN
    steps = policy.steps
    at = np.int64(policy.lists[number].first)
    left = np.int64(policy.lists[number].count)
    while left > 1:
        half = left >> 1
        if steps[at + half] >> START_SHIFT <= key:
            at += half
        left -= half
    return steps[at] & VERDICT_MASK


@inlined
def judge(policy: Any, row: Any, other: Any, key: Any) -> Any:
    """Return the verdict (uint64, 40 bits) of a row other than 0, and of those after it, on an end, for what
    ``policy_key`` returned."""
    verdict = judge_tier(policy, row, other, key)
    after = np.int64(policy.rows[row].after)
    for _ in range(TIERS - 1):
        if after == 0 or (verdict >> ACTION_SHIFT) & ACTION_MASK != _PASS:
            break
        verdict = judge_tier(policy, after, other, key)
        after = np.int64(policy.rows[after].after)
    return verdict


@inlined
def judge_tier(policy: Any, row: Any, other: Any, key: Any) -> Any:
    """Return the verdict of one row alone."""
    end = policy.ends[other]
    by_labels = np.int64(0)
    if end.labels != 0:
        by_labels = find_cell(policy, cell_key(row, end.labels, False))
    if by_labels == 0:
        by_labels = np.int64(policy.rows[row].otherwise)
    verdict = search_list(policy, by_labels, key)
    if end.block == 0:
        return verdict
    by_block = find_cell(policy, cell_key(row, end.block, True))
    return verdict if by_block == 0 else min(verdict, search_list(policy, by_block, key))


@inlined
def is_denied(verdict: Any) -> bool:
    """Whether a verdict, or a judgement, lets nothing pass."""
    return (np.uint64(verdict) >> ACTION_SHIFT) & ACTION_MASK == _DENY


@inlined
def count_hit(policy: Any, judgement: Any) -> None:
    """Count one more packet that a judgement's rule has decided."""
    policy.hits.packets[np.int64(np.uint64(judgement) & RULE_MASK)] += np.uint64(1)

"""The index of flows: hash, and entries that come and go by one compare-and-swap each (``tables.py``)."""

from typing import Any

import numpy as np

from dataplane.flow.tables import BUCKET_ENTRIES, PROBE_LIMIT
from dataplane.jit import JIT_DISABLED, inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, prefetch

_EMPTY = np.uint64(0)
_ONE = np.uint64(1)
_MINUS_ONE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ALL_BITS = 0xFFFF_FFFF_FFFF_FFFF
_HALF_WORD = np.uint64(32)
_WORD_BITS = np.uint64(64)
_FINGERPRINT = np.uint64(0xFFFF_FFFF_0000_0000)
REF_MASK = np.uint64(0xFFFF_FFFF)

if JIT_DISABLED:

    def flow_hash(
        head: Any, source_high: int, source_low: int, destination_high: int, destination_low: int, word: int
    ) -> Any:
        words = (source_high, source_low, destination_high, destination_low, word)
        total = sum(int(value) * int(head.multipliers[n]) for n, value in enumerate(words)) & _ALL_BITS
        return np.uint64((total ^ total >> 32) * int(head.multipliers[5]) & _ALL_BITS)

else:

    @inlined
    def flow_hash(
        head: Any, source_high: int, source_low: int, destination_high: int, destination_low: int, word: int
    ) -> Any:
        """Return the hash of a key; its upper bits are the good ones (``dataplane/hash.py``).

        Ports that count up make sums that count up, which would gather in few buckets: they are mixed once more.
        """
        secret = head.multipliers
        total = (
            source_high * secret[0]
            + source_low * secret[1]
            + destination_high * secret[2]
            + destination_low * secret[3]
            + word * secret[4]
        )
        return (total ^ (total >> _HALF_WORD)) * secret[5]


@inlined
def key_hash(head: Any, key: Any) -> Any:
    """Return the hash of a record that has the fields of a key."""
    return flow_hash(head, key.source_high, key.source_low, key.destination_high, key.destination_low, key.word)


@inlined
def home_of(head: Any, hashed: int) -> Any:
    """Return the bucket where a key of this hash is sought first."""
    return np.int64(hashed >> (_WORD_BITS - head.index_bits))


@inlined
def fingerprint_of(head: Any, hashed: int) -> Any:
    """Return the 32 bits of the hash below those of the home, as the upper half of a word."""
    return (hashed << head.index_bits) & _FINGERPRINT


@inlined
def prefetch_bucket(flows: Any, hashed: int) -> None:
    """Ask the caches for a key's home bucket: the first pass over a vector."""
    prefetch(flows.buckets, home_of(flows.head, hashed))


@inlined
def peek_half(flows: Any, hashed: int) -> Any:
    """Return the half in the home bucket that has this hash's fingerprint, or 0, and ask the caches for its lines:
    the second pass over a vector, which compares no keys yet."""
    bucket = flows.buckets[home_of(flows.head, hashed)]
    fingerprint = fingerprint_of(flows.head, hashed)
    for k in range(BUCKET_ENTRIES):
        entry = load_acquire(bucket.entries, k)
        if may_hold(entry, fingerprint):
            ref: Any = np.int64(entry & REF_MASK)
            prefetch(flows.words, (ref >> 1) * 24 + (ref & 1) * 16)
            prefetch(flows.words, (ref >> 1) * 24 + 8)
            return ref
    return 0


@kernel
def link_half(flows: Any, hashed: int, ref: int) -> int:
    """Put an entry in and return its distance from home in entries, or -1 if there is no room near its home."""
    mask = len(flows.buckets) - 1
    home = home_of(flows.head, hashed)
    entry = fingerprint_of(flows.head, hashed) | np.uint64(ref)
    for step in range(PROBE_LIMIT):
        bucket = flows.buckets[(home + step) & mask]
        for k in range(BUCKET_ENTRIES):
            if load_acquire(bucket.entries, k) == _EMPTY and compare_and_swap(bucket.entries, k, _EMPTY, entry):
                return step * BUCKET_ENTRIES + k
        fetch_add(bucket.passed, 0, _ONE)
    forget_passing(flows, home, PROBE_LIMIT)
    return -1


@kernel
def unlink_half(flows: Any, hashed: int, ref: int) -> bool:
    """Take a half's entry out; False if there is none."""
    mask = len(flows.buckets) - 1
    home = home_of(flows.head, hashed)
    entry = fingerprint_of(flows.head, hashed) | np.uint64(ref)
    for step in range(PROBE_LIMIT):
        bucket = flows.buckets[(home + step) & mask]
        for k in range(BUCKET_ENTRIES):
            if load_acquire(bucket.entries, k) == entry and compare_and_swap(bucket.entries, k, entry, _EMPTY):
                forget_passing(flows, home, step)
                return True
    return False


@kernel
def forget_passing(flows: Any, home: int, steps: int) -> None:
    """Count an entry no longer in the buckets that it went past."""
    for step in range(steps):
        bucket = flows.buckets[(home + step) & (len(flows.buckets) - 1)]
        fetch_add(bucket.passed, 0, _MINUS_ONE)


@inlined
def may_hold(entry: int, fingerprint: int) -> bool:
    """Whether an entry is one of a key with this fingerprint."""
    return entry != _EMPTY and entry & _FINGERPRINT == fingerprint

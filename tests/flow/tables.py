"""Flow tables for tests, and keys that crowd one another by the table's own hash."""

from random import Random
from typing import Any

import numpy as np

from dataplane.flow.index import home_of, key_hash
from dataplane.flow.kernels import create_flow, find_half
from dataplane.flow.tables import (
    CONVERSATION_DTYPE,
    FLOW_BUCKET_DTYPE,
    FLOW_DTYPE,
    FLOW_HEAD_DTYPE,
    TUPLE_DTYPE,
    Flows,
    index_buckets,
    initialize_flows,
    record_count,
    ring_cells,
    view_flows,
)
from dataplane.flowlog.tables import FLOW_LOG_DTYPE

Key = tuple[int, int, int, int, int]
TCP = 6


def make_flows(flow_limit: int, seed: int = 1) -> Flows:
    """Return an empty table in this process's memory."""
    head = np.zeros(1, FLOW_HEAD_DTYPE).view(np.recarray)[0]
    buckets = np.zeros(index_buckets(flow_limit), FLOW_BUCKET_DTYPE).view(np.recarray)
    records = np.zeros(record_count(flow_limit), FLOW_DTYPE).view(np.recarray)
    initialize_flows(head, flow_limit, np.random.default_rng(seed))
    log = np.zeros(1, FLOW_LOG_DTYPE).view(np.recarray)[0]
    return view_flows(head, buckets, np.zeros(ring_cells(flow_limit), np.uint64), records, log)


def record_of(key: Key) -> Any:
    """Return a key as a record."""
    return np.array([key], TUPLE_DTYPE).view(np.recarray)[0]


def conversation_of(original: Key, reply: Key) -> Any:
    """Return two keys as a conversation."""
    return np.array([(original, reply)], CONVERSATION_DTYPE).view(np.recarray)[0]


def reverse(key: Key) -> Key:
    """Return the key of the answers."""
    high, low, to_high, to_low, word = key
    return to_high, to_low, high, low, (word >> 32 & 0xFFFF) << 48 | (word >> 48) << 32 | word & 0xFFFF_FFFF


def random_key(random: Random) -> Key:
    """Return any key."""
    a, b, c, d = (random.getrandbits(64) for _ in range(4))
    return a, b, c, d, random.getrandbits(32) << 32 | TCP << 24


def hash_of(flows: Flows, key: Key) -> np.uint64:
    """Return a key's hash; what a kernel returns to Python is a plain number."""
    return np.uint64(key_hash(flows.head, record_of(key)))


def crowded_keys(flows: Flows, random: Random, number: int) -> list[Key]:
    """Return keys whose homes, and whose replies' homes, are few: the last buckets and the first ones."""
    last = len(flows.buckets) - 1
    keys: list[Key] = []
    while len(keys) < number:
        key = random_key(random)
        homes = [int(home_of(flows.head, hash_of(flows, each))) for each in (key, reverse(key))]
        if all(home in (0, 1, 2, last - 1, last) for home in homes):
            keys.append(key)
    return keys


def create(flows: Flows, original: Key, reply: Key, now: int, timeout: int) -> int:
    """Make a flow."""
    return int(create_flow(flows, conversation_of(original, reply), np.uint64(now), timeout))


def find(flows: Flows, key: Key, now: int) -> int:
    """Look a key up."""
    return int(find_half(flows, record_of(key), hash_of(flows, key), np.uint64(now)))


def entries(flows: Flows) -> list[int]:
    """Return the halves that the index names."""
    words = np.asarray(flows.buckets.entries).ravel()
    return sorted(int(word) & 0xFFFF_FFFF for word in words if word)

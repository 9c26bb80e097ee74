"""A forwarding database that has seen many addresses come and go is as quick as a new one."""

import numpy as np
import pytest

from dataplane.counters import LEARNING_COUNTERS_DTYPE
from dataplane.fdb.kernels import find_value, learn_source, sweep_buckets, value_of
from dataplane.fdb.tables import (
    ABSENT,
    BUCKET_DTYPE,
    DOMAIN_SHIFT,
    EMPTY,
    FDB_HEAD_DTYPE,
    FDB_RULES_DTYPE,
    Fdb,
    initialize_fdb,
)
from dataplane.hash import bucket_of
from tests.scale import scaled

BUCKETS = 16
LIFETIME = 10
PORT = 3


def make_fdb() -> Fdb:
    def record(dtype: np.dtype) -> np.record:
        return np.zeros(1, dtype).view(np.recarray)[0]

    head, rules = record(FDB_HEAD_DTYPE), record(FDB_RULES_DTYPE)
    initialize_fdb(head, BUCKETS, 64, np.random.default_rng(1))
    rules.max_age_ticks = LIFETIME
    rules.ports[PORT].max_macs = 64
    return Fdb(head, np.zeros(BUCKETS, BUCKET_DTYPE).view(np.recarray), rules, record(LEARNING_COUNTERS_DTYPE))


def learn(fdb: Fdb, mac: int, now: int) -> None:
    key = np.uint64(mac) | np.uint64(1) << DOMAIN_SHIFT
    home = int(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
    learn_source(fdb, key, home, PORT, value_of(fdb.rules, PORT, np.uint64(now)), np.uint64(now))


def find(fdb: Fdb, mac: int) -> bool:
    key = np.uint64(mac) | np.uint64(1) << DOMAIN_SHIFT
    return find_value(fdb, key, int(bucket_of(key, fdb.head.multiplier, fdb.head.shift))) != ABSENT


@pytest.mark.kernel
def test_a_sweep_leaves_nothing_of_what_has_expired() -> None:
    fdb = make_fdb()
    for turn in range(scaled(20, jit_off=3)):
        now = 1000 + turn * 100
        for mac in range(60):
            learn(fdb, 1000 * turn + mac * 2 + 2, now)
        sweep_buckets(fdb, 0, BUCKETS, np.uint64(now + LIFETIME + 1))
        sweep_buckets(fdb, 0, BUCKETS, np.uint64(now + LIFETIME + 1))
        assert (fdb.buckets["key"] == EMPTY).all()
        assert fdb.head.entries[0] == 0


@pytest.mark.kernel
def test_a_sweep_loses_nothing_that_is_valid() -> None:
    """Half of the addresses are heard again before each sweep: they stay findable, wherever they lie."""
    fdb = make_fdb()
    kept = [mac * 2 + 2 for mac in range(24)]
    for turn in range(scaled(20, jit_off=3)):
        now = 1000 + turn * (LIFETIME + 1)
        for mac in kept:
            learn(fdb, mac, now)
        for mac in range(30):
            learn(fdb, 100_000 + 1000 * turn + mac * 2, now)
        for mac in kept:
            learn(fdb, mac, now + LIFETIME)
        sweep_buckets(fdb, 0, BUCKETS, np.uint64(now + LIFETIME + 1))
        assert [mac for mac in kept if not find(fdb, mac)] == []
        assert fdb.head.entries[0] == len(kept)

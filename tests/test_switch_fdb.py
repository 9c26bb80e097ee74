"""The forwarding database by itself: its kernels against the twin's dictionary where the table is crowded.

Every MAC's home is one of a few buckets, so that entries stand far from home, holes open between them and limits are
reached all the time.
"""

from collections import Counter
from random import Random

import numpy as np
import pytest

from dataplane.fdb.build import write_rules
from dataplane.fdb.kernels import find_value, is_valid, learn_source, port_of, value_of
from dataplane.fdb.tables import ABSENT, EMPTY, REMOVED, Fdb
from dataplane.hash import bucket_of
from dataplane.state import Capacities, create_state
from tests.naive.fdb import TICK_SHIFT
from tests.naive.fdb import Fdb as NaiveFdb
from tests.scale import scaled

pytestmark = pytest.mark.kernel

PORTS = 4
LIFETIME_S = 1
DOMAIN = "the only one"


def make_fdb(capacity: int, max_macs: int) -> Fdb:
    """Return an empty table with PORTS ports."""
    state, _ = create_state(Capacities(capacity), workers=1, shared=False, seed=1)
    write_rules(state.fdb_rules[0], LIFETIME_S, dict.fromkeys(range(PORTS), (max_macs, 0)), [], 0)
    return Fdb(state.fdb_head[0], state.fdb_buckets, state.fdb_rules[0], state.learning_counters[0])


def learn(fdb: Fdb, key: int, home: int, port: int, tick: int) -> bool:
    """Learn as the forward stage does."""
    seen = value_of(fdb.rules, port, np.uint64(tick))
    return bool(learn_source(fdb, np.uint64(key), home, port, seen, np.uint64(tick)))


def find(fdb: Fdb, key: int, home: int, tick: int) -> str | None:
    """Return the port of ``key``, named as the twin's are."""
    value = find_value(fdb, np.uint64(key), home)
    if value == ABSENT or not is_valid(fdb.rules, value, np.uint64(tick)):
        return None
    return str(int(port_of(value)))


def taken(fdb: Fdb) -> list[int]:
    """Return all keys in the table."""
    keys = np.asarray(fdb.buckets.key).ravel()
    return [int(key) for key in keys if key not in (EMPTY, REMOVED)]


def crowded_keys(fdb: Fdb, random: Random, number: int) -> dict[int, int]:
    """Return ``number`` keys, each with its home: by the table's own hash one of a few buckets, the last ones too."""
    homes: dict[int, int] = {}
    while len(homes) < number:
        key = random.randrange(1, 1 << 48)
        home = int(bucket_of(np.uint64(key), fdb.head.multiplier, fdb.head.shift))
        if home in (0, 1, 14, 15):
            homes[key] = home
    return homes


def learned(fdb: Fdb) -> Counter[str]:
    """Return the learning counters that the twin has."""
    names = ("learned", "moved", "refused_port", "refused_table")
    return +Counter({name: int(fdb.counters[name]) for name in names})


def macs_by_port(twin: NaiveFdb) -> list[int]:
    """Return how many MACs each port has."""
    return [sum(entry.port == str(port) for entry in twin.entries.values()) for port in range(PORTS)]


@pytest.mark.parametrize("number", range(scaled(12, jit_off=2)))
def test_a_crowded_table_agrees_with_a_dictionary(number: int, seed: int) -> None:
    random = Random(seed)
    capacity, max_macs = random.choice((4, 20, 32)), random.choice((3, 10, 1024))
    fdb, twin = make_fdb(capacity, max_macs), NaiveFdb(capacity, LIFETIME_S)
    homes = crowded_keys(fdb, random, random.choice((10, 40, 60)))
    tick = 1
    for _ in range(scaled(1500, jit_off=150)):
        tick += random.choice((0, 0, 0, 0, 1, 2, 9))
        key, port = random.choice(list(homes)), random.randrange(PORTS)
        name, now_ns = key.to_bytes(6, "big"), tick << TICK_SHIFT
        assert learn(fdb, key, homes[key], port, tick) == twin.learn(DOMAIN, name, str(port), max_macs, now_ns)
        asked = random.choice(list(homes))
        found = twin.find(DOMAIN, asked.to_bytes(6, "big"), now_ns)
        assert find(fdb, asked, homes[asked], tick) == found
    assert learned(fdb) == +twin.counters
    assert len(taken(fdb)) == len(set(taken(fdb))), "a key stands once"
    assert len(taken(fdb)) == fdb.head.entries[0] <= capacity
    assert all(held >= there for held, there in zip(fdb.head.macs, macs_by_port(twin), strict=False))


def test_a_table_holds_all_that_it_promises() -> None:
    """At half load and with a good hash, no MAC is refused for want of a place near its home."""
    entries = scaled(65536, jit_off=256)
    fdb = make_fdb(entries, entries)
    random = Random(1)
    buckets = len(fdb.buckets)
    for key in range(1, entries + 1):
        learn(fdb, key, random.randrange(buckets), 0, 1)
    assert learned(fdb) == {"learned": entries}

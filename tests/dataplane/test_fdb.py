"""The forwarding database through its whole life, beside a dictionary: rules that change, epochs, statics, sweeps.

The hash is made to be none, so that all MACs live in a few buckets: entries stand far from home and leave holes. The
numbers of entries and of each port's MACs must be exact after every operation.
"""

from collections import Counter
from random import Random

import numpy as np
import pytest

from dataplane.fdb.build import begin_epoch, demand_sweep, read_entries, write_rules
from dataplane.fdb.kernels import (
    find_value,
    has_present_epoch,
    install_static_entries,
    is_valid,
    learn_source,
    port_of,
    sweep_buckets,
    value_of,
)
from dataplane.fdb.tables import (
    ABSENT,
    BUCKET_ENTRIES,
    CLAIMED,
    COUNTED_EPOCHS,
    EMPTY,
    EPOCHS,
    PLACES,
    PROBE_LIMIT,
    REMOVED,
    STATIC,
    TICK_SHIFT,
    TICKS_AHEAD,
    Fdb,
)
from dataplane.state import Capacities, create_state
from tests.scale import scaled

pytestmark = pytest.mark.kernel

PORTS = 4
LIFETIME_S = 1
LIFETIME_TICKS = 8
HOMES = (0, 1, 14, 15)
NO_HASH = 1
"""With this multiplier a key's home is its topmost bits."""


class Table:
    """An FDB of 16 buckets, with the rules that the agent would write."""

    def __init__(self, capacity: int = 32, max_macs: int = 1000) -> None:
        self.state, _ = create_state(Capacities(capacity), workers=1, shared=False)
        self.state.fdb_head[0].multiplier = NO_HASH
        self.max_macs = max_macs
        self.epochs = dict.fromkeys(range(PORTS), 0)
        self.statics: list[tuple[int, int, int]] = []
        self.stamp = 0
        self.write()

    @property
    def fdb(self) -> Fdb:
        return Fdb(
            self.state.fdb_head[0], self.state.fdb_buckets, self.state.fdb_rules[0], self.state.learning_counters[0]
        )

    def write(self) -> None:
        """Put the rules in force, as a change of the configuration does."""
        ports = {port: (self.max_macs, epoch) for port, epoch in self.epochs.items()}
        write_rules(self.state.fdb_rules[0], LIFETIME_S, ports, self.statics, self.stamp)
        demand_sweep(self.state.fdb_head[0])

    def renew(self, port: int) -> None:
        """Void what was learned at ``port``."""
        self.epochs[port] = (self.epochs[port] + 1) % EPOCHS
        begin_epoch(self.state.fdb_head[0], port, self.epochs[port])
        self.write()

    def fix(self, statics: dict[int, int]) -> None:
        """Put static entries in force: ports by key."""
        self.statics = [(key >> 48, key & (1 << 48) - 1, port) for key, port in statics.items()]
        self.stamp += 1
        self.write()
        install_static_entries(self.fdb)

    def learn(self, key: int, port: int, tick: int) -> bool:
        return learn(self.fdb, key, port, tick)

    def value(self, key: int) -> np.uint64:
        return np.uint64(find_value(self.fdb, np.uint64(key), home_of(key)))

    def find(self, key: int, tick: int) -> int | None:
        value = self.value(key)
        if value == ABSENT or not is_valid(self.fdb.rules, value, np.uint64(tick)):
            return None
        return int(port_of(value))

    def sweep(self, tick: int) -> None:
        sweep_buckets(self.fdb, 0, len(self.state.fdb_buckets), np.uint64(tick))

    def slots(self) -> list[tuple[int, int]]:
        """Return the keys and values of all entries."""
        keys, values = self.state.fdb_buckets["key"].ravel(), self.state.fdb_buckets["value"].ravel()
        return [(int(k), int(v)) for k, v in zip(keys, values, strict=True) if k not in (EMPTY, REMOVED, CLAIMED)]

    def macs(self) -> Counter[int]:
        """Return how many MACs are counted at each port under its present epoch."""
        counts = self.state.fdb_head[0].macs
        return +Counter({p: int(counts[self.epochs[p] % COUNTED_EPOCHS * PLACES + p]) for p in range(PORTS)})

    def macs_by_hand(self) -> Counter[int]:
        """Return the same, counted entry by entry."""
        dynamic = [value for _, value in self.slots() if not value & int(STATIC)]
        present = [value for value in dynamic if has_present_epoch(self.fdb.rules, np.uint64(value))]
        return Counter(int(port_of(np.uint64(value))) for value in present)

    def counted(self) -> dict[str, int]:
        counters = self.state.learning_counters[0]
        return {name: int(counters[name]) for name in counters.dtype.names if counters[name]}


def learn(fdb: Fdb, key: int, port: int, tick: int) -> bool:
    """Learn as the forward stage does."""
    seen = np.uint64(value_of(fdb.rules, port, np.uint64(tick)))
    return bool(learn_source(fdb, np.uint64(key), home_of(key), port, seen, np.uint64(tick)))


def home_of(key: int) -> int:
    return key >> 60


def key_of(home: int, number: int) -> int:
    """Return a key whose home is that bucket."""
    return home << 60 | number


class Twin:
    """What the table must know: a dictionary of (port, tick) by key, and one of static ports."""

    def __init__(self, capacity: int, max_macs: int) -> None:
        self.capacity, self.max_macs = capacity, max_macs
        self.learned: dict[int, tuple[int, int]] = {}
        self.fixed: dict[int, int] = {}

    def age(self, tick: int) -> None:
        self.learned = {key: at for key, at in self.learned.items() if tick - at[1] <= LIFETIME_TICKS}

    def renew(self, port: int) -> None:
        self.learned = {key: at for key, at in self.learned.items() if at[0] != port}

    def fix(self, statics: dict[int, int]) -> None:
        self.fixed = statics
        self.learned = {key: at for key, at in self.learned.items() if key not in statics}

    def learn(self, key: int, port: int, tick: int) -> bool:
        if key in self.fixed:
            return self.fixed[key] == port
        here = self.learned.get(key, (None, 0))[0] == port
        has_room = sum(1 for at, _ in self.learned.values() if at == port) < self.max_macs
        fits = key in self.learned or len(self.learned) + len(self.fixed) < self.capacity
        if here or (has_room and fits):
            self.learned[key] = (port, tick)
        return True

    def find(self, key: int) -> int | None:
        return self.fixed[key] if key in self.fixed else self.learned.get(key, (None, 0))[0]


@pytest.mark.parametrize("number", range(scaled(20, jit_off=2)))
def test_a_life_of_changes_agrees_with_a_dictionary(number: int, seed: int) -> None:
    random = Random(seed)
    capacity, max_macs = random.choice([(32, 1000), (32, 5), (12, 1000), (12, 5)])
    table, twin = Table(capacity, max_macs), Twin(capacity, max_macs)
    keys = [key_of(random.choice(HOMES), number) for number in range(1, 31)]  # No more than stand in reach of one home.
    tick = 1
    for _ in range(scaled(2000, jit_off=200)):
        tick += random.choice((0, 0, 0, 0, 0, 1, 2, LIFETIME_TICKS + 1)) if random.random() < 0.3 else 0
        twin.age(tick)
        kind = random.random()
        if kind < 0.01:
            port = random.randrange(PORTS)
            table.renew(port)
            twin.renew(port)
        elif kind < 0.02:
            statics = {key: random.randrange(PORTS) for key in random.sample(keys, random.randrange(4))}
            table.fix(statics)
            twin.fix(statics)
        elif kind < 0.04:
            table.sweep(tick)
            assert sorted(key for key, _ in table.slots()) == sorted([*twin.learned, *twin.fixed])
        else:
            key, port = random.choice(keys), random.randrange(PORTS)
            assert table.learn(key, port, tick) == twin.learn(key, port, tick)
        asked = random.choice(keys)
        assert table.find(asked, tick) == twin.find(asked)
        assert table.state.fdb_head[0].entries[0] == len(table.slots())
        assert table.macs() == table.macs_by_hand()
    table.sweep(tick)
    entries = read_entries(table.state.fdb_buckets, table.fdb.rules, tick << int(TICK_SHIFT))
    assert {(entry.domain, entry.mac): entry.port for entry in entries} == {
        (key >> 48, (key & (1 << 48) - 1).to_bytes(6, "little")): twin.find(key) for key in (*twin.learned, *twin.fixed)
    }
    assert len({key for key, _ in table.slots()}) == len(table.slots()), "a key stands once"


def test_where_all_in_reach_is_taken_a_mac_is_refused_and_its_place_given_to_the_next() -> None:
    reach = PROBE_LIMIT * BUCKET_ENTRIES
    table = Table(capacity=1000)
    table.state.fdb_head[0].shift = 60
    table.state.fdb_head[0].entry_limit = 64
    buckets = table.state.fdb_buckets
    table.state = table.state._replace(fdb_buckets=buckets[:16])
    for number in range(1, reach + 3):
        table.learn(key_of(3, number), 0, tick=1)
    assert table.counted() == {"learned": reach, "refused_table": 2}
    assert (table.find(key_of(3, reach), 1), table.find(key_of(3, reach + 1), 1)) == (0, None)
    table.learn(key_of(3, 1), 1, tick=3)
    table.sweep(tick=2 + LIFETIME_TICKS)
    table.learn(key_of(3, reach + 1), 2, tick=2 + LIFETIME_TICKS)
    assert table.find(key_of(3, reach + 1), 2 + LIFETIME_TICKS) == 2
    assert table.state.fdb_head[0].entries[0] == 2 == len(table.slots())


def test_static_entries_are_installed_where_nothing_is_free() -> None:
    """They have precedence over what was learned, which gives way."""
    table = Table(capacity=32)
    table.state.fdb_head[0].entry_limit = 64
    for number in range(1, PROBE_LIMIT * BUCKET_ENTRIES + 1):
        table.learn(key_of(3, number), 0, tick=1)
    statics = {key_of(3, number): 1 for number in (500, 501, 502)}
    table.fix(statics)
    assert {key: table.find(key, 1) for key in statics} == statics
    assert table.state.fdb_head[0].entries[0] == len(table.slots()) == PROBE_LIMIT * BUCKET_ENTRIES
    assert table.macs() == table.macs_by_hand() == {0: PROBE_LIMIT * BUCKET_ENTRIES - 3}


def test_static_entries_are_installed_by_whoever_comes_first_and_again_harmlessly() -> None:
    table = Table()
    table.fix({key_of(0, 1): 1, key_of(0, 2): 2})
    before = table.slots()
    install_static_entries(table.fdb)
    assert table.slots() == before
    assert table.state.fdb_head[0].entries[0] == 2


def test_a_worker_in_the_old_generation_takes_no_later_static_entry_for_void() -> None:
    table = Table()
    old_rules = table.state.fdb_rules[0].copy()
    table.state.fdb_rules[1] = old_rules
    table.fix({key_of(0, 1): 1})
    slow = table.fdb._replace(rules=table.state.fdb_rules[1])
    sweep_buckets(slow, 0, 16, np.uint64(1))
    assert not learn(slow, key_of(0, 1), port=2, tick=1)
    assert table.find(key_of(0, 1), 1) == 1


def test_what_a_worker_whose_clock_is_ahead_has_heard_is_not_old() -> None:
    table = Table()
    key, now = key_of(0, 1), 100
    for ahead in (1, 2, 100, TICKS_AHEAD):
        table.learn(key, 1, now + ahead)
        assert table.find(key, now) == 1
        table.sweep(now)
        assert table.find(key, now + ahead + LIFETIME_TICKS) == 1
    assert table.find(key, now + TICKS_AHEAD + LIFETIME_TICKS + 1) is None


def test_ticks_come_round() -> None:
    table, last = Table(), (1 << 32) - 1
    table.learn(key_of(0, 1), 1, last)
    assert table.find(key_of(0, 1), LIFETIME_TICKS - 1) == 1
    assert table.find(key_of(0, 1), LIFETIME_TICKS) is None


def test_a_worker_in_the_old_generation_takes_no_entry_of_a_later_epoch_for_void() -> None:
    """It would take out, uncounted, what the faster ones have learned and counted."""
    table, key = Table(), key_of(0, 1)
    table.state.fdb_rules[1] = table.state.fdb_rules[0].copy()
    slow = table.fdb._replace(rules=table.state.fdb_rules[1])
    table.renew(1)
    table.learn(key, 1, tick=1)
    sweep_buckets(slow, 0, 16, np.uint64(1))
    assert table.find(key, 1) == 1
    learn(slow, key, port=2, tick=1)
    assert table.find(key, 1) == 2
    assert table.macs() == table.macs_by_hand() == {2: 1}


def test_what_many_changes_ago_was_learned_does_not_come_back() -> None:
    table = Table()
    table.learn(key_of(0, 1), 1, tick=1)
    for _ in range(1000):
        table.renew(1)
        assert table.find(key_of(0, 1), 1) is None


def test_epochs_come_round() -> None:
    table = Table()
    table.epochs[1] = EPOCHS - 1
    table.write()
    table.learn(key_of(0, 1), 1, tick=1)
    table.renew(1)
    assert table.epochs[1] == 0
    assert table.find(key_of(0, 1), 1) is None
    table.learn(key_of(0, 1), 1, tick=1)
    assert table.find(key_of(0, 1), 1) == 1
    assert table.macs() == {1: 1}


def test_an_entry_that_is_being_taken_out_is_not_there_and_another_takes_its_place() -> None:
    """Whoever should have finished it may have died on the way: the sweep does."""
    table, key = Table(), key_of(0, 1)
    table.learn(key, 1, tick=1)
    table.state.fdb_buckets[0].value[0] = ABSENT
    assert table.find(key, 1) is None
    table.learn(key, 2, tick=1)
    assert table.find(key, 1) == 2
    assert len(table.slots()) == 2
    table.sweep(1)
    assert table.find(key, 1) == 2
    assert len(table.slots()) == 1


def test_a_claimed_slot_is_left_alone() -> None:
    table = Table()
    table.state.fdb_buckets[0].key[0] = CLAIMED
    table.learn(key_of(0, 1), 1, tick=1)
    table.sweep(tick=100)
    assert table.state.fdb_buckets[0].key[0] == CLAIMED
    assert list(read_entries(table.state.fdb_buckets, table.fdb.rules, 0)) == []


def test_listing_shows_what_was_heard_after_the_clock_was_read() -> None:
    table = Table()
    table.learn(key_of(0, 1), 1, tick=10)
    [entry] = read_entries(table.state.fdb_buckets, table.fdb.rules, 9 << int(TICK_SHIFT))
    assert (entry.port, entry.age_s) == (1, 0.0)

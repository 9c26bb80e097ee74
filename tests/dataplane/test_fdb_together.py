"""Workers in processes of their own hammer one FDB with the same MACs while the agent changes its rules.

What must hold at every moment: no MAC is found at a port where nobody taught it. What must hold in the end: every
entry and every MAC is counted once, and when all has aged nothing is left.
"""

import multiprocessing
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from control.fabric import Fabric
from control.model import Configuration, Limits, Port
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
    CLAIMED,
    COUNTED_EPOCHS,
    DOMAIN_SHIFT,
    EMPTY,
    REMOVED,
    STATIC,
    Fdb,
)
from dataplane.generation.kernels import enter_generation, leave_generation
from dataplane.generation.tables import COPIES
from dataplane.hash import bucket_of
from dataplane.jit import kernel
from dataplane.vector import MAX_PORTS
from tests.configurations import port, switch
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")

WORKERS = 3
PORTS = 6
BURSTS = 20_000
FRAMES = 100
CHANGES = 40
PATIENCE_S = 120
TICK_NS = 1 << 14
"""16 us, about a burst: entries age and come back all the time."""

_DOMAIN = np.uint64(1)
_ONE = np.uint64(1)


@kernel
def may_be_at(mac: int, at: int) -> bool:
    """Whether any worker teaches this MAC at this port."""
    return (mac + at) % 3 != 0


@kernel
def hammer(state: Any, worker: int, macs: int, now: int, frames: int, random: Any) -> int:
    """Carry one burst: learn MACs at the worker's ports, look others up; return how many were where none may be."""
    wrong = 0
    generation = enter_generation(state.control[0], worker)
    rules = state.fdb_rules[generation % COPIES]
    fdb = Fdb(state.fdb_head[0], state.fdb_buckets, rules, state.learning_counters[worker])
    if state.control[0].installed_stamp != rules.static_stamp:
        install_static_entries(fdb)
        state.control[0].installed_stamp = rules.static_stamp
    for _ in range(frames):
        random[0] ^= random[0] << np.uint64(13)
        random[0] ^= random[0] >> np.uint64(7)
        random[0] ^= random[0] << np.uint64(17)
        draw = np.int64(random[0] >> _ONE)
        mac = 1 + draw % macs
        at = worker * PORTS // WORKERS + (draw // macs) % (PORTS // WORKERS)
        key = (_DOMAIN << DOMAIN_SHIFT) | np.uint64(mac)
        home = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
        if may_be_at(mac, at):
            learn_source(fdb, key, home, at, value_of(rules, at, now), now)
        mac = 1 + (draw // 1000) % macs
        key = (_DOMAIN << DOMAIN_SHIFT) | np.uint64(mac)
        home = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
        value = find_value(fdb, key, home)
        if value != ABSENT and is_valid(rules, value, now) and not may_be_at(mac, np.int64(port_of(value))):
            wrong += 1
    leave_generation(state.control[0], worker)
    return wrong


def now_tick() -> np.uint64:
    return np.uint64(time.monotonic_ns() // TICK_NS & 0xFFFF_FFFF)


def work(fabric: Fabric, worker: int, macs: int, seed: int, results: Any) -> None:
    """Be one worker."""
    random = np.array([seed * 2 + 1], np.uint64)
    results.put(sum(int(hammer(fabric.state, worker, macs, now_tick(), FRAMES, random)) for _ in range(BURSTS)))


def with_static(configuration: Configuration, name: str, mac: int) -> Configuration:
    """Return the configuration with one MAC fixed to one port."""

    def fixed(each: Port) -> Port:
        return replace(each, static_macs=(mac.to_bytes(6, "little"),)) if each.name == name else each

    return replace(configuration, ports=tuple(map(fixed, configuration.ports)))


def slots(fabric: Fabric) -> list[tuple[int, int]]:
    """Return key and value of every entry."""
    keys, values = (fabric.state.fdb_buckets[name].ravel() for name in ("key", "value"))
    return [(int(key), int(value)) for key, value in zip(keys, values, strict=True) if key not in (EMPTY, REMOVED)]


def sweep(fabric: Fabric, now: np.uint64) -> Fdb:
    """Take out all that is not valid."""
    state = fabric.state
    rules = state.fdb_rules[int(state.control[0].active[0]) % COPIES]
    fdb = Fdb(state.fdb_head[0], state.fdb_buckets, rules, state.learning_counters[0])
    sweep_buckets(fdb, 0, len(state.fdb_buckets), now)
    return fdb


@pytest.mark.parametrize(("capacity", "macs"), [(24, 60), (1000, 6)])
def test_processes_that_race_agree_in_the_end(capacity: int, macs: int, seed: int) -> None:
    """Many MACs in few places: buckets overflow and limits are reached. Few MACs: all race for the same entries."""
    names = [port(f"p{k}", max_macs=9 if capacity < 100 else 1000) for k in range(PORTS)]
    plain = replace(switch(names, fdb_s=1, workers=WORKERS), limits=Limits(fdb=capacity))
    fabric = Fabric(plain.limits, workers=WORKERS, shared=True)
    fabric.apply(plain)
    hammer(fabric.state, 0, macs, now_tick(), 1, np.array([1], np.uint64))  # compiled once, for all
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    workers = [context.Process(target=work, args=(fabric, w, macs, seed + w, results)) for w in range(WORKERS)]
    for each in workers:
        each.start()
    try:
        for change in range(CHANGES):
            fabric.apply(with_static(plain, f"p{change % 2}", mac=2 - change % 2) if change % 3 else plain)
            if change % 5 == 0:
                fabric.flush_fdb()
        for each in workers:  # The rest of the time nothing hides what the races did to the counts.
            each.join(PATIENCE_S)
    finally:
        for each in workers:
            if each.exitcode is None:
                each.kill()
            each.join()
    assert [results.get() for _ in workers] == [0] * WORKERS, "MACs where nobody taught them"
    assert fabric.learning_counters()["fdb_moved"] > 0

    fdb = sweep(fabric, now_tick())
    found = slots(fabric)
    assert not [key for key, _ in found if key == CLAIMED]
    assert not [value for _, value in found if value == ABSENT]
    assert fabric.state.fdb_head[0].entries[0] == len(found)
    dynamic = [np.uint64(value) for _, value in found if not value & int(STATIC)]
    assert all(has_present_epoch(fdb.rules, value) for value in dynamic)
    at_ports = Counter(int(port_of(value)) for value in dynamic)
    for index in range(PORTS):
        place = fabric.epochs.get(index, 0) % COUNTED_EPOCHS * MAX_PORTS + index
        assert fabric.state.fdb_head[0].macs[place] == at_ports[index]
    fabric.apply(plain)
    fdb = sweep(fabric, np.uint64(int(now_tick()) + 100))
    assert slots(fabric) == []
    assert fabric.state.fdb_head[0].entries[0] == 0
    fabric.close()

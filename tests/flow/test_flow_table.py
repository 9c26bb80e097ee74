"""The flow table by itself: against a dictionary where it is crowded, its capacity, and who is evicted."""

from random import Random

import numpy as np
import pytest

from dataplane.flow.build import declare_away, live_flows
from dataplane.flow.index import peek_half, prefetch_bucket
from dataplane.flow.kernels import is_taken, remove_flow, sweep_flows
from dataplane.flow.records import begin_flow_burst, leave_flows
from dataplane.flow.tables import ASSURED, AWAY, BEATEN, CLASH, FLOW_WORKERS, NO_HALF, TABLE_FULL, Flows
from dataplane.generation.tables import MAX_WORKERS
from tests.flow.tables import (
    Key,
    create,
    crowded_keys,
    entries,
    find,
    hash_of,
    make_flows,
    random_key,
    record_of,
    reverse,
)
from tests.scale import scaled

pytestmark = pytest.mark.kernel

TIMEOUT = 10
TICKS = 1 << 32


class Twin:
    """What the table means: flows by each of their keys, until they expire."""

    def __init__(self) -> None:
        self.halves: dict[Key, tuple[int, int]] = {}

    def find(self, key: Key, now: int) -> int:
        ref, expires = self.halves.get(key, (NO_HALF, 0))
        return ref if expires > now else NO_HALF

    def refusal(self, original: Key, reply: Key, now: int) -> int:
        if self.find(original, now):
            return BEATEN
        return CLASH if self.find(reply, now) else 0

    def forget(self, flow: int) -> None:
        self.halves = {key: half for key, half in self.halves.items() if half[0] >> 1 != flow}


@pytest.mark.parametrize("number", range(scaled(8, jit_off=2)))
def test_a_crowded_table_agrees_with_a_dictionary(number: int, seed: int) -> None:
    random = Random(seed)
    flows, twin = make_flows(random.choice((40, 64)), seed), Twin()
    keys = crowded_keys(flows, random, 30)
    start = now = TICKS - 30  # ticks wrap around on the way
    for _ in range(scaled(3000, jit_off=200)):
        now += random.choice((0, 0, 0, 0, 1, 3))
        key = random.choice(keys)
        reply = reverse(random.choice(keys) if random.random() < 0.2 else key)
        act = random.random()
        if act < 0.5:
            flow = create(flows, key, reply, now % TICKS, TIMEOUT)
            refusal = twin.refusal(key, reply, now)
            if flow == TABLE_FULL:
                continue  # No room near a home; below, what is promised.
            assert flow == refusal if refusal else flow > 0
            if not refusal:
                twin.forget(flow)
                twin.halves[reply] = flow * 2 + 1, now + TIMEOUT
                twin.halves[key] = flow * 2, now + TIMEOUT
        elif act < 0.6:
            flow = twin.find(key, now) >> 1
            assert bool(remove_flow(flows, flow)) == bool(flow)
            twin.forget(flow)
        elif act < 0.63:
            sweep_flows(flows, 0, 30, np.uint64(now % TICKS))
        for asked in (random.choice(keys), reverse(random.choice(keys))):
            assert find(flows, asked, now % TICKS) == twin.find(asked, now)
            assert bool(is_taken(flows, record_of(asked), np.uint64(now % TICKS))) == bool(twin.find(asked, now))
    live = sorted({ref >> 1 for ref, expires in twin.halves.values() if expires > now})
    assert now > start
    assert sorted(live_flows(flows.head, flows.records, now % TICKS)) == live
    sweep_flows(flows, 0, len(flows.records), np.uint64(now % TICKS))
    assert entries(flows) == sorted(ref for flow in live for ref in (flow * 2, flow * 2 + 1))
    assert flows.head.flows[0] == len(live)
    sweep_flows(flows, 0, len(flows.records), np.uint64((now + TIMEOUT) % TICKS))
    assert_empty(flows)


def assert_empty(flows: Flows) -> None:
    """Nothing has been left behind anywhere."""
    assert entries(flows) == []
    assert not np.asarray(flows.buckets.passed).any()
    assert flows.head.flows[0] == 0
    assert flows.head.ring_tail[0] - flows.head.ring_head[0] == flows.head.unused[0] - 1


def test_a_table_holds_all_that_it_promises(seed: int) -> None:
    """At half load no flow is refused for want of a place near its home; then flows that are assured stay."""
    random, limit = Random(seed), scaled(65536, jit_off=300)
    flows = make_flows(limit, seed)
    made = [random_key(random) for _ in range(limit)]
    for key in made:
        flow = create(flows, key, reverse(key), 1, TIMEOUT)
        assert flow > 0
        flows.records[flow].traits = ASSURED
    assert create(flows, random_key(random), random_key(random), 1, TIMEOUT) == TABLE_FULL
    for key in made[:: max(1, limit // 300)]:
        ref = find(flows, reverse(key), 1)
        assert ref & 1
        assert find(flows, key, 1) == ref - 1
    assert flows.head.unused[0] == limit + 1, "memory that no flow needs stays untouched"


def test_a_full_table_gives_up_the_expired_first_and_then_the_half_open(seed: int) -> None:
    random = Random(seed)
    flows = make_flows(40, seed)
    keys = [random_key(random) for _ in range(40)]
    made = {key: create(flows, key, reverse(key), 1, TIMEOUT * (2 - (n == 20))) for n, key in enumerate(keys)}
    for n, key in enumerate(keys):
        flows.records[made[key]].traits = 0 if n == 30 else ASSURED
    now = 1 + TIMEOUT
    begin_flow_burst(flows.head, 0)
    for gone in (keys[20], keys[30]):
        new = random_key(random)
        assert create(flows, new, reverse(new), now, TIMEOUT) > 40, "others may still read what has gone"
        flows.records[find(flows, new, now) >> 1].traits = ASSURED
        assert find(flows, gone, now) == NO_HALF
    new = random_key(random)
    assert create(flows, new, reverse(new), now, TIMEOUT) == TABLE_FULL
    assert find(flows, keys[0], now)


def test_every_worker_has_a_place() -> None:
    assert FLOW_WORKERS >= MAX_WORKERS


def test_a_record_waits_until_all_workers_have_begun_another_burst(seed: int) -> None:
    random = Random(seed)
    flows = make_flows(40, seed)

    def renew(flow: int) -> int:
        assert remove_flow(flows, flow)
        return create(flows, key := random_key(random), reverse(key), 1, TIMEOUT)

    for worker in (0, 1):
        begin_flow_burst(flows.head, worker)
    first = create(flows, key := random_key(random), reverse(key), 1, TIMEOUT)
    second = renew(first)
    assert second != first
    begin_flow_burst(flows.head, 0)
    third = renew(second)
    assert third not in (first, second)
    begin_flow_burst(flows.head, 1)
    fourth = renew(third)
    assert fourth == first
    leave_flows(flows.head, 0)
    declare_away(flows.head, 1)
    assert [renew(fourth), renew(second)] == [second, third]
    assert (flows.head.noted_turn == AWAY).all()


def test_looking_ahead_names_the_half_that_is_found(seed: int) -> None:
    random = Random(seed)
    flows = make_flows(40, seed)
    key = random_key(random)
    hashed = hash_of(flows, key)
    prefetch_bucket(flows, hashed)
    assert peek_half(flows, hashed) == 0
    flow = create(flows, key, reverse(key), 1, TIMEOUT)
    assert peek_half(flows, hashed) == find(flows, key, 1) == flow * 2

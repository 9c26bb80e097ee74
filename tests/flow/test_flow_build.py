"""What the agent reads of the flow table, and does to it."""

from random import Random

import numpy as np
import pytest

from dataplane.fdb.build import ticks_of
from dataplane.flow.build import FlowKey, flush_flows, kill_flow, live_flows, read_flows
from dataplane.flow.kernels import remove_flow, sweep_share
from dataplane.flow.tables import NO_HALF, SWEEP_TICKS
from tests.flow.conversations import SECONDS, Conversation, make_rules, tcp
from tests.flow.tables import create, find, make_flows, random_key, reverse
from tests.scale import scaled

pytestmark = pytest.mark.kernel


def test_an_entry_says_all_of_a_flow() -> None:
    segments = Conversation(6, tick=1000)
    segments.send(0, tcp("S", 1))
    segments.tick += 5
    segments.send(1, tcp("SA", 8, 2))
    segments.send(0, tcp("A", 2, 9), payload=60)
    (entry,) = read_flows(segments.flows.head, segments.flows.records, segments.tick)
    assert (entry.flow, entry.protocol, entry.state, entry.is_assured) == (segments.flow, 6, "established", True)
    assert entry.original == FlowKey(1 << 64 | 2, 3 << 64 | 4, 0, 0)
    assert entry.reply == FlowKey(3 << 64 | 4, 5 << 64 | 6, 0, 0)
    assert (entry.packets, entry.bytes) == ((2, 1), (40 + 100, 40))
    assert (entry.created, entry.expires) == (1000, 1005 + ticks_of(SECONDS["tcp_established"]))


def test_ports_are_read_as_they_were_written(seed: int) -> None:
    flows = make_flows(40, seed)
    key = random_key(Random(seed))
    create(flows, key, reverse(key), 1, 10)
    (entry,) = read_flows(flows.head, flows.records, 1)
    assert entry.original == FlowKey(key[0] << 64 | key[1], key[2] << 64 | key[3], key[4] >> 48, key[4] >> 32 & 0xFFFF)
    assert entry.reply == FlowKey(*entry.original[1::-1], *entry.original[:1:-1])


def test_all_flows_are_read_in_order_and_those_that_ended_are_not(seed: int) -> None:
    random, number = Random(seed), scaled(10_000, jit_off=60)
    flows = make_flows(number, seed)
    made = [create(flows, key := random_key(random), reverse(key), 5, random.choice((1, 9))) for _ in range(number)]
    for flow in made[::7]:
        remove_flow(flows, flow)
    left = [flow for flow in sorted(made) if flow not in set(made[::7])]
    assert [entry.flow for entry in read_flows(flows.head, flows.records, 5)] == left
    long = [flow for flow in left if flows.records[flow].expires == 14]
    assert [entry.flow for entry in read_flows(flows.head, flows.records, 6)] == long
    assert list(live_flows(flows.head, flows.records, 6)) == long


@pytest.mark.parametrize("tick", [6, (1 << 32) - 1])
def test_a_killed_flow_is_gone_and_the_others_are_not(tick: int, seed: int) -> None:
    random = Random(seed)
    flows = make_flows(40, seed)
    keys = [random_key(random) for _ in range(5)]
    made = [create(flows, key, reverse(key), tick, 100) for key in keys]
    kill_flow(flows.records, made[2], tick)
    assert find(flows, keys[2], tick) == find(flows, reverse(keys[2]), tick) == NO_HALF
    assert [entry.flow for entry in read_flows(flows.head, flows.records, tick)] == [*made[:2], *made[3:]]
    assert flush_flows(flows.head, flows.records, tick) == 4
    assert list(read_flows(flows.head, flows.records, tick)) == []


def test_all_shares_together_sweep_the_whole_table(seed: int) -> None:
    random, number = Random(seed), scaled(5000, jit_off=100)
    flows = make_flows(number, seed)
    for _ in range(number):
        create(flows, key := random_key(random), reverse(key), 1, 10)
    swept = [int(sweep_share(flows, np.uint64(tick))) for tick in range(11, 11 + SWEEP_TICKS)]
    assert sum(swept) == number
    assert max(swept) <= number // SWEEP_TICKS + 1, "no tick does the work of many"
    assert flows.head.flows[0] == 0


def test_timeouts_longer_than_ticks_can_say_are_as_long_as_they_can() -> None:
    rules = make_rules({**SECONDS, "generic": 1 << 40})
    assert rules.timeouts.max() < 1 << 31

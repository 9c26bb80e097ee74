"""Endpoint-independent mappings (RFC 4787): who has which, for how long, and who may come in by them."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.flow.kernels import sweep_flows
from dataplane.flow.records import begin_flow_burst, leave_flows
from dataplane.flow.tables import ASSURED, BEATEN, CONVERSATION_DTYPE, Flows
from dataplane.jit import kernel
from nat.build import Mapping, NatPlan, Published, read_mappings, write_nat
from nat.mapping import refresh_mapping
from nat.open import open_flow
from nat.tables import MAPPING_TICKS, NAT_EXHAUSTED, Nat
from tests.flow.tables import Key, find, make_flows, reverse
from tests.nat.naive import NaiveNat, protocol_of
from tests.nat.rules import GRE, ICMP, SCTP, TCP, UDP, begin, destination_of, ends, key, make_nat, number
from tests.scale import JIT_OFF, scaled

pytestmark = pytest.mark.kernel

OUTSIDE, INSIDE, PEER = (number(each) for each in ("192.0.2.1", "10.0.0.2", "198.51.100.7"))
OUTSIDE6, INSIDE6, PEER6 = (number(each) for each in ("2001:db8::1", "fd00::2", "2001:db8:9::7"))
PLAN = NatPlan((OUTSIDE, OUTSIDE6), endpoint_independent=True)
PORT = 5000


def appears_as(nat: Nat, flows: Flows, original: Key, tick: int = 1) -> tuple[int, int]:
    """Begin a conversation; return as whom its sender appears."""
    flow, reply = begin(nat, flows, original, tick)
    assert flow > 0
    return ends(reply)[2:]


@pytest.fixture
def nat() -> Nat:
    return make_nat(PLAN)[0]


@pytest.fixture
def flows() -> Flows:
    return make_flows(1000)


@pytest.mark.parametrize("protocol", [TCP, UDP, SCTP])
def test_an_inside_end_has_one_outside_port_for_all(nat: Nat, flows: Flows, protocol: int) -> None:
    kept = {appears_as(nat, flows, key(protocol, INSIDE, PORT, PEER + n, 80 + n % 3)) for n in range(20)}
    assert kept == {(OUTSIDE, PORT)}
    drawn = {appears_as(nat, flows, key(protocol, INSIDE + 1, PORT, PEER + n, 80 + n % 3)) for n in range(20, 40)}
    assert len(drawn) == 1
    assert not drawn & kept, "although no destination is the same"
    assert appears_as(nat, flows, key(protocol, INSIDE6, PORT, PEER6, 80)) == (OUTSIDE6, PORT)


def test_ids_of_queries_are_mapped_too(nat: Nat, flows: Flows) -> None:
    assert {appears_as(nat, flows, key(ICMP, INSIDE, 9, PEER + n, 8)) for n in range(5)} == {(OUTSIDE, 9)}
    assert len(drawn := {appears_as(nat, flows, key(ICMP, INSIDE + 1, 9, PEER + n, 8)) for n in range(5, 9)}) == 1
    assert drawn != {(OUTSIDE, 9)}


def test_anybody_may_come_in_by_a_mapping(nat: Nat, flows: Flows) -> None:
    appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80))
    _, drawn = appears_as(nat, flows, key(UDP, INSIDE + 1, PORT, PEER, 80))
    for n in range(3):
        assert destination_of(nat, key(UDP, PEER + n, 1 + n, OUTSIDE, PORT)) == (INSIDE, PORT)
        assert destination_of(nat, key(UDP, PEER + n, 1 + n, OUTSIDE, drawn)) == (INSIDE + 1, PORT)
        for nothing in (key(TCP, PEER + n, 1, OUTSIDE, PORT), key(UDP, PEER + n, 1, OUTSIDE, PORT + 1)):
            assert destination_of(nat, nothing) is None
    flow, reply = begin(nat, flows, key(UDP, PEER + 1, 7, OUTSIDE, drawn), translates_source=False)
    assert flow > 0
    assert ends(reply) == (INSIDE + 1, PORT, PEER + 1, 7)


def test_questions_from_outside_find_no_mapping_of_an_id(nat: Nat, flows: Flows) -> None:
    """The type stands where a port would, and 8 is an id as good as any."""
    appears_as(nat, flows, key(ICMP, INSIDE, 8, PEER, 8))
    assert destination_of(nat, key(ICMP, PEER, 8, OUTSIDE, 8)) is None


def test_two_behind_one_translator_reach_each_other_by_their_mappings(nat: Nat, flows: Flows) -> None:
    one = appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80))
    other = appears_as(nat, flows, key(UDP, INSIDE + 1, PORT, PEER, 80))
    flow, reply = begin(nat, flows, key(UDP, INSIDE, PORT, *other))
    assert flow > 0
    assert ends(reply) == (INSIDE + 1, PORT, *one)


def test_a_mapping_takes_no_published_port_and_a_static_pair_needs_none(flows: Flows) -> None:
    web = Published(UDP, PORT, PORT + 9, (OUTSIDE,), INSIDE + 7, 80)
    (nat,) = make_nat(PLAN._replace(published=(web,), static=((OUTSIDE + 5, INSIDE + 5),)))
    mapped = [appears_as(nat, flows, key(UDP, INSIDE, PORT + n, PEER, 80)) for n in range(10)]
    assert not set(mapped) & {(OUTSIDE, PORT + n) for n in range(10)}
    assert appears_as(nat, flows, key(TCP, INSIDE, PORT, PEER, 80)) == (OUTSIDE, PORT)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT)) == (INSIDE + 7, 80)
    assert appears_as(nat, flows, key(UDP, INSIDE + 5, PORT, PEER, 80)) == (OUTSIDE + 5, PORT)
    assert appears_as(nat, flows, key(GRE, INSIDE, 0, PEER, 0)) == (OUTSIDE, 0)
    assert nat.mappings.head.flows[0] == 11


def test_a_port_is_mapped_before_a_static_pair_has_the_address(flows: Flows) -> None:
    """An address may hide some and stand for another: what one port says goes first."""
    (nat,) = make_nat(PLAN._replace(static=((OUTSIDE, INSIDE + 5),)))
    appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80))
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT)) == (INSIDE, PORT)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT + 1)) == (INSIDE + 5, PORT + 1)


def test_it_lives_two_minutes_from_the_last_packet_that_left(nat: Nat, flows: Flows) -> None:
    assert MAPPING_TICKS * 2**27 >= 120e9
    original = key(UDP, INSIDE, PORT, PEER, 80)
    flow, _ = begin(nat, flows, original, 8, timeout=10 * MAPPING_TICKS)
    asked = key(UDP, PEER + 1, 1, OUTSIDE, PORT)
    last = 8
    for tick in (9, 100, MAPPING_TICKS, 2 * MAPPING_TICKS - 8):
        refresh_mapping(nat, flows, flow * 2, np.uint64(tick))
        last = tick
    assert destination_of(nat, asked, last + MAPPING_TICKS - 8) == (INSIDE, PORT)
    refresh_mapping(nat, flows, flow * 2 + 1, np.uint64(last + MAPPING_TICKS - 8))
    assert destination_of(nat, asked, last + MAPPING_TICKS) is None, "packets from outside refresh nothing"
    refresh_mapping(nat, flows, flow * 2, np.uint64(last + MAPPING_TICKS))
    assert destination_of(nat, asked, last + MAPPING_TICKS) is None, "it has lapsed"


def test_answers_of_the_inside_refresh_it_as_well(nat: Nat, flows: Flows) -> None:
    appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80), 8)
    flow, _ = begin(nat, flows, key(UDP, PEER + 1, 7, OUTSIDE, PORT), 8, translates_source=False, timeout=5000)
    refresh_mapping(nat, flows, flow * 2, np.uint64(500))
    refresh_mapping(nat, flows, flow * 2 + 1, np.uint64(504))
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT), 500 + MAPPING_TICKS) == (INSIDE, PORT)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT), 504 + MAPPING_TICKS) is None


def test_whose_tuple_is_still_in_use_goes_by_another_port_once(nat: Nat, flows: Flows) -> None:
    """A conversation outlives its mapping, and the port is mapped to another, who then talks to the same peer."""
    begin(nat, flows, key(TCP, INSIDE, PORT, PEER, 80), 1, timeout=10 * MAPPING_TICKS)
    later = 1 + MAPPING_TICKS
    assert appears_as(nat, flows, key(TCP, INSIDE + 1, PORT, PEER + 1, 80), later) == (OUTSIDE, PORT)
    address, other = appears_as(nat, flows, key(TCP, INSIDE + 1, PORT, PEER, 80), later)
    assert address == OUTSIDE
    assert other != PORT
    assert appears_as(nat, flows, key(TCP, INSIDE + 1, PORT, PEER + 2, 80), later) == (OUTSIDE, PORT)


def test_a_mapping_to_an_address_that_is_gone_is_made_anew(nat: Nat, flows: Flows) -> None:
    assert appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80)) == (OUTSIDE, PORT)
    write_nat(nat.rules, PLAN._replace(sources=(OUTSIDE + 1,)))
    assert appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 81)) == (OUTSIDE + 1, PORT)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE + 1, PORT)) == (INSIDE, PORT)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, PORT)) is None


def test_ports_of_an_address_run_out_for_all_destinations_together(flows: Flows) -> None:
    (nat,), flows = make_nat(PLAN, mappings=1100), make_flows(1100)
    seen = {appears_as(nat, flows, key(UDP, INSIDE + n, 1000, PEER + n, n)) for n in range(scaled(900, jit_off=200))}
    assert len(seen) == scaled(900, jit_off=200)
    for n in range(1, 1024):
        begin(nat, flows, key(UDP, INSIDE, n, PEER, 1))
    refused = begin(nat, flows, key(UDP, INSIDE + 5000, 1000, PEER + 5000, 1))[0]
    assert refused == NAT_EXHAUSTED
    assert begin(nat, flows, key(UDP, INSIDE + 5000, 1000, PEER + 5000, 1))[0] == NAT_EXHAUSTED
    assert appears_as(nat, flows, key(UDP, INSIDE + 1, 1000, PEER + 5000, 1)) in seen, "who is mapped goes on"


def test_a_full_table_of_mappings_gives_up_those_nobody_answered(flows: Flows) -> None:
    (nat,) = make_nat(PLAN, mappings=40)
    for n in range(40):
        flow, _ = begin(nat, flows, key(UDP, INSIDE, 2000 + n, PEER, 1), 8)
        flows.records[flow].traits = ASSURED if n != 30 else 0
        refresh_mapping(nat, flows, flow * 2, np.uint64(16))
    assert appears_as(nat, flows, key(UDP, INSIDE, 3000, PEER, 1), 16) == (OUTSIDE, 3000)
    assert destination_of(nat, key(UDP, PEER, 1, OUTSIDE, 2030), 16) is None
    nat.mappings.records.traits = ASSURED
    assert begin(nat, flows, key(UDP, INSIDE, 3001, PEER, 1), 16)[0] == NAT_EXHAUSTED


def test_mappings_can_be_read(nat: Nat, flows: Flows) -> None:
    appears_as(nat, flows, key(UDP, INSIDE, PORT, PEER, 80))
    begin(nat, flows, key(TCP, INSIDE6, 7, PEER6, 80), 2)
    read = list(read_mappings(nat.mappings.head, nat.mappings.records, MAPPING_TICKS))
    assert read == [
        Mapping(UDP, INSIDE, PORT, OUTSIDE, PORT, 1),
        Mapping(TCP, INSIDE6, 7, OUTSIDE6, 7, 2),
    ]
    assert len(list(read_mappings(nat.mappings.head, nat.mappings.records, MAPPING_TICKS + 1))) == 1


@pytest.mark.parametrize("number_of_plan", range(scaled(20, jit_off=2)))
def test_random_conversations_are_mapped_as_the_twin_says(number_of_plan: int, seed: int) -> None:
    random = Random(seed)
    published = (Published(UDP, 20, 21, (OUTSIDE, OUTSIDE + 1), INSIDE, 2000),)
    sources = tuple(OUTSIDE + n for n in range(random.randint(1, 3)))
    plan = NatPlan(sources, published, ((OUTSIDE + 5, INSIDE + 4),), endpoint_independent=True)
    (nat,), twin, flows = make_nat(plan, 500, seed=seed), NaiveNat(plan), make_flows(5000, seed)
    tick, live = 8, []
    for _ in range(scaled(1500, jit_off=60)):
        tick += 8 * random.choice((0, 0, 0, 0, 1, 1, 10))
        protocol = random.choice((TCP, UDP, UDP, ICMP, GRE))
        insides, peers = [INSIDE + n for n in range(6)], [PEER, PEER + 1]
        source = random.choice(insides * 2 + peers)
        destination = random.choice([*peers, OUTSIDE, OUTSIDE + 1, OUTSIDE + 5])
        dport = {ICMP: 8, GRE: 0}.get(protocol, random.choice((20, 80, 2000, 2001)))
        sport = 0 if protocol == GRE else random.choice((20, 80, 2000, 2001))
        original = key(protocol, source, sport, destination, dport)
        if live and random.random() < 0.5:
            sent = random.choice(live)
            if twin.is_taken(sent, tick):
                refresh_mapping(nat, flows, find(flows, sent, tick), np.uint64(tick))
                twin.packet_leaves((protocol_of(sent), *ends(sent)[:2]), tick)
        if source == destination or twin.is_taken(original, tick):
            continue
        timeout = random.randint(1, 2000)
        flow, reply = begin(nat, flows, original, tick, source in insides, timeout)
        if flow == NAT_EXHAUSTED:
            assert protocol == GRE
            continue
        twin.judge(original, flow, reply, tick, source in insides, timeout)
        live += [original, reply]
    assert twin.mapped


WORKERS = 4


@kernel
def open_all(nat: Any, flows: Any, conversations: Any, outcomes: Any, worker: int, tick: Any) -> int:
    """Begin every conversation, in bursts as a worker's."""
    for n in range(len(conversations)):
        if n % 20 == 0:
            begin_flow_burst(flows.head, worker)
            begin_flow_burst(nat.mappings.head, worker)
        outcomes[n] = open_flow(nat, flows, conversations[n], True, tick, 1 << 20)
    leave_flows(flows.head, worker)
    leave_flows(nat.mappings.head, worker)
    return len(conversations)


@pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")
def test_workers_that_map_the_same_ends_agree(seed: int) -> None:
    """All begin conversations of the same senders at once, each to destinations of its own."""
    count, senders = 20_000, 5_000
    flows = make_flows(WORKERS * count, seed)
    nats = make_nat(PLAN, mappings=60_000, workers=WORKERS, seed=seed)
    sent = [
        [key(TCP, INSIDE + n % senders, 40000, PEER + worker, 1 + n // senders) for n in range(count)]
        for worker in range(WORKERS)
    ]
    conversations = [np.array([(k, reverse(k)) for k in keys], CONVERSATION_DTYPE).view(np.recarray) for keys in sent]
    outcomes = np.zeros((WORKERS, count), np.int64)
    open_all(nats[0], flows, conversations[0][:0], outcomes[0], 0, np.uint64(1))

    def work(worker: int) -> int:
        return int(open_all(nats[worker], flows, conversations[worker], outcomes[worker], worker, np.uint64(1)))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [count] * WORKERS
    # A worker that is stopped while it maps a sender holds the others' next conversations of this sender up.
    assert set(outcomes[outcomes <= 0].tolist()) <= {BEATEN}
    made = flows.records[outcomes[outcomes > 0]]
    inside, port = made.original.key.source_low, made.reply.key.word >> np.uint64(32) & np.uint64(0xFFFF)
    pairs = {(int(a), int(p)) for a, p in zip(inside, port, strict=True)}
    assert len(pairs) == senders == len({p for _, p in pairs}), "one port each, and none shared"
    assert nat_is_empty_after_sweep(nats[0])


def nat_is_empty_after_sweep(nat: Nat) -> bool:
    mappings = nat.mappings
    sweep_flows(mappings, 0, len(mappings.records), np.uint64(1 + MAPPING_TICKS))
    return mappings.head.flows[0] == 0 and not np.asarray(mappings.buckets.entries).any()

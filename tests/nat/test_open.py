"""Beginning conversations: whose address, which port, how many, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.flow.records import begin_flow_burst, leave_flows
from dataplane.flow.tables import BEATEN, CONVERSATION_DTYPE, TABLE_FULL
from dataplane.jit import kernel
from nat.build import NatPlan, Published
from nat.open import open_flow
from nat.tables import NAT_EXHAUSTED, NO_ADDRESS, Nat
from tests.flow.tables import Flows, Key, find, make_flows, reverse
from tests.nat.naive import NaiveNat
from tests.nat.rules import GRE, ICMP, ICMPV6, SCTP, TCP, UDP, begin, ends, key, make_nat, number
from tests.scale import JIT_OFF, scaled

pytestmark = pytest.mark.kernel

OUTSIDE, INSIDE, PEER = (number(each) for each in ("192.0.2.1", "10.0.0.2", "198.51.100.7"))
OUTSIDE6, INSIDE6, PEER6 = (number(each) for each in ("2001:db8::1", "fd00::2", "2001:db8:9::7"))


def outside_of(reply: Any) -> tuple[int, int]:
    """Return as whom a conversation's sender appears."""
    return ends(reply)[2:]


WORKERS = 4
TIMEOUT = 100


@kernel
def open_all(nat: Any, flows: Any, conversations: Any, outcomes: Any, worker: int, tick: Any) -> int:
    """Begin every conversation, in bursts as a worker's; ``outcomes`` are as ``open_flow`` returns them."""
    for n in range(len(conversations)):
        if n % 20 == 0:
            begin_flow_burst(flows.head, worker)
        outcomes[n] = open_flow(nat, flows, conversations[n], True, tick, TIMEOUT)
    leave_flows(flows.head, worker)
    return len(conversations)


def outside_ports(records: Any) -> Any:
    """Return the ports as which the senders of flows appear."""
    return records.reply.key.word >> np.uint64(32) & np.uint64(0xFFFF)


def begin_all(nat: Nat, flows: Flows, keys: list[Key]) -> Any:
    """Begin conversations, all of which must be possible; return their flows' records."""
    conversations = np.array([(each, reverse(each)) for each in keys], CONVERSATION_DTYPE).view(np.recarray)
    outcomes = np.zeros(len(keys), np.int64)
    open_all(nat, flows, conversations, outcomes, 0, np.uint64(1))
    assert (outcomes > 0).all()
    return flows.records[outcomes]


def test_a_free_port_is_kept_and_one_in_use_is_drawn_from_its_class() -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE, OUTSIDE6))), make_flows(100)
    for protocol, port, likes in (
        (TCP, 5000, range(1024, 65536)),
        (UDP, 500, range(1, 1024)),
        (SCTP, 1024, range(1024, 65536)),
        (TCP, 1023, range(1, 1024)),
        (UDP, 0, range(1, 1024)),
    ):
        assert outside_of(begin(nat, flows, key(protocol, INSIDE, port, PEER, 53))[1]) == (OUTSIDE, port)
        address, drawn = outside_of(begin(nat, flows, key(protocol, INSIDE + 1, port, PEER, 53))[1])
        assert address == OUTSIDE
        assert drawn in likes
        assert drawn != port
        assert outside_of(begin(nat, flows, key(protocol, INSIDE + 1, port, PEER, 54))[1]) == (OUTSIDE, port)
    assert outside_of(begin(nat, flows, key(TCP, INSIDE6, 7, PEER6, 53))[1]) == (OUTSIDE6, 7)


@pytest.mark.parametrize(("protocol", "kind"), [(ICMP, 8), (ICMP, 13), (ICMPV6, 128)])
def test_queries_change_their_id_and_nothing_else(protocol: int, kind: int) -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE, OUTSIDE6))), make_flows(100)
    inside, outside, peer = (INSIDE6, OUTSIDE6, PEER6) if protocol == ICMPV6 else (INSIDE, OUTSIDE, PEER)
    seen = set()
    for n in range(20):
        flow, reply = begin(nat, flows, key(protocol, inside + n, 9, peer, kind))
        assert flow > 0
        assert ends(reply)[:3] == (peer, kind, outside)
        seen.add(ends(reply)[3])
    assert len(seen) == 20
    assert 9 in seen


@pytest.mark.parametrize(
    ("protocol", "sport", "dport"), [(GRE, 0, 0), (ICMP, 0, 0), (ICMP, 0, 9), (ICMPV6, 128, 7), (51, 0, 0)]
)
def test_what_has_no_port_to_change_goes_through_once(protocol: int, sport: int, dport: int) -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE, OUTSIDE6))), make_flows(100)
    flow, reply = begin(nat, flows, key(protocol, INSIDE, sport, PEER, dport))
    assert flow > 0
    assert outside_of(reply) == (OUTSIDE, sport)
    assert begin(nat, flows, key(protocol, INSIDE + 1, sport, PEER, dport))[0] == NAT_EXHAUSTED
    assert begin(nat, flows, key(protocol, INSIDE + 1, sport, PEER + 1, dport))[0] > 0


def test_several_addresses_are_shared_and_each_sender_keeps_his() -> None:
    sources = tuple(OUTSIDE + n for n in range(4)) + tuple(OUTSIDE6 + n for n in range(16))
    (nat,), flows = make_nat(NatPlan(sources)), make_flows(4000)
    for inside, peer, mine in ((INSIDE, PEER, sources[:4]), (INSIDE6, PEER6, sources[4:])):
        used = []
        for n in range(150):
            of_one = {outside_of(begin(nat, flows, key(TCP, inside + n, 5000, peer, port))[1])[0] for port in (1, 2)}
            assert len(of_one) == 1
            used += of_one
        assert set(used) == set(mine)
        assert max(used.count(address) for address in mine) < 4 * 150 / len(mine) + 10


def test_without_an_address_of_the_family_nobody_leaves() -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE,))), make_flows(100)
    assert begin(nat, flows, key(TCP, INSIDE6, 1, PEER6, 1))[0] == NO_ADDRESS
    (nat,) = make_nat(NatPlan((OUTSIDE6,)))
    assert begin(nat, flows, key(TCP, INSIDE, 1, PEER, 1))[0] == NO_ADDRESS
    assert flows.head.flows[0] == 0


def test_a_static_pairs_inside_address_has_its_outside_one() -> None:
    plan = NatPlan((OUTSIDE,), static=((OUTSIDE + 9, INSIDE), (OUTSIDE6 + 9, INSIDE6)))
    (nat,), flows = make_nat(plan), make_flows(100)
    assert outside_of(begin(nat, flows, key(TCP, INSIDE, 7, PEER, 80))[1]) == (OUTSIDE + 9, 7)
    assert outside_of(begin(nat, flows, key(GRE, INSIDE6, 0, PEER6, 0))[1]) == (OUTSIDE6 + 9, 0)
    assert outside_of(begin(nat, flows, key(TCP, INSIDE + 1, 7, PEER, 80))[1]) == (OUTSIDE, 7)


def test_hairpin_answers_come_back_by_the_translator() -> None:
    """Who reaches a published port of his own network, or of himself, appears as an outside one (RFC 4787 REQ-9)."""
    web = Published(TCP, 8080, 8080, (OUTSIDE,), INSIDE, 80)
    (nat,), flows = make_nat(NatPlan((OUTSIDE,), (web,))), make_flows(100)
    for sender, port in ((INSIDE + 1, 4000), (INSIDE, 4000)):
        flow, reply = begin(nat, flows, key(TCP, sender, port, OUTSIDE, 8080))
        assert ends(reply)[:3] == (INSIDE, 80, OUTSIDE)
        assert find(flows, reply, 1) == flow * 2 + 1


def test_a_conversation_is_never_its_own_answer() -> None:
    """From the published port's own target to the port: both directions would have one tuple."""
    web = Published(TCP, 8080, 8080, (OUTSIDE,), INSIDE, 8080)
    (nat,), flows = make_nat(NatPlan((OUTSIDE,), (web,))), make_flows(100)
    original = key(TCP, INSIDE, 8080, OUTSIDE, 8080)
    flow, reply = begin(nat, flows, original)
    assert flow > 0
    assert ends(reply)[:3] == (INSIDE, 8080, OUTSIDE)
    assert reply != original


def test_who_is_not_translated_keeps_his_port_unless_answers_would_be_mistaken() -> None:
    web = Published(TCP, 8080, 8080, (OUTSIDE,), INSIDE, 80)
    (nat,), flows = make_nat(NatPlan((OUTSIDE,), (web,))), make_flows(100)
    published, direct = key(TCP, PEER, 4000, OUTSIDE, 8080), key(TCP, PEER, 4000, INSIDE, 80)
    flow, reply = begin(nat, flows, published, translates_source=False)
    assert flow > 0
    assert ends(reply) == (INSIDE, 80, PEER, 4000)
    flow, reply = begin(nat, flows, direct, translates_source=False)
    assert flow > 0
    assert ends(reply)[:3] == (INSIDE, 80, PEER)
    assert ends(reply)[3] != 4000
    assert begin(nat, flows, direct, translates_source=False)[0] == BEATEN


def test_an_address_has_all_its_ports_for_each_destination(seed: int) -> None:
    """64,512 conversations, one more is refused; those below 1024 and another destination have their own."""
    ports, full, free = (range(1, 1024), 80, 40000) if JIT_OFF else (range(1024, 65536), 40000, 80)
    (nat,), flows = make_nat(NatPlan((OUTSIDE,)), seed=seed), make_flows(len(ports) + 100, seed)
    made = begin_all(nat, flows, [key(UDP, INSIDE, port, PEER, 53) for port in ports])
    assert outside_ports(made).tolist() == list(ports)
    assert begin(nat, flows, key(UDP, INSIDE + 1, full, PEER, 53))[0] == NAT_EXHAUSTED
    assert begin(nat, flows, key(UDP, INSIDE + 1, full, PEER, 53))[0] == NAT_EXHAUSTED, "and at once"
    for other in (key(UDP, INSIDE + 1, free, PEER, 53), key(UDP, INSIDE + 1, full, PEER, 54)):
        assert begin(nat, flows, other)[0] > 0
    assert begin(nat, flows, key(UDP, INSIDE + 1, full, PEER, 53), tick=1 + TIMEOUT)[0] > 0, "they have expired"


@pytest.mark.skipif(JIT_OFF, reason="takes minutes as plain Python")
def test_sixty_thousand_senders_with_one_port_share_an_address(seed: int) -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE,)), seed=seed), make_flows(60_000, seed)
    made = begin_all(nat, flows, [key(TCP, INSIDE + n, 40000, PEER, 443) for n in range(60_000)])
    assert len(np.unique(outside_ports(made))) == 60_000
    assert outside_ports(made).min() >= 1024


def test_a_full_table_refuses_and_says_so() -> None:
    (nat,), flows = make_nat(NatPlan((OUTSIDE,))), make_flows(40)
    for n in range(40):
        flow, _ = begin(nat, flows, key(TCP, INSIDE, 2000 + n, PEER, 1))
        flows.records[flow].traits = 1
    assert begin(nat, flows, key(TCP, INSIDE, 3000, PEER, 1))[0] == TABLE_FULL


@pytest.mark.parametrize("number_of_plan", range(scaled(20, jit_off=2)))
def test_random_conversations_are_begun_as_the_twin_says(number_of_plan: int, seed: int) -> None:
    """Few addresses and ports, so that nearly everything is in the way of something else."""
    random = Random(seed)
    published = tuple(
        Published(
            random.choice((TCP, UDP)), 20 + n, 20 + n, (OUTSIDE, OUTSIDE + 1), INSIDE + n, random.choice((20, 80))
        )
        for n in range(3)
    )
    sources = tuple(OUTSIDE + n for n in range(random.randint(1, 3)))
    plan = NatPlan(sources, published, ((OUTSIDE + 5, INSIDE + 4),))
    (nat,), twin, flows = make_nat(plan, seed=seed), NaiveNat(plan), make_flows(5000, seed)
    tick = 1
    for _ in range(scaled(1500, jit_off=60)):
        tick += random.random() < 0.1
        protocol = random.choice((TCP, UDP, ICMP))
        insides, peers = [INSIDE + n for n in range(6)], [PEER, PEER + 1]
        source = random.choice(insides + peers)
        destination = random.choice(peers + insides + [OUTSIDE, OUTSIDE + 1, OUTSIDE + 5])
        dport = 8 if protocol == ICMP else random.choice((20, 21, 22, 80))
        original = key(protocol, source, random.choice((20, 80, 2000, 2001)), destination, dport)
        if source == destination or twin.is_taken(original, tick):
            continue
        translates_source = source in insides
        timeout = random.randint(1, 30)
        flow, reply = begin(nat, flows, original, tick, translates_source, timeout)
        twin.judge(original, flow, reply, tick, translates_source, timeout)
        assert find(flows, original, tick) == flow * 2
        assert find(flows, reply, tick) == flow * 2 + 1


@pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")
def test_workers_that_race_for_the_ports_of_one_address_share_them_without_collision(seed: int) -> None:
    """Each has senders of its own, all with the same port to the same destination: nine ports of ten."""
    each = 15_000
    flows = make_flows(WORKERS * each + 20_000, seed)
    nats = make_nat(NatPlan((OUTSIDE,)), workers=WORKERS, seed=seed)
    sent = [[key(TCP, INSIDE + worker * each + n, 40000, PEER, 443) for n in range(each)] for worker in range(WORKERS)]
    conversations = [np.array([(k, reverse(k)) for k in keys], CONVERSATION_DTYPE).view(np.recarray) for keys in sent]
    outcomes = np.zeros((WORKERS, each), np.int64)
    open_all(nats[0], flows, conversations[0][:0], outcomes[0], 0, np.uint64(1))

    def work(worker: int) -> int:
        return int(open_all(nats[worker], flows, conversations[worker], outcomes[worker], worker, np.uint64(1)))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [each] * WORKERS
    assert (outcomes > 0).all()
    made = flows.records[outcomes.ravel()]
    assert len(np.unique(made.reply.key.word)) == WORKERS * each
    assert len(np.unique(outcomes)) == WORKERS * each


@pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")
def test_workers_that_begin_the_same_conversations_begin_each_once(seed: int) -> None:
    count = 20_000
    flows = make_flows(200_000, seed)
    nats = make_nat(NatPlan((OUTSIDE,)), workers=WORKERS, seed=seed)
    keys = [key(TCP, INSIDE + n % 500, 1024 + n // 500, PEER, 443) for n in range(count)]
    template = np.array([(k, reverse(k)) for k in keys], CONVERSATION_DTYPE)
    outcomes = np.zeros((WORKERS, count), np.int64)
    open_all(nats[0], flows, template[:0].view(np.recarray), outcomes[0], 0, np.uint64(1))

    def work(worker: int) -> int:
        mine = template.copy().view(np.recarray)
        return int(open_all(nats[worker], flows, mine, outcomes[worker], worker, np.uint64(1)))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [count] * WORKERS
    assert set(outcomes[outcomes <= 0].tolist()) <= {BEATEN}
    assert ((outcomes > 0).sum(axis=0) == 1).all()
    made = flows.records[outcomes[outcomes > 0]]
    assert len(np.unique(made.reply.key.word)) == count

"""What the pipeline leaves behind of what policies said: in the frame's columns, in its flow, in the rules' hits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from control.fabric import Fabric
from control.model import Configuration
from control.policy.model import Rule
from dataplane.policy.tables import ACTION_SHIFT, ALLOW, AUDIT, DENY
from dataplane.verdict import CONSUME
from tests.engine import Engine, begin, carry, in_memory
from tests.offloads.place import place
from tests.offloads.wire import offloaded
from tests.packets import plain
from tests.rows.policy.world import (
    B3,
    CLIENT,
    CLIENTS_ASK,
    CLOSED,
    GUARDED,
    NOTHING_IN,
    OPEN,
    QUIET,
    heard,
    judged,
    passes,
    policy,
    tells,
)
from tests.rows.router.world import B1, B2, FAR, G, arp, arp_reply, gateway, sent, tcp, udp
from tests.rows.row import EPOCH_NS
from tests.runs import CALM, Arrival

pytestmark = pytest.mark.kernel

ASK, ANSWER = udp(B1.ip4, B2.ip4, dport=53), udp(B2.ip4, B1.ip4, 53, 4000)
ASKS, ANSWERS = ("b1", passes(B1, B2, ASK)), ("b2", passes(B2, B1, ANSWER))
REFUSED = ("b1", passes(B1, B2, udp(B1.ip4, B2.ip4, dport=54)))
ASKS_GATEWAY = ("b1", arp(B1, 1, gateway(B1), b"\xff" * 6))
OUT = policy("out", of=CLIENT, egress=(Rule(),))
GOES_OUT, NEXT_HOP_ANSWERS = ("b1", sent(B1, tcp(B1.ip4, FAR))), ("wan", arp_reply(G))
MEET = tuple((step.port, step.frame) for step in heard(B1, B2, B3))
SHIFT = int(ACTION_SHIFT)
SECOND_NS = 10**9

Frames = Sequence[tuple[str, bytes]]


class Path:
    """A pipeline, frame by frame or by vectors."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.now_ns = engine, EPOCH_NS

    @property
    def state(self) -> Any:
        return self.engine.fabric.state

    @property
    def records(self) -> Any:
        return self.state.flow_records

    def take(self, frames: Frames) -> Any:
        """Carry frames in one vector; return that."""
        arrivals = [Arrival(port, frame, self.now_ns) for port, frame in frames]
        self.now_ns += SECOND_NS
        carry(self.engine, *in_memory(self.engine, arrivals), 0, len(arrivals))
        return self.engine.vector

    def change(self, configuration: Configuration) -> None:
        """Put another configuration in force."""
        self.engine.fabric.apply(configuration)

    def hits(self) -> int:
        """Return how many packets rules have decided."""
        return int(self.state.policy_hits["packets"].sum())


@contextmanager
def path(configuration: Configuration) -> Iterator[Path]:
    """Make one, on which the stations have met."""
    fabric = Fabric(configuration.limits, seed=1)
    try:
        made = Path(begin(fabric, configuration, CALM))
        made.take(MEET)
        yield made
    finally:
        fabric.close()


def action(judgement: Any) -> int:
    """Return the action of a judgement."""
    return int(judgement) >> SHIFT


def test_a_first_packet_says_who_was_asked_and_its_flow_keeps_it() -> None:
    with path(GUARDED) as here:
        vector = here.take([ASKS])
        half = int(vector.likely_half[0])
        assert half & 1 == 0
        assert half > 0
        assert vector.egress_judgement[0] == 0, "the client is not selected"
        assert action(vector.ingress_judgement[0]) == ALLOW
        record = here.records[half >> 1]
        assert record.original.judgement == 0
        assert record.reply.judgement == vector.ingress_judgement[0]
        assert record.judged == here.state.policy_head[0].stamp[0]


def test_later_packets_are_of_the_flow_and_nobody_is_asked_about_them() -> None:
    with path(GUARDED) as here:
        first = int(here.take([ASKS]).likely_half[0])
        asked = here.hits()
        vector = here.take([ANSWERS, ASKS])
        assert list(map(int, vector.likely_half[:2])) == [first + 1, first]
        assert not vector.egress_judgement[:2].any()
        assert not vector.ingress_judgement[:2].any()
        assert here.hits() == asked == 1


def test_a_first_packet_that_waits_for_a_mac_counts_once() -> None:
    with path(judged(OUT)) as here:
        waiting = here.take([GOES_OUT])
        assert (waiting.verdict[0], waiting.copies[0], here.hits()) == (CONSUME, 0, 1)
        vector = here.take([NEXT_HOP_ANSWERS])
        assert vector.copies[1] == 1, "it went out behind the answer"
        assert action(vector.egress_judgement[1]) == ALLOW
        assert here.hits() == 1


def test_one_that_is_denied_after_it_has_waited_counts_for_the_rule_that_denied_it() -> None:
    with path(judged(OUT)) as here:
        here.take([GOES_OUT])
        here.change(QUIET)
        before = here.hits()
        vector = here.take([NEXT_HOP_ANSWERS])
        assert action(vector.egress_judgement[1]) == DENY
        assert here.hits() == before + 1


def test_what_is_denied_says_by_what_and_is_of_no_flow() -> None:
    with path(GUARDED) as here:
        vector = here.take([REFUSED, REFUSED])
        assert not vector.likely_half[:2].any()
        assert action(vector.ingress_judgement[1]) == DENY
        assert int(vector.ingress_judgement[1]) != 0
        assert here.hits() == 2


def test_a_frame_that_nobody_is_asked_about_says_nothing_of_the_one_in_its_place_before() -> None:
    with path(GUARDED) as here:
        here.take([ASKS, REFUSED, ASKS])
        vector = here.take([ASKS_GATEWAY, ("b1", plain(B3.mac, B1.mac)), ("b3", passes(B3, B1, udp(B3.ip4, B1.ip4)))])
        assert not vector.likely_half[:2].any()
        assert vector.likely_half[2] != 0
        assert not vector.ingress_judgement[:3].any()


def test_a_known_flow_that_is_denied_stays_as_it_was() -> None:
    with path(GUARDED) as here:
        half = int(here.take([ASKS]).likely_half[0])
        record = here.records[half >> 1]
        before = record.copy()
        here.change(CLOSED)
        vector = here.take([ANSWERS])
        assert int(vector.likely_half[0]) == half + 1
        assert action(vector.ingress_judgement[0]) == DENY
        assert record.tobytes() == before.tobytes()


def test_a_known_flow_is_asked_about_once_after_a_change() -> None:
    with path(OPEN) as here:
        half = int(here.take([ASKS]).likely_half[0])
        here.change(judged(CLIENTS_ASK))
        vector = here.take([ANSWERS, ASKS, ANSWERS])
        assert [action(judgement) for judgement in vector.ingress_judgement[:3]] == [ALLOW, 0, 0]
        assert here.hits() == 1
        assert here.records[half >> 1].judged == here.state.policy_head[0].stamp[0]


def test_what_is_audited_passes_and_says_so() -> None:
    with path(judged(replace(NOTHING_IN, audited=True))) as here:
        vector = here.take([ASKS])
        assert vector.copies[0] == 1
        assert action(vector.ingress_judgement[0]) == AUDIT


def test_without_policies_flows_are_judged_by_nobody() -> None:
    with path(replace(OPEN, manifests=None)) as here:
        here.take([("wan", arp(G, 2, "192.0.2.10", b"\xff" * 6))])
        here.take([("b1", sent(B1, tcp(B1.ip4, FAR)))])
        assert not here.records["judged"].any()
        assert here.hits() == 0


@pytest.mark.parametrize("allowed", [True, False])
def test_a_superframe_is_one_packet(allowed: bool) -> None:
    configuration = judged(CLIENTS_ASK if allowed else policy("closed", ingress=()))
    with place(configuration, *heard(B1, B2)) as here:
        first = tells(B1, B2, tcp(B1.ip4, B2.ip4, flags="A", body=bytes(20_000)))
        header, frame = offloaded(first.frame, 1448)
        assert here.carry("b1", frame, header) == ({"b2": [(header, frame)]} if allowed else {})
        flows = here.rig.fabric.flows(0)
        assert [flow.packets for flow in flows] == ([(1, 0)] if allowed else [])
        assert here.drops("b1") == ({} if allowed else {"policy_denied": 1})

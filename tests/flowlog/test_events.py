"""What workers tell of conversations while somebody observes, by the whole pipeline."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from control.fabric import Fabric
from control.model import Publish
from dataplane.flow.kernels import sweep_flows
from dataplane.flow.tables import view_flows
from dataplane.flowlog.build import lost_events, set_observed, skip_events, take_events
from dataplane.flowlog.kernels import log_closed
from dataplane.flowlog.tables import CLOSED, DENIED, EVENTS, NEW, NO_PORT
from dataplane.verdict import REASON_NAMES
from tests.engine import Engine, begin, carry, in_memory
from tests.rows.router.world import B1, FAR, OUTSIDE, R1, G, W, gives, met, pcap, udp, world
from tests.rows.row import EPOCH_NS, Step
from tests.runs import CALM, Arrival

pytestmark = pytest.mark.kernel

PUBLISHED = world(pcap(B1, publish=(Publish(8080, 8080, 80, "udp"),)))
KNOWN = met(B1, R1, G, W)
OUT = gives(B1, udp(B1.ip4, FAR))
BACK = gives(G, udp(FAR, OUTSIDE, 5353, 4000))
IN = gives(G, udp(FAR, OUTSIDE, 4000, 8080))
UNASKED = gives(G, udp(FAR, OUTSIDE, 4000, 9999))
LATER_TICKS = 10_000_000


@pytest.fixture
def engine() -> Iterator[Engine]:
    fabric = Fabric(PUBLISHED.limits, seed=1)
    yield begin(fabric, PUBLISHED, CALM)
    fabric.close()


def send(engine: Engine, steps: Sequence[Step], after_ns: int = 0) -> None:
    arrivals = [Arrival(each.port, each.frame, EPOCH_NS + after_ns + n) for n, each in enumerate(steps)]
    carry(engine, *in_memory(engine, arrivals), 0, len(arrivals))


def observed(engine: Engine) -> Any:
    return take_events(engine.fabric.state.flow_logs)


def watch(engine: Engine) -> None:
    set_observed(engine.fabric.state.flow_head[0], True)


def kinds(events: Any) -> list[int]:
    return [int(kind) for kind in events["kind"]]


def test_nothing_is_written_while_nobody_observes(engine: Engine) -> None:
    send(engine, [*KNOWN, OUT, UNASKED])
    assert len(observed(engine)) == 0


def test_a_conversation_is_new_by_its_first_packet_alone(engine: Engine) -> None:
    send(engine, KNOWN)
    watch(engine)
    send(engine, [OUT, OUT, BACK], after_ns=1000)
    (event,) = observed(engine)
    assert event["kind"] == NEW
    assert event["timestamp_ns"] == EPOCH_NS + 1000
    assert event["in_port"] == engine.fabric.index_of(OUT.port)
    assert (event["packets"].tolist(), event["octets"][0] > 0) == ([1, 0], True)
    record = engine.fabric.state.flow_records[int(event["flow"])]
    assert event["original"].tolist() == [int(word) for word in record["original"]["key"]]
    assert event["reply"].tolist() == [int(word) for word in record["reply"]["key"]]


def test_a_conversation_that_is_over_says_what_it_carried(engine: Engine) -> None:
    send(engine, [*KNOWN, OUT])
    watch(engine)
    send(engine, [OUT, BACK], after_ns=1000)
    state = engine.fabric.state
    flows = view_flows(state.flow_head[0], state.flow_buckets, state.flow_ring, state.flow_records, state.flow_logs[0])
    now = np.uint64((EPOCH_NS >> 27) + LATER_TICKS & 0xFFFF_FFFF)
    assert sweep_flows(flows, 0, len(flows.records), now) == 1
    (event,) = observed(engine)
    assert (event["kind"], event["in_port"]) == (CLOSED, NO_PORT)
    assert event["packets"].tolist() == [2, 1]


def test_an_expired_conversation_ends_before_the_one_that_takes_its_place(engine: Engine) -> None:
    watch(engine)
    send(engine, [*KNOWN, OUT])
    skip_events(engine.fabric.state.flow_logs)
    send(engine, [OUT], after_ns=40_000_000_000)
    assert kinds(observed(engine)) == [CLOSED, NEW]


def test_what_may_not_begin_is_told_with_its_reason(engine: Engine) -> None:
    watch(engine)
    send(engine, KNOWN)
    skip_events(engine.fabric.state.flow_logs)
    send(engine, [UNASKED, IN], after_ns=1000)
    denied, begun = observed(engine)
    assert (denied["kind"], REASON_NAMES[int(denied["reason"])], denied["flow"]) == (DENIED, "unsolicited", 0)
    assert denied["packets"].tolist() == [1, 0]
    assert (begun["kind"], begun["reason"]) == (NEW, 0)
    inside = begun["reply"][1] & np.uint64(0xFFFF_FFFF)
    assert int(inside) == int.from_bytes(bytes(map(int, B1.ip4.split("."))))


def test_what_finds_no_room_is_counted(engine: Engine) -> None:
    log, record = engine.fabric.state.flow_logs[0], engine.fabric.state.flow_records[0]
    for number in range(EVENTS + 3):
        log_closed(log, number, record)
    assert lost_events(engine.fabric.state.flow_logs) == 3
    assert observed(engine)["flow"].tolist() == list(range(EVENTS))
    log_closed(log, EVENTS + 3, record)
    assert observed(engine)["flow"].tolist() == [EVENTS + 3]


def test_events_that_go_around_the_end_of_the_ring_are_whole_and_in_order(engine: Engine) -> None:
    logs, record = engine.fabric.state.flow_logs, engine.fabric.state.flow_records[0]
    logs[0].head[0] = logs[0].tail[0] = EVENTS - 2
    for number in range(5):
        log_closed(logs[0], number, record)
    assert observed(engine)["flow"].tolist() == [0, 1, 2, 3, 4]
    assert len(observed(engine)) == 0

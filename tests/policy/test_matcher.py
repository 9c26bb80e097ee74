"""Whatever is written, kernels say what dictionaries would: of ends, rows, lists and ports."""

from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.policy.build import BLOCK, BY_LABELS, PolicyWriter, Steps, Subnet, step_word
from dataplane.policy.tables import ALLOW, AUDIT, DENY, PASS
from dataplane.state import State
from tests.policy.matching import (
    ICMP,
    RULE,
    SCTP,
    TCP,
    UDP,
    End,
    NaiveTables,
    end_of,
    judge,
    make_state,
    make_writer,
)

pytestmark = pytest.mark.kernel

PORTS = [0, 1, 79, 80, 81, 443, 65534, 65535]
PROTOCOLS = [TCP, UDP, SCTP, ICMP, 255]
PREFIXES = [*("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0"), *("fd00::/8", "fd00::5/128")]
ADDRESSES = ["9.9.9.9", "10.9.9.9", "10.1.9.9", "10.1.2.9", "10.1.2.3", "fd00::5", "fd00::6", "2001:db8::1"]
ENDS, ROWS, NUMBERS = 5, 3, 4

starts = st.builds(
    lambda protocol, port: protocol << 16 | port, st.sampled_from(PROTOCOLS), st.sampled_from([*PORTS, 65535])
)
ends = st.builds(
    End,
    labels=st.integers(0, NUMBERS),
    block=st.integers(0, NUMBERS),
    ingress=st.integers(0, ROWS),
    egress=st.integers(0, ROWS),
    pod=st.integers(0, 2),
)


@st.composite
def step_lists(draw: st.DrawFn) -> Steps:
    verdicts = st.tuples(st.integers(0, 7), st.sampled_from([DENY, ALLOW, AUDIT, PASS]), st.integers(0, 30))
    found = sorted({0, *draw(st.lists(starts, max_size=8))})
    return tuple(step_word(start, *draw(verdicts)) for start in found)


cells = st.dictionaries(
    st.tuples(st.integers(1, ROWS), st.sampled_from([BY_LABELS, BLOCK]), st.integers(1, NUMBERS)), step_lists()
)
tables = st.builds(
    NaiveTables,
    ends=st.dictionaries(st.integers(0, ENDS), ends),
    otherwise=st.dictionaries(st.integers(1, ROWS), step_lists()),
    after=st.dictionaries(st.just(1), st.just(2)) | st.just({1: 2, 2: 3}),
    cells=cells,
    prefixes=st.dictionaries(st.sampled_from([ip_network(text) for text in PREFIXES]), st.integers(1, ENDS)),
)


def write(writer: PolicyWriter, naive: NaiveTables) -> None:
    if naive.cells:
        rows, kinds, numbers = zip(*naive.cells, strict=True)
        lists = [writer.intern_list(steps) for steps in naive.cells.values()]
        writer.put_cells(rows, kinds, numbers, lists)
    for row, steps in naive.otherwise.items():
        writer.set_otherwise(row, writer.intern_list(steps))
    for row, after in naive.after.items():
        writer.set_after(row, after)
    for number, end in naive.ends.items():
        writer.set_end(number, **vars(end))
    writer.load_prefixes(naive.prefixes)
    writer.advance_stamp()


def expect(state: State, naive: NaiveTables, source: int, destination: int, protocol: int, port: int) -> None:
    for from_node in (False, True):
        *expected, hit = naive.judge(source, destination, protocol, port, from_node)
        before = state.policy_hits["packets"][0].copy()
        assert judge(state, source, destination, protocol, port, from_node) == tuple(expected)
        hits = state.policy_hits["packets"][0] - before
        assert np.repeat(np.flatnonzero(hits), hits[hits > 0].astype(np.int64)).tolist() == sorted(hit)


@given(tables, st.data())
def test_random_tables(naive: NaiveTables, data: st.DataObject) -> None:
    state = make_state()
    write(make_writer(state), naive)
    for text in ADDRESSES:
        assert end_of(state, text) == naive.find_end(ip_address(text))
    either = st.integers(0, ENDS)
    for source, destination, protocol, port in data.draw(
        st.lists(st.tuples(either, either, st.sampled_from(PROTOCOLS), st.sampled_from(PORTS)), max_size=30)
    ):
        expect(state, naive, source, destination, protocol, port)


@given(tables, cells, st.data())
def test_cells_that_change(naive: NaiveTables, new: dict[Any, Steps], data: st.DataObject) -> None:
    state = make_state()
    writer = make_writer(state)
    write(writer, naive)
    write(writer, NaiveTables(cells=new, prefixes=naive.prefixes))
    naive.cells |= new
    gone = data.draw(st.lists(st.sampled_from([*naive.cells]), unique=True)) if naive.cells else []
    if gone:
        writer.remove_cells(*zip(*gone, strict=True))
    writer.advance_stamp()
    for key in gone:
        del naive.cells[key]
    assert set(writer.lists.number_of) == {*naive.cells.values(), *naive.otherwise.values()}
    for source in range(ENDS + 1):
        for destination in range(ENDS + 1):
            expect(state, naive, source, destination, TCP, 80)


# What the steps mean, one by one.

DENIED, WEB = step_word(0, 9, DENY, 5), TCP << 16 | 80
ONLY_WEB = (DENIED, step_word(WEB, 1, ALLOW, 6), step_word(WEB + 1, 9, DENY, 5))


@pytest.fixture
def state() -> State:
    """End 1 is isolated as destination by row 1, which lets TCP port 80 pass; ends 2 and 3 are others."""
    state = make_state()
    writer = make_writer(state)
    writer.set_otherwise(1, writer.intern_list(ONLY_WEB))
    writer.set_ends([1, 2, 3], [1, 2, 0], 0, [1, 0, 0], 0, 0)
    writer.set_ends([4], 7, 0, 0, 1, 0)
    writer.advance_stamp()
    return state


@pytest.mark.parametrize(
    ("protocol", "port", "allowed"),
    [
        *[(TCP, 80, True), (TCP, 79, False), (TCP, 81, False), (TCP, 0, False), (TCP, 65535, False)],
        *[(UDP, 80, False), (SCTP, 80, False), (ICMP, 80, False), (0, 0, False), (255, 65535, False)],
    ],
)
def test_a_port_of_a_protocol(state: State, protocol: int, port: int, allowed: bool) -> None:
    assert judge(state, 2, 1, protocol, port) == (allowed, 0, ALLOW << 18 | 6 if allowed else 5)


def test_who_is_not_isolated_may_be_talked_to_and_no_rule_is_asked(state: State) -> None:
    assert judge(state, 1, 2, UDP, 53) == (True, 0, 0)
    assert not state.policy_hits["packets"].any()


def test_an_end_may_talk_to_itself(state: State) -> None:
    assert judge(state, 1, 1, UDP, 53) == (True, 0, 0)


def test_a_pod_may_talk_to_itself_by_another_address_of_its_own(state: State) -> None:
    writer, pod = make_writer(state), 77
    writer.set_ends([1, 2], [1, 2], 0, [1, 0], 0, pod)
    assert judge(state, 2, 1, UDP, 53) == (True, 0, 0)
    writer.set_end(2, labels=2, pod=78)
    assert judge(state, 2, 1, UDP, 53) == (False, 0, 5)


def test_two_that_nothing_is_known_of_are_not_one(state: State) -> None:
    writer = make_writer(state)
    writer.set_end(0, ingress=1)
    assert judge(state, 0, 0, UDP, 53) == (False, 0, 5)


def test_the_node_needs_leave_from_no_destination(state: State) -> None:
    assert judge(state, 2, 1, UDP, 53, from_node=True) == (True, 0, 0)


def test_a_source_without_leave_is_not_asked_about_further(state: State) -> None:
    assert judge(state, 4, 1, UDP, 53) == (False, 5, 0)
    assert judge(state, 4, 1, TCP, 80) == (True, ALLOW << 18 | 6, ALLOW << 18 | 6)
    assert state.policy_hits["packets"][0][:8].tolist() == [0, 0, 0, 0, 0, 1, 2, 0]


def test_what_is_audited_passes(state: State) -> None:
    writer = make_writer(state)
    writer.put_cells([1], BY_LABELS, [2], [writer.intern_list((step_word(0, 3, AUDIT, 8),))])
    assert judge(state, 2, 1, UDP, 53) == (True, 0, AUDIT << 18 | 8)


def test_where_a_row_passes_the_next_one_decides(state: State) -> None:
    """At the end of it nobody has decided, and it passes."""
    writer = make_writer(state)
    passing = writer.intern_list((step_word(0, 2, PASS, 8),))
    writer.set_otherwise([2, 3], [passing, passing])
    writer.set_after([3, 2], [2, 1])
    writer.set_ends([1], 1, 0, 3, 0, 0)
    assert judge(state, 2, 1, UDP, 53) == (False, 0, 5)
    assert judge(state, 2, 1, TCP, 80) == (True, 0, ALLOW << 18 | 6)
    writer.set_after(2, 0)
    assert judge(state, 2, 1, UDP, 53) == (True, 0, PASS << 18 | 8)


def test_of_labels_and_block_the_verdict_with_the_lower_order_counts(state: State) -> None:
    """Of one order, it is the one that denies."""
    writer = make_writer(state)
    writer.set_end(2, labels=2, block=6)
    for order, expected in ((3, (True, 0, ALLOW << 18 | 4)), (9, (False, 0, 5)), (12, (False, 0, 5))):
        writer.put_cells([1], BLOCK, [6], [writer.intern_list((step_word(0, order, ALLOW, 4),))])
        assert judge(state, 2, 1, UDP, 53) == expected


def test_a_block_is_nobodys_labels(state: State) -> None:
    writer = make_writer(state)
    writer.put_cells([1], BLOCK, [2], [writer.intern_list((step_word(0, 0, ALLOW, 4),))])
    assert judge(state, 2, 1, UDP, 53) == (False, 0, 5)


def test_a_row_that_has_no_list_lets_nothing_pass(state: State) -> None:
    make_writer(state).set_end(2, ingress=7)
    assert judge(state, 1, 2, TCP, 80) == (False, 0, DENY << 18)


def test_the_longest_list(state: State) -> None:
    """Every port of a protocol has another rule."""
    writer = make_writer(state)
    steps = tuple(step_word(n and TCP << 16 | n, 1, ALLOW, n + 1) for n in range(1 << 16))
    writer.set_otherwise(1, writer.intern_list(steps))
    for port in (0, 1, 2, 32767, 32768, 65534, 65535):
        assert judge(state, 2, 1, TCP, port)[2] & RULE == port + 1
    assert judge(state, 2, 1, UDP, 5)[2] & RULE == 65536


def test_prefixes_of_one_address_beside_a_block(state: State) -> None:
    writer = make_writer(state)
    block: dict[Subnet, int] = {ip_network("10.0.0.0/8"): 1}
    pods: dict[Subnet, int] = {ip_network((0x0A000000 + n, 32)): 2 + n for n in range(600)}
    writer.set_prefixes(block, [])
    writer.set_prefixes(pods, [])
    assert [end_of(state, text) for text in ("10.0.0.0", "10.0.1.1", "10.9.9.9")] == [2, 259, 1]
    writer.set_prefixes({ip_network("fd00::/64"): 3}, list(pods)[1:])
    assert [end_of(state, text) for text in ("10.0.0.0", "10.0.1.1", "10.9.9.9", "fd00::1")] == [2, 1, 1, 3]

"""The writer's numbers and its room: given out once, again only after grace; and what an agent finds after another."""

from ipaddress import ip_network

import numpy as np
import pytest

from dataplane.policy.build import BLOCK, BY_LABELS, Kind, PolicyWriter, TableFullError, step_word, write_policy
from dataplane.policy.tables import ALLOW, BLOCKS, DENY, ENDS, LABELS, POLICY_DTYPE, ROWS, RULES
from dataplane.route.build import NotLoadedError
from tests.policy.matching import TCP, UDP, end_of, judge, make_state, make_writer
from tests.routes.tables import Hand

pytestmark = pytest.mark.kernel

DENIED, ALLOWED = (step_word(0, 9, DENY, 3),), (step_word(0, 1, ALLOW, 4),)
each_kind = pytest.mark.parametrize("kind", ["ends", "labels", "blocks", "rows", "rules"])
LIMITS: dict[Kind, int] = {"ends": ENDS, "labels": LABELS, "blocks": BLOCKS, "rows": ROWS, "rules": RULES}


@each_kind
def test_numbers_are_given_out_once(kind: Kind) -> None:
    writer = make_writer()
    taken = [*writer.take(kind), *writer.take(kind, 5), *writer.take(kind, LIMITS[kind] - 7)]
    assert sorted(taken) == list(range(1, LIMITS[kind]))
    with pytest.raises(TableFullError, match=f"all {LIMITS[kind]:,} {kind} are in use"):
        writer.take(kind)
    with pytest.raises(TableFullError):
        writer.take(kind, 2)


@each_kind
def test_numbers_are_given_out_again_after_their_period_of_grace(kind: Kind) -> None:
    grace = Hand()
    writer = make_writer(grace=grace)
    writer.take(kind, LIMITS[kind] - 1)
    writer.retire(kind, [7, 9])
    with pytest.raises(TableFullError):
        writer.take(kind)
    grace.over = grace.begun
    with pytest.raises(TableFullError):
        writer.take(kind, 3)
    assert sorted(writer.take(kind, 2)) == [7, 9]


def test_cells_of_what_is_retired_are_there_until_nobody_reads_them() -> None:
    grace = Hand(over=99)
    writer = make_writer(grace=grace)
    denied, allowed = writer.intern_list(DENIED), writer.intern_list(ALLOWED)
    writer.set_otherwise([1, 2], [denied, allowed])
    writer.put_cells([1, 2, 2, 2], [BY_LABELS, BY_LABELS, BLOCK, BY_LABELS], [5, 5, 5, 6], [allowed] * 3 + [denied])
    grace.over = grace.begun
    for kind, number, left in (("blocks", 5, 3), ("labels", 6, 2), ("rows", 1, 1), ("labels", 5, 0)):
        before = writer.cells.count
        writer.retire(kind, [number])  # type: ignore[arg-type]
        writer.tidy()
        assert writer.cells.count == before
        grace.over = grace.begun
        writer.tidy()
        assert writer.cells.count == left
    writer.advance_stamp()
    assert set(writer.lists.number_of) == {ALLOWED}
    assert writer.rows[:3].tolist() == [0, 0, allowed]
    writer.retire("rows", [2])
    grace.over = grace.begun
    writer.tidy()
    writer.advance_stamp()
    assert not writer.state.policy_cells.any()
    assert not writer.rows.any()
    assert len(writer.lists) == 0


def test_hits_count_from_when_a_rules_number_was_taken() -> None:
    writer = make_writer()
    (rule,) = writer.take("rules")
    writer.set_otherwise(1, writer.intern_list((step_word(0, 1, ALLOW, rule),)))
    writer.set_end(1, ingress=1)
    for _ in range(3):
        judge(writer.state, 0, 1, TCP, 80)
    assert writer.hits()[rule] == 3
    writer.retire("rules", [rule])
    while rule not in (taken := writer.take("rules", 1000)):
        assert taken
    assert writer.hits()[rule] == 0
    judge(writer.state, 0, 1, TCP, 80)
    assert writer.hits()[rule] == 1


def test_the_stamp_grows_and_is_never_0() -> None:
    writer = make_writer()
    before = int(writer.head.stamp[0])
    assert writer.advance_stamp() == before + 1
    writer.head.stamp[0] = 0xFFFF_FFFF
    assert writer.advance_stamp() == 1
    assert writer.head.stamp[1:].tolist() == [0] * 7


def test_refused_cells_leave_the_lists_as_they_are() -> None:
    writer = make_writer()
    allowed, denied = writer.intern_list(ALLOWED), writer.intern_list(DENIED)
    writer.put_cells([1], BY_LABELS, [1], [allowed])
    writer.advance_stamp()
    writer.cells.cells = writer.cells.cells[:16]  # A table of two buckets.
    writer.cells.buckets = writer.cells.cells.reshape(-1, 8)
    writer.cells.shift = np.uint64(63)
    with pytest.raises(TableFullError):
        writer.put_cells(1, BY_LABELS, np.arange(1, 20), denied)
    writer.advance_stamp()
    assert set(writer.lists.number_of) == {ALLOWED}


def test_prefixes_without_room_leave_all_as_it_was() -> None:
    writer = make_writer()
    writer.set_prefixes({ip_network("10.0.0.0/8"): 1, ip_network("10.1.0.0/16"): 2}, [])
    writer.prefixes[4].route_limit = 3
    many = {ip_network((0x0B000000 + n, 32)): 2 for n in range(400)}
    for new in ({**many}, dict(list(many.items())[:3])):
        with pytest.raises(TableFullError):
            writer.set_prefixes({ip_network("10.1.0.0/16"): 5, **new}, [ip_network("10.0.0.0/8")])
        assert [end_of(writer.state, text) for text in ("10.0.0.1", "10.1.0.1", "11.0.0.0")] == [1, 2, 0]
        assert len(writer.prefixes[4]) == 2


def test_ports_and_their_ends_are_written_into_a_copy() -> None:
    table = np.zeros(2, POLICY_DTYPE).view(np.recarray)
    write_policy(table[1], True, {3: 70_000, 5: 2})
    write_policy(table[1], True, {3: 70_000})
    assert table.is_on.tolist() == [0, 1]
    assert np.flatnonzero(table[1].end_of_port).tolist() == [3]
    assert table[1].end_of_port[3] == 70_000
    write_policy(table[1], False, {})
    assert not table[1].end_of_port.any()
    assert not table[1].is_on


# After another agent.


def write_some(writer: PolicyWriter, address: str) -> tuple[int, int, int]:
    """Isolate a pod but for one kind of source and one block; return its end, row and label."""
    pod, source, blocked = writer.take("ends", 3)
    (row,), (label,), (block,) = writer.take("rows"), writer.take("labels"), writer.take("blocks")
    deny, allow = writer.take("rules", 2)
    denied, allowed = (step_word(0, 9, DENY, deny),), (step_word(0, 1, ALLOW, allow),)
    writer.set_otherwise(row, writer.intern_list(denied))
    writer.put_cells(row, [BY_LABELS, BLOCK], [label, block], writer.intern_list(allowed))
    writer.set_ends([pod, source, blocked], [0, label, 0], [0, 0, block], [row, 0, 0], 0, 0)
    pods = {ip_network(address): pod, ip_network("10.0.0.2/32"): source, ip_network("10.9.0.0/16"): blocked}
    writer.load_prefixes(pods)
    writer.advance_stamp()
    return pod, row, label


def expect_isolated(writer: PolicyWriter, pod: str) -> None:
    state = writer.state
    destination = end_of(state, pod)
    assert destination
    for text, allowed in (("10.0.0.2", True), ("10.9.0.1", True), ("10.0.0.3", False)):
        assert judge(state, end_of(state, text), destination, UDP, 9)[0] == allowed


def test_a_successor_changes_nothing_until_it_has_written_all_anew() -> None:
    state = make_state()
    first = make_writer(state)
    write_some(first, "10.0.0.1/32")
    second = make_writer(state)
    expect_isolated(second, "10.0.0.1")
    with pytest.raises(NotLoadedError):
        second.set_prefixes({ip_network("10.0.0.8/32"): 1}, [])
    assert second.lists.number_of == first.lists.number_of
    assert second.cells.count == first.cells.count
    (end,), rules = second.take("ends"), second.take("rules", 2)
    assert end not in range(1, 4)
    assert not {*rules} & {1, 2}


def test_a_successor_leaves_no_hole_and_keeps_nothing_of_the_former() -> None:
    grace = Hand(over=99)
    state = make_state()
    first = make_writer(state, grace)
    write_some(first, "10.0.0.1/32")
    stamp = int(first.head.stamp[0])
    words = set(first.cells.read().tolist())
    second = make_writer(state, grace)
    write_some(second, "10.0.0.1/32")
    expect_isolated(second, "10.0.0.1")
    grace.over = grace.begun
    second.retire_former()
    second.retire_former()
    second.tidy()
    expect_isolated(second, "10.0.0.1")
    assert words <= set(second.cells.read().tolist())
    grace.over = grace.begun
    second.tidy()
    second.advance_stamp()
    expect_isolated(second, "10.0.0.1")
    assert not words & set(second.cells.read().tolist())
    assert int(second.head.stamp[0]) > stamp
    grace.over = grace.begun
    fresh = make_writer(make_state())
    write_some(fresh, "10.0.0.1/32")
    assert second.cells.count == fresh.cells.count
    assert len(second.lists) == len(fresh.lists)
    assert second.lists.room.in_use() == fresh.lists.room.in_use()
    assert np.count_nonzero(second.rows) == 1


def test_ends_behind_ports_are_in_use_whichever_copy_names_them() -> None:
    state = make_state()
    write_policy(state.policy[0], True, {0: 8})
    write_policy(state.policy[1], True, {2: 5})
    make_writer(state).set_ends([5, 8], [6, 7], [1, 2], [3, 4], [4, 9], 0)
    assert make_writer(state).former == {
        "ends": {5, 8},
        "labels": {6, 7},
        "blocks": {1, 2},
        "rows": {3, 4, 9},
        "rules": set(),
    }

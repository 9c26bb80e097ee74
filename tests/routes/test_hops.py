"""Groups of next hops: flows are spread by weight, and stay where they are when others must move."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.jit import kernel
from dataplane.route.hops.build import InvalidGroupError, NextHop, NextHopWriter, TableFullError
from dataplane.route.hops.kernels import choose_hop
from dataplane.route.hops.spread import deal, shares
from dataplane.route.hops.tables import MEMBERS, PLACES, VIA, make_hops
from tests.routes.tables import Hand, Silence

pytestmark = pytest.mark.kernel

weights = st.dictionaries(st.integers(1, 200), st.integers(1, 50), min_size=1, max_size=MEMBERS)


def via(number: int) -> NextHop:
    return NextHop(VIA, interface=1, address=number, mtu=1500)


def make_writer(hops: int = 100, groups: int = 10, spreads: int = 4) -> NextHopWriter:
    return NextHopWriter(make_hops(hops, groups, spreads), Silence())


@kernel
def hop_of(groups: Any, places: Any, group: Any, flow_hash: Any) -> Any:
    return choose_hop(groups, places, group, flow_hash)


def chosen(writer: NextHopWriter, group: int, hashes: range = range(PLACES)) -> list[int]:
    """Return the address of the next hop for each flow hash."""
    places = writer.hops.spread.reshape(-1)
    found = [hop_of(writer.hops.group, places, np.uint32(group), np.uint32(each)) for each in hashes]
    return [int(writer.hops.hop[hop].address_low) for hop in found]


def test_a_single_next_hop_has_all_flows() -> None:
    writer = make_writer()
    group = writer.add_group({via(7): 3})
    assert set(chosen(writer, group)) == {7}
    assert set(chosen(writer, 0)) == {0}, "group 0 leads nowhere"


def test_flows_are_spread_by_weight() -> None:
    writer = make_writer()
    group = writer.add_group({via(1): 1, via(2): 2, via(3): 1})
    assert Counter(chosen(writer, group)) == {1: 64, 2: 128, 3: 64}
    assert chosen(writer, group) == chosen(writer, group, range(PLACES, 2 * PLACES))


def test_only_flows_of_a_member_that_goes_move() -> None:
    writer = make_writer()
    four = {via(n): 1 for n in range(1, 5)}
    group = writer.add_group(four)
    before = chosen(writer, group)
    writer.change_group(group, {hop: 1 for hop in four if hop != via(3)})
    after = chosen(writer, group)
    assert [b for b, a in zip(before, after, strict=True) if a != b] == [3] * 64
    assert sorted(Counter(after).values()) == [85, 85, 86]


def test_a_member_that_comes_takes_its_share_and_no_more_moves() -> None:
    writer = make_writer()
    group = writer.add_group({via(1): 1, via(2): 1})
    before = chosen(writer, group)
    writer.change_group(group, {via(1): 1, via(2): 1, via(3): 2})
    moved = [a for b, a in zip(before, chosen(writer, group), strict=True) if a != b]
    assert moved == [3] * 128


def test_from_one_to_two_and_back() -> None:
    writer = make_writer(spreads=1)
    group = writer.add_group({via(1): 1})
    for _ in range(3):
        writer.change_group(group, {via(1): 1, via(2): 1})
        assert Counter(chosen(writer, group)) == {1: 128, 2: 128}
        writer.change_group(group, {via(2): 1})
        assert set(chosen(writer, group)) == {2}
        assert writer.members_of(group) == {via(2): 1}


@given(weights)
def test_shares(wanted: dict[int, int]) -> None:
    found = shares(wanted)
    total = sum(wanted.values())
    assert sum(found.values()) == PLACES
    assert all(found[hop] >= 1 for hop in wanted)
    if all(PLACES * weight >= total for weight in wanted.values()):
        assert all(abs(found[hop] - PLACES * weight / total) < 1 for hop, weight in wanted.items())


@given(weights, weights)
def test_no_more_places_move_than_must(first: dict[int, int], second: dict[int, int]) -> None:
    before = deal([0] * PLACES, first)
    after = deal(before, second)
    assert Counter(before) == shares(first)
    assert Counter(after) == shares(second)
    kept = sum(min(n, shares(second).get(hop, 0)) for hop, n in shares(first).items())
    assert sum(a == b for a, b in zip(before, after, strict=True)) == kept


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({}, "1 to 64 next hops was expected, found 0"),
        ({via(n): 1 for n in range(1, 66)}, "found 65"),
        ({via(1): 0}, "a weight of 1 or more"),
    ],
)
def test_groups_that_cannot_be(members: dict[NextHop, int], complaint: str) -> None:
    writer = make_writer()
    group = writer.add_group({via(9): 1})
    with pytest.raises(InvalidGroupError, match=complaint):
        writer.change_group(group, members)
    with pytest.raises(InvalidGroupError, match=complaint):
        writer.add_group(members)
    assert writer.members_of(group) == {via(9): 1}


def test_what_does_not_fit_is_refused_and_all_stays() -> None:
    writer = make_writer(hops=4, groups=3, spreads=1)
    group = writer.add_group({via(1): 1, via(2): 1})
    with pytest.raises(TableFullError, match="all 1 groups of several next hops"):
        writer.add_group({via(1): 1, via(3): 1})
    with pytest.raises(TableFullError, match="all 4 next hops"):
        writer.change_group(group, {via(n): 1 for n in range(1, 6)})
    assert set(chosen(writer, group)) == {1, 2}
    other = writer.add_group({via(3): 1})
    with pytest.raises(TableFullError, match="all 3 groups"):
        writer.add_group({via(3): 1})
    writer.remove_group(other)
    assert writer.add_group({via(4): 1}) == other, "what went is given out again, next hop and group"


def test_next_hops_are_written_anew_only_after_their_period_of_grace() -> None:
    grace = Hand()
    writer = NextHopWriter(make_hops(3, 10, 1), grace)
    group = writer.add_group({via(1): 1})
    writer.change_group(group, {via(2): 1})
    with pytest.raises(TableFullError):
        writer.change_group(group, {via(3): 1})
    grace.over = grace.begun
    writer.change_group(group, {via(3): 1})
    assert set(chosen(writer, group)) == {3}


def test_another_writer_takes_over() -> None:
    """It finds groups and next hops where they were, and gives their numbers to nothing else."""
    hops = make_hops(10, 10, 2)
    first = NextHopWriter(hops, Silence())
    gone = first.add_group({via(8): 1, via(9): 1})
    spread = first.add_group({via(1): 1, via(1 << 100): 3})
    single = first.add_group({via(2): 1})
    first.remove_group(gone)
    grace = Hand()
    second = NextHopWriter(hops, grace)
    assert second.members_of(spread) == {via(1): 64, via(1 << 100): 192}
    assert second.members_of(single) == {via(2): 1}
    with pytest.raises(TableFullError):
        second.add_group({via(2): 1, via(3): 1})
    grace.over = grace.begun
    added = second.add_group({via(2): 1, via(3): 1})
    assert added not in (spread, single)
    assert Counter(chosen(second, added)) == {2: 128, 3: 128}
    second.remove_group(single)
    assert set(chosen(second, spread)) == {1, 0}, "1 << 100 is 0 in its low half"

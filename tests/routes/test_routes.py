"""A table of routes answers as a dictionary of prefixes does, whichever way the routes came into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.route.build import (
    InvalidRouteError,
    NoSuchRouteError,
    NotLoadedError,
    Route,
    RouteWriter,
    TableFullError,
)
from dataplane.route.rib import columns_of
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, Fib, make_fib
from tests.naive.routes import NaiveRoutes
from tests.routes.tables import WIDTHS, Hand, Silence, edges, look_up, make_writer, prefixes, routes, shapes

pytestmark = pytest.mark.kernel

each_width = pytest.mark.parametrize("width", WIDTHS)


def expect(fib: Fib, naive: NaiveRoutes, addresses: list[int]) -> None:
    assert look_up(fib, addresses, naive.width) == [naive.find(address) for address in addresses]


@each_width
def test_no_routes(width: int) -> None:
    assert look_up(make_writer(width).fib, [0, (1 << width) - 1], width) == [0, 0]


@each_width
def test_the_longest_prefix_wins(width: int) -> None:
    chain = [Route(0, length, length + 1) for length in range(width + 1)]
    fib = make_writer(width, chain).fib
    for length in range(1, width + 1):
        assert look_up(fib, [1 << width - length], width) == [length], (
            "the first bit that is not 0 ends all longer ones"
        )
    assert look_up(fib, [0], width) == [width + 1]


@each_width
@given(st.data())
def test_loaded_tables(width: int, data: st.DataObject) -> None:
    found = data.draw(st.lists(routes(width), max_size=25))
    naive = NaiveRoutes(width)
    for route in found:
        naive.add(route)
    writer = make_writer(width)
    writer.load(columns_of(found, width))
    expect(writer.fib, naive, edges(naive.groups, width))
    assert sorted(writer) == sorted(naive.routes())


@each_width
@given(st.data())
def test_changes_one_by_one(width: int, data: st.DataObject) -> None:
    """Each is a route that comes, changes its group or goes; afterwards the trie is the one that a load makes."""
    few = data.draw(st.lists(prefixes(width), min_size=1, max_size=12, unique=True))
    writer, naive = make_writer(width), NaiveRoutes(width)
    addresses = edges(few, width)
    for n, group in data.draw(st.lists(st.tuples(st.integers(0, len(few) - 1), st.integers(0, 3)), max_size=30)):
        address, length = few[n]
        if group:
            writer.add(Route(address, length, group))
            naive.add(Route(address, length, group))
        elif (address, length) in naive.groups:
            writer.remove(address, length)
            naive.remove(address, length)
    expect(writer.fib, naive, addresses)
    loaded = make_writer(width)
    loaded.load(columns_of(naive.routes(), width))
    assert shapes(writer.fib) == shapes(loaded.fib)
    assert writer.pool.in_use() == loaded.pool.in_use(), "and no more memory"


@each_width
@given(st.data())
def test_nothing_is_left_of_what_was_removed(width: int, data: st.DataObject) -> None:
    found = data.draw(st.lists(routes(width), max_size=20, unique_by=lambda route: route[:2]))
    writer = make_writer(width)
    writer.load(columns_of(found, width))
    for address, length, _ in data.draw(st.permutations(found)):
        writer.remove(address, length)
    assert len(writer) == 0
    assert not writer.fib.root.any()
    assert writer.pool.in_use() == 0


@each_width
def test_equal_neighbours_become_one_and_are_parted_again(width: int) -> None:
    length = 24
    neighbours = [Route(n << width - length, length, 1) for n in range(64)]
    writer = make_writer(width, neighbours)
    assert writer.pool.in_use() == 0, "one slot of the root answers for all"
    writer.remove(5 << width - length, length)
    assert look_up(writer.fib, [n << width - length for n in range(64)], width) == [int(n != 5) for n in range(64)]


@each_width
def test_a_load_replaces_what_was_there(width: int) -> None:
    writer = make_writer(width, [Route(0, 20, 1), Route(0, 30, 1)])
    writer.load(columns_of([Route(1 << width - 20, 20, 2)], width))
    assert look_up(writer.fib, [0, 1 << width - 20], width) == [0, 2]
    assert list(writer) == [Route(1 << width - 20, 20, 2)]


@each_width
def test_the_last_of_several_routes_for_one_prefix_counts(width: int) -> None:
    writer = make_writer(width)
    writer.load(columns_of([Route(0, 20, group) for group in (3, 1, 2)], width))
    assert list(writer) == [Route(0, 20, 2)]
    assert look_up(writer.fib, [0], width) == [2]


@each_width
def test_more_routes_than_the_limit_are_refused(width: int) -> None:
    writer = make_writer(width, [Route(n << width - 20, 20, 1) for n in range(3)], limit=3)
    before = shapes(writer.fib)
    with pytest.raises(TableFullError, match="3 routes fit"):
        writer.add(Route(7 << width - 20, 20, 1))
    with pytest.raises(TableFullError, match="at most 3 fit"):
        writer.load(columns_of([Route(n << width - 20, 20, 2) for n in range(4)], width))
    assert shapes(writer.fib) == before
    writer.add(Route(0, 20, 2))
    assert look_up(writer.fib, [0], width) == [2], "a prefix that is there may have another group"


@each_width
def test_without_room_a_change_is_refused_and_all_stays(width: int) -> None:
    large = make_fib(1, width)
    writer = RouteWriter(Fib(large.root, large.units[:20]), width, 1000, Hand(over=1))
    naive = NaiveRoutes(width)
    refused = 0
    for n in range(40):
        route = Route(n << width - 29, 29, 1 + n % 3)
        before = shapes(writer.fib)
        try:
            writer.add(route)
            naive.add(route)
        except TableFullError:
            refused += 1
            assert shapes(writer.fib) == before
    assert refused
    assert sorted(writer) == sorted(naive.routes())
    expect(writer.fib, naive, [n << width - 29 for n in range(41)])


@each_width
def test_blocks_are_filled_anew_only_after_their_period_of_grace(width: int) -> None:
    grace = Hand(over=1)
    writer = RouteWriter(make_fib(10, width), width, 10, grace)
    writer.add(Route(0, 24, 1))
    old = int(writer.fib.root[0]) & 0x7FFF_FFFF
    content = writer.fib.units[old : old + 2].copy()
    for n in range(1, 4):
        writer.add(Route(2 * n << width - 24, 24, 1))
    assert (writer.fib.units[old : old + 2] == content).all(), "a reader may still stand there"
    grace.over = grace.begun
    assert writer.pool.in_use() < 12


def test_pieces_that_adjoin_are_put_together_when_there_is_no_other_room() -> None:
    fib = make_fib(1, IPV4_BITS)
    writer = RouteWriter(Fib(fib.root, fib.units[:33]), IPV4_BITS, 1000, Silence())
    blocks = [writer.pool.allocate(3) for _ in range(11)]
    for at in blocks:
        writer.pool.release(at, 3)
    assert writer.pool.allocate(33) == 0


@each_width
def test_another_writer_takes_over(width: int) -> None:
    """The routes of one that is gone stay in force, untouched, until its successor loads its own."""
    grace = Hand()
    fib = make_fib(10, width)
    first = RouteWriter(fib, width, 10, Silence())
    for n in range(5):
        first.add(Route(n << width - 30, 30, n + 1))
    before = shapes(fib)
    second = RouteWriter(fib, width, 10, grace)
    with pytest.raises(NotLoadedError):
        second.add(Route(0, 1, 1))
    with pytest.raises(TableFullError):
        second.load(columns_of([Route(0, 30, 7)], width))
    assert shapes(fib) == before
    grace.over = grace.begun
    assert second.pool.in_use() == first.pool.in_use()
    second.load(columns_of([Route(0, 30, 7)], width))
    second.add(Route(1 << width - 30, 30, 8))
    assert look_up(fib, [0, 1 << width - 30, 2 << width - 30], width) == [7, 8, 0]


@pytest.mark.parametrize(
    ("route", "complaint"),
    [
        (Route(1, 24, 1), "bits set beyond its prefix length of 24"),
        (Route(0, 33, 1), "0 to 32 was expected, found 33"),
        (Route(0, -1, 1), "0 to 32 was expected, found -1"),
        (Route(1 << 32, 32, 1), "an address of 32 bits"),
        (Route(0, 24, 0), "a next-hop group of 1 to 8388607 was expected, found 0"),
        (Route(0, 24, 1 << 23), "found 8388608"),
    ],
)
def test_routes_that_cannot_be(route: Route, complaint: str) -> None:
    with pytest.raises(InvalidRouteError, match=complaint):
        make_writer(IPV4_BITS).add(route)


@pytest.mark.parametrize(
    ("route", "complaint"),
    [
        (Route(1, 64, 1), "row 1: no bits beyond the prefix length"),
        (Route(0, 129, 1), "row 1: a prefix length of 0 to 128"),
        (Route(0, 24, 0), "row 1: a next-hop group"),
    ],
)
def test_columns_that_cannot_be(route: Route, complaint: str) -> None:
    writer = make_writer(IPV6_BITS, [Route(0, 3, 1)])
    with pytest.raises(InvalidRouteError, match=complaint):
        writer.load(columns_of([Route(0, 20, 1), route], IPV6_BITS))
    assert list(writer) == [Route(0, 3, 1)]


def test_a_route_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(NoSuchRouteError):
        make_writer(IPV4_BITS, [Route(0, 24, 1)]).remove(0, 25)

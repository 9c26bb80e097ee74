"""Lists that are equal are one, last as long as something names them, and make room only when nobody reads them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.policy.lists import InvalidListError, ListWriter, Steps, require_list, step_word
from dataplane.policy.tables import ALLOW, DENY, LIST_DTYPE, STEPS_PER_LIST
from dataplane.route.blocks import Grace, TableFullError
from tests.routes.tables import Hand, Silence

WEB = 6 << 16 | 80


def make_lists(lists: int = 100, steps: int = 1000, grace: Grace | None = None) -> ListWriter:
    uses = np.zeros(lists, np.int64)
    return ListWriter(np.zeros(lists, LIST_DTYPE), np.zeros(steps, np.uint64), grace or Silence(), uses)


def some_steps(count: int, rule: int = 1) -> Steps:
    return tuple(step_word(n, 1, DENY, rule) for n in range(count))


def test_equal_lists_are_one() -> None:
    writer = make_lists()
    first = writer.intern((step_word(0, 9, DENY, 1), step_word(WEB, 1, ALLOW, 2)))
    assert writer.intern((step_word(0, 9, DENY, 1), step_word(WEB, 1, ALLOW, 2))) == first
    assert writer.intern((step_word(0, 9, DENY, 1), step_word(WEB, 2, ALLOW, 2))) != first
    assert writer.read(first) == (9 << 20 | 1, WEB << 40 | 1 << 20 | ALLOW << 18 | 2)


def test_a_list_lasts_while_something_names_it() -> None:
    writer = make_lists()
    kept, gone = writer.intern(some_steps(1)), writer.intern(some_steps(2))
    writer.hold(np.array([kept, kept, gone]))
    writer.collect()
    writer.let_go(np.array([kept, gone]))
    writer.collect()
    assert writer.number_of == {some_steps(1): kept}
    writer.let_go(np.array([kept]))
    writer.collect()
    assert len(writer) == 0
    assert writer.room.in_use() == 0


def test_a_list_that_is_named_again_before_it_is_forgotten_stays() -> None:
    writer = make_lists()
    number = writer.intern(some_steps(3))
    writer.hold(np.array([number]))
    writer.let_go(np.array([number]))
    assert writer.intern(some_steps(3)) == number
    writer.hold(np.array([number]))
    writer.collect()
    assert writer.number_of == {some_steps(3): number}


def test_what_was_a_list_is_written_anew_only_after_its_period_of_grace() -> None:
    grace = Hand(over=1)
    writer = make_lists(lists=3, steps=8, grace=grace)
    number = writer.intern(some_steps(4))
    writer.intern(some_steps(4, rule=2))
    writer.hold(np.array([number]))
    writer.collect()
    with pytest.raises(TableFullError, match="all 3 lists"):
        writer.intern(some_steps(1))
    assert writer.read(number) == some_steps(4)
    grace.over = grace.begun
    assert writer.intern(some_steps(4, rule=3)) in (1, 2)


def test_without_room_for_the_steps_a_list_is_refused_and_its_number_not_lost() -> None:
    writer = make_lists(lists=3, steps=10)
    number = writer.intern(some_steps(6))
    writer.hold(np.array([number]))
    for _ in range(3):
        with pytest.raises(TableFullError, match="no room"):
            writer.intern(some_steps(5))
    other = writer.intern(some_steps(4))
    assert (writer.read(number), writer.read(other)) == (some_steps(6), some_steps(4))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20)), max_size=60))
def test_lists_come_and_go_and_keep_their_steps(changes: list[tuple[int, int]]) -> None:
    """Each change puts a list of some length in one of ten places."""
    writer = make_lists(lists=30, steps=400)
    place: dict[int, tuple[int, Steps]] = {}
    for n, (which, length) in enumerate(changes):
        steps = some_steps(length, rule=n % 3)
        number = writer.intern(steps)
        writer.hold(np.array([number]))
        if which in place:
            writer.let_go(np.array([place[which][0]]))
        place[which] = number, steps
        writer.collect()
        assert all(writer.read(number) == steps for number, steps in place.values())
    lists = {steps for _, steps in place.values()}
    assert set(writer.number_of) == lists
    assert writer.room.in_use() == sum(map(len, lists))


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((), "expected steps from 0 on in ascending order, found \\[\\]"),
        ((step_word(1, 1, ALLOW, 1),), "found \\['0x1'\\]"),
        ((step_word(0, 1, ALLOW, 1), step_word(0, 2, DENY, 1)), "found \\['0x0', '0x0'\\]"),
        ((step_word(0, 1, ALLOW, 1), step_word(5, 1, ALLOW, 1), step_word(4, 2, DENY, 1)), "'0x5', '0x4'"),
        (tuple(n << 40 for n in range(STEPS_PER_LIST + 1)), "65,537 steps, at most 65,536 are a list"),
    ],
)
def test_steps_that_are_no_list(steps: Steps, complaint: str) -> None:
    with pytest.raises(InvalidListError, match=complaint):
        require_list(steps)
    with pytest.raises(InvalidListError, match=complaint):
        make_lists().intern(steps)


@pytest.mark.parametrize(
    "step", [(1 << 24, 0, 0, 0), (-1, 0, 0, 0), (0, 1 << 20, 0, 0), (0, 0, 4, 0), (0, 0, 0, 1 << 18)]
)
def test_steps_that_cannot_be(step: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidListError, match="no step begins at"):
        step_word(*step)

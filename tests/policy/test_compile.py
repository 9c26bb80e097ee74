"""The book of policies against their straight reading: whatever the cluster, and however it came to be as it is."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.errors import UserError
from control.policy.asking import decide
from control.policy.book import PolicyBook, Wanted
from control.policy.notables import NoTables
from dataplane.route.blocks import TableFullError
from tests.policy.agreement import asked_of, everything, require_agreement
from tests.policy.matching import make_state, make_writer


@given(everything)
@settings(max_examples=150, deadline=None)
def test_a_book_decides_as_its_policies_read(wanted: Wanted) -> None:
    book = PolicyBook(NoTables())
    book.settle(wanted)
    require_agreement(partial(decide, book), wanted)
    book.release()
    require_agreement(partial(decide, book), wanted)


@given(st.lists(everything, min_size=2, max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_book_that_has_changed_decides_as_a_new_one(steps: list[Wanted]) -> None:
    book = PolicyBook(NoTables())
    for wanted in steps:
        book.settle(wanted)
        require_agreement(partial(decide, book), wanted)
        book.release()
    require_agreement(partial(decide, book), steps[-1])
    book.settle(Wanted())
    book.release()
    assert_nothing_is_left(book)


def assert_nothing_is_left(book: PolicyBook) -> None:
    book.release()
    assert not book.judges.rows
    assert not book.judges.selections
    assert not book.judges.blocks
    assert not book.judges.subjects
    assert not book.writing.prefixes
    assert not book.names
    assert list(book.roster.identities.values()) == [book.roster.stranger]


@pytest.mark.kernel
@given(st.lists(everything, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_workers_find_in_the_tables_what_policies_say(steps: list[Wanted]) -> None:
    state = make_state()
    book = PolicyBook(make_writer(state))
    for wanted in steps:
        book.settle(wanted)
        require_agreement(asked_of(state, book), wanted)
        book.release()
        require_agreement(asked_of(state, book), wanted)


@pytest.mark.kernel
@given(everything, everything, st.sampled_from(["take", "put_cells", "set_prefixes"]), st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None)
def test_a_change_that_finds_no_room_leaves_what_was(before: Wanted, after: Wanted, full: str, times: int) -> None:
    state = make_state()
    writer = make_writer(state)
    book = PolicyBook(writer)
    book.settle(before)
    book.release()
    really, left = getattr(writer, full), times

    def refuse(*given: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise TableFullError("full")
        return really(*given)

    setattr(writer, full, refuse)
    try:
        book.settle(after)
    except UserError:
        after = before
    require_agreement(asked_of(state, book), after)
    left = 0
    book.release()
    require_agreement(asked_of(state, book), after)
    book.settle(before)
    book.release()
    require_agreement(asked_of(state, book), before)

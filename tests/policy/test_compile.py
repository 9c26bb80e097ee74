"""The book of policies against their straight reading: whatever the cluster, and however it came to be as it is."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.policy.asking import decide
from control.policy.book import PolicyBook, Wanted
from control.policy.notables import NoTables
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

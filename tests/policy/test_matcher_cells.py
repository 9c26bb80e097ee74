"""The table of cells holds what a dictionary would, however many are put in or removed at a time, and however they
crowd; and nothing is left of what was removed."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.policy.cells import CellIndex, cell_keys, last_of_each
from dataplane.policy.tables import CELLS_OF_BUCKET, EMPTY, PROBE_LIMIT, REMOVED, ROW_SHIFT
from dataplane.route.blocks import TableFullError
from tests.policy.matching import look_up_cells, small_head
from tests.scale import scaled

pytestmark = pytest.mark.kernel

BUCKETS = 32
ROW = 1 << int(ROW_SHIFT)

crowds = pytest.mark.parametrize("homes", [2, 8, BUCKETS])
keys = st.builds(
    lambda row, kind, number: int(cell_keys(row, kind, number)),
    st.integers(1, 4),
    st.integers(0, 1),
    st.integers(1, 12),
)
"""Cells as few rows have them: more than fit near two homes."""


def make_index(homes: int, multiplier: int = 0x1234_5678_9ABC_DEF1) -> CellIndex:
    cells = np.zeros(BUCKETS * CELLS_OF_BUCKET, np.uint64)
    return CellIndex(cells, small_head(BUCKETS, homes, multiplier))


def head_of(index: CellIndex) -> Any:
    head = small_head(BUCKETS, BUCKETS, int(index.multiplier))
    head.shift = index.shift
    return head


def words_of(cells: dict[int, int]) -> Any:
    return np.array([key | number for key, number in cells.items()], np.uint64)


def expect(index: CellIndex, cells: dict[int, int], others: list[int]) -> None:
    assert sorted(index.read().tolist()) == sorted(words_of(cells).tolist())
    assert index.count == len(cells)
    asked = [*cells, *(key for key in others if key not in cells)]
    assert look_up_cells(head_of(index), index.cells, asked) == [cells.get(key, 0) for key in asked]


def left_over(index: CellIndex) -> int:
    """Return how many removed cells stand where no look-up needs them."""
    found = 0
    for at, bucket in enumerate(index.buckets):
        going_past = [
            word
            for step in range(1, PROBE_LIMIT)
            for word in index.buckets[(at + step) % BUCKETS]
            if word >> ROW_SHIFT and (at - index._homes(np.array([word]))[0]) % BUCKETS < PROBE_LIMIT - step
        ]
        found += 0 if going_past else int((bucket == REMOVED).sum())
    return found


@crowds
@given(data=st.data())
def test_changes_of_many_cells_at_once(homes: int, data: st.DataObject) -> None:
    index = make_index(homes, data.draw(st.integers(0, 2**64 - 1)))
    cells: dict[int, int] = {}
    known = data.draw(st.lists(keys, min_size=1, max_size=60, unique=True))
    for _ in range(data.draw(st.integers(1, 6))):
        some = data.draw(st.lists(st.sampled_from(known), unique=True))
        if data.draw(st.booleans()):
            new = {key: data.draw(st.integers(1, 2**32 - 2)) for key in some}
            replaced = index.put(words_of(new))
            assert sorted(replaced.tolist()) == sorted(words_of({k: cells[k] for k in new if k in cells}).tolist())
            cells |= new
        else:
            removed = index.remove(np.array(some, np.uint64))
            gone = {key: cells.pop(key) for key in some if key in cells}
            assert sorted(removed.tolist()) == sorted(words_of(gone).tolist())
        expect(index, cells, known)
        assert left_over(index) == 0
    index.remove(np.array(list(cells), np.uint64))
    assert not index.cells.any()


def test_a_look_up_goes_on_behind_what_was_removed() -> None:
    index = make_index(homes=1 << 1)
    crowd = {ROW | n << 32: n for n in range(1, 60)}
    index.put(words_of(crowd))
    for key in list(crowd)[:30]:
        index.remove(np.array([key], np.uint64))
        del crowd[key]
        expect(index, crowd, [key])
    assert (index.cells == REMOVED).any()
    index.put(words_of({key | 99 << 32: 7 for key in crowd}))
    assert left_over(index) == 0


def test_the_table_goes_round_at_its_end() -> None:
    index = make_index(homes=BUCKETS)
    everything = {ROW | n << 32: n for n in range(1, BUCKETS * CELLS_OF_BUCKET + 1)}
    kept: dict[int, int] = {}
    for key, number in everything.items():
        try:
            index.put(words_of({key: number}))
        except TableFullError:
            continue
        kept[key] = number
    assert len(kept) > 0.9 * len(everything)
    homes = index._homes(words_of(kept))
    assert (homes > index.find(words_of(kept)) // CELLS_OF_BUCKET).any(), "some are before their home"
    expect(index, kept, list(everything))


@crowds
def test_a_full_table_refuses_and_is_as_it_was(homes: int) -> None:
    index = make_index(homes)
    index.put(words_of({ROW | n << 32: n for n in range(1, 80)}))
    before = index.cells.copy()
    changes = {ROW | n << 32: 5 for n in range(70, 70 + BUCKETS * CELLS_OF_BUCKET)}
    with pytest.raises(TableFullError, match="no room for 246 more cells beside 79"):
        index.put(words_of(changes))
    assert (index.cells == before).all()
    assert index.count == 79


def test_all_places_within_reach_are_used() -> None:
    index = make_index(homes=1 << 1)
    within = (PROBE_LIMIT + 1) * CELLS_OF_BUCKET
    with pytest.raises(TableFullError):
        index.put(words_of({ROW | n << 32: n for n in range(1, within + 2)}))
    placed = 0
    for n in range(1, within + 1):
        try:
            index.put(words_of({ROW | n << 32: n}))
        except TableFullError:
            continue
        placed += 1
    assert placed >= PROBE_LIMIT * CELLS_OF_BUCKET
    assert (index.cells[: PROBE_LIMIT * CELLS_OF_BUCKET] != EMPTY).all()


def test_the_last_of_several_words_for_one_key_counts() -> None:
    key, other = ROW | 5 << 32, ROW | 6 << 32
    words = np.array([key | 1, other | 2, key | 3], np.uint64)
    assert last_of_each(words).tolist() == [other | 2, key | 3]
    assert last_of_each(np.array([], np.uint64)).tolist() == []


def test_changes_of_nothing() -> None:
    index = make_index(homes=2)
    index.put(np.array([], np.uint64))
    index.remove(np.array([], np.uint64))
    assert not index.cells.any()


def test_numbers_that_count_up_are_spread_by_every_secret(seed: int) -> None:
    """A secret that is small, or near a simple fraction of all, must not gather a row's cells in few buckets."""
    chance = Random(seed)
    rows = np.repeat(np.arange(1, 41), 500)
    words = cell_keys(rows, 0, np.tile(np.arange(1, 501), 40)) | np.uint64(1)
    secrets = [1, 3, 0x5555_5555_5555_5555, 1 << 63, *(chance.getrandbits(64) for _ in range(scaled(20)))]
    for secret in secrets:
        cells = np.zeros(1 << 15, np.uint64)
        index = CellIndex(cells, small_head(1 << 12, 1 << 12, secret))
        index.put(words)
        assert index.count == len(words)

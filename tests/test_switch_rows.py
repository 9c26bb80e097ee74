"""Every row of tests/rows, against the naive twin and against the real pipeline."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.arrival_files import in_replay_order
from tests.drive import run_naive, run_switch
from tests.replayed import run_replayed
from tests.rows import ALL_ROWS
from tests.rows.row import Row, check_row
from tests.runs import CALM


def rows_of(choice: Callable[[Row], bool]) -> pytest.MarkDecorator:
    """Parametrize a test by the rows that ``choice`` takes."""
    chosen = [pytest.param(row, id=f"{subject}: {row}") for subject, row in ALL_ROWS if choice(row)]
    return pytest.mark.parametrize("row", chosen)


def is_replayable(row: Row) -> bool:
    """Return whether a replay can show it: its links are up, and frames of one moment come by their ports' names."""
    return row.conditions == CALM and row.arrivals() == in_replay_order(row.arrivals())


each_row = rows_of(lambda row: True)


@each_row
def test_naive_twin(row: Row) -> None:
    check_row(row, run_naive(row.configuration, row.arrivals(), row.conditions))


@pytest.mark.kernel
@each_row
def test_pipeline(row: Row) -> None:
    check_row(row, run_switch(row.configuration, row.arrivals(), row.conditions, is_followed=False))


@pytest.mark.kernel
@each_row
def test_pipeline_frame_by_frame(row: Row) -> None:
    check_row(row, run_switch(row.configuration, row.arrivals(), row.conditions, vector=1, is_followed=False))


@pytest.mark.kernel
@rows_of(is_replayable)
def test_replay(row: Row) -> None:
    run = run_replayed(row.configuration, row.arrivals(), 256, as_file=False)
    check_row(replace(row, counters=None), run)


def test_every_row_says_something_of_its_own() -> None:
    descriptions = [row.description for _, row in ALL_ROWS]
    assert len(set(descriptions)) == len(descriptions)

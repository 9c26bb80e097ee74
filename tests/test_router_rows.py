"""Every row of tests/rows/router, against the naive twin and against the real pipeline."""

import pytest

from tests.drive import run_naive, run_switch
from tests.rows import ROUTER_ROWS
from tests.rows.row import Row, check_row

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=f"{subject}: {row}") for subject, row in ROUTER_ROWS])


@each_row
def test_naive_twin(row: Row) -> None:
    check_row(row, run_naive(row.configuration, row.arrivals(), row.conditions))


def test_every_row_says_something_of_its_own() -> None:
    descriptions = [row.description for _, row in ROUTER_ROWS]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.kernel
@each_row
@pytest.mark.parametrize("vector", [1, 2, 256])
def test_pipeline(row: Row, vector: int) -> None:
    check_row(row, run_switch(row.configuration, row.arrivals(), row.conditions, vector, is_followed=False))

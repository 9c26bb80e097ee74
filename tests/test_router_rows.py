"""Every row of tests/rows/router, against the naive twin."""

import pytest

from tests.drive import run_naive
from tests.rows import ROUTER_ROWS
from tests.rows.row import Row, check_row

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=f"{subject}: {row}") for subject, row in ROUTER_ROWS])


@each_row
def test_naive_twin(row: Row) -> None:
    check_row(row, run_naive(row.configuration, row.arrivals(), row.conditions))


def test_every_row_says_something_of_its_own() -> None:
    descriptions = [row.description for _, row in ROUTER_ROWS]
    assert len(set(descriptions)) == len(descriptions)

"""Every row of tests/rows/overlay, over IPv4 and IPv6, against the naive twin."""

import pytest

from tests.drive import run_naive
from tests.rows import OVERLAY_ROWS
from tests.rows.row import Row, check_row

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=f"{subject}: {row}") for subject, row in OVERLAY_ROWS])


@each_row
def test_naive_twin(row: Row) -> None:
    check_row(row, run_naive(row.configuration, row.arrivals(), row.conditions))


def test_every_row_says_something_of_its_own() -> None:
    descriptions = [(subject, row.description) for subject, row in OVERLAY_ROWS]
    assert len(set(descriptions)) == len(descriptions)

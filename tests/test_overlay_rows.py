"""Every row of tests/rows/overlay, over IPv4 and IPv6, against the naive twin and against the real pipeline."""

from dataclasses import replace

import pytest

from tests.drive import run_naive, run_switch
from tests.fuzz.oracle import account_for_frames
from tests.replayed import run_replayed
from tests.rows import OVERLAY_ROWS
from tests.rows.row import Row, check_row
from tests.tunnels import with_first_ports

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=f"{subject}: {row}") for subject, row in OVERLAY_ROWS])


@each_row
def test_naive_twin(row: Row) -> None:
    check_row(row, run_naive(row.configuration, row.arrivals(), row.conditions))


def test_every_row_says_something_of_its_own() -> None:
    descriptions = [(subject, row.description) for subject, row in OVERLAY_ROWS]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.kernel
@pytest.mark.parametrize("vector", [1, 256])
@each_row
def test_pipeline(row: Row, vector: int) -> None:
    run = with_first_ports(
        row.configuration, run_switch(row.configuration, row.arrivals(), row.conditions, vector, is_followed=False)
    )
    check_row(row, run)
    account_for_frames(row.configuration, row.arrivals(), run)


@pytest.mark.kernel
@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{at}: {row}") for at, row in OVERLAY_ROWS if not row.dropped_late]
)
def test_replay(row: Row) -> None:
    """Frames of one moment come by their ports' names, so each gets a moment of its own."""
    arrivals = [arrival._replace(time_ns=arrival.time_ns + at) for at, arrival in enumerate(row.arrivals())]
    run = run_replayed(row.configuration, arrivals, 256, as_file=False)
    check_row(replace(row, counters=None), with_first_ports(row.configuration, run))

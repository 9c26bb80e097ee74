"""Every input that ever failed, again."""

import pytest

from tests.drive import run_switch
from tests.fuzz import regressions
from tests.fuzz.oracle import hold
from tests.replayed import run_replayed


@pytest.mark.kernel
@pytest.mark.parametrize("name", regressions.names())
def test_kept_input(name: str) -> None:
    configuration, arrivals = regressions.load(name)
    for vector in (1, 256):
        hold(configuration, arrivals, run_switch(configuration, arrivals, vector=vector))
        hold(configuration, arrivals, run_replayed(configuration, arrivals, vector=vector))

"""Every input that ever failed, again."""

import pytest

from tests.drive import run_switch
from tests.fuzz import regressions
from tests.fuzz.broken_files import complaint_about_file, kept_files
from tests.fuzz.oracle import hold
from tests.replayed import run_replayed


@pytest.mark.kernel
@pytest.mark.parametrize("name", regressions.names())
def test_kept_input(name: str) -> None:
    configuration, arrivals = regressions.load(name)
    for vector in (1, 256):
        hold(configuration, arrivals, run_switch(configuration, arrivals, vector=vector))
        hold(configuration, arrivals, run_replayed(configuration, arrivals, vector=vector))


@pytest.mark.kernel
def test_kept_files() -> None:
    for path in kept_files():
        for at_once in (1, 64):
            assert complaint_about_file(path.read_bytes(), at_once) is None, path.name

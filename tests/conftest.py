"""Settings for all tests: what skips and why, hypothesis without deadlines, one printed seed for whatever is random.

``TAPESTRY_TEST_SEED=N pytest …`` repeats a run's random choices, hypothesis's too. Continuous integration names one
(``.ci/run``), so that what fails there was broken by the change; everybody else draws new ones. Several processes may
share the work, a file at a time (``make suite``): the kernels' cache is the same for all, and so is the seed.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from tests import netns
from tests.scale import scaled

SEED = int(os.environ.get("TAPESTRY_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["TAPESTRY_TEST_SEED"] = str(SEED)
"""Processes that this one starts to share its work are to draw the same."""

COMPILES_ALL = "tests/agent/test_daemon.py"
"""The file whose daemon compiles a worker's kernels, if they are not in the cache."""

settings.register_profile(
    "tapestry",
    deadline=None,
    max_examples=scaled(100, jit_off=5),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tapestry")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis draw by the run's seed, unless it is given one of its own."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    return f"random seed: {SEED} (repeat with TAPESTRY_TEST_SEED={SEED})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what compiles most, and beside it run what needs no kernels: so that no two processes compile the same
    at a time."""
    items.sort(key=turn_of)


def turn_of(item: pytest.Item) -> int:
    """Return when a test's turn is; within a turn the order remains."""
    if item.nodeid.startswith(COMPILES_ALL):
        return 0
    return 2 if item.get_closest_marker("kernel") or item.get_closest_marker("netns") else 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("netns"):
        netns.require_root()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed for this test: the run's, with the test's name; shown when the test fails."""
    own = random.Random(f"{SEED} {request.node.nodeid}").randrange(2**32)
    print(f"seed of this test: {own} (the run's: TAPESTRY_TEST_SEED={SEED})")
    return own


@pytest.fixture
def make_namespace() -> Iterator[Callable[[str], netns.Namespace]]:
    """A function that makes a namespace, by a hint for its name; all are removed when the test ends."""
    with ExitStack() as stack:
        yield lambda hint="ns": stack.enter_context(netns.namespaces(hint))[0]

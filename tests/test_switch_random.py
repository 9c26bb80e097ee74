"""Random nodes and traffic: the real pipeline and the naive twin agree, however frames are grouped into vectors."""

from random import Random

import pytest

from control.model import Configuration
from tests.drive import run_switch
from tests.fuzz.oracle import hold
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_arrivals, random_conditions
from tests.runs import Arrival, Conditions
from tests.scale import scaled

pytestmark = pytest.mark.kernel

NODES = scaled(25, jit_off=3)
FRAMES = scaled(300, jit_off=60)
VECTORS = (1, 2, 3, 32, 255, 256, 1024)

Case = tuple[Configuration, list[Arrival], Conditions]


def draw(random: Random) -> Case:
    """Return a random node, what comes in, and what its ports suffer."""
    configuration = random_configuration(random)
    arrivals = list(random_arrivals(random, configuration, FRAMES))
    return configuration, arrivals, random_conditions(random, configuration)


@pytest.mark.parametrize("number", range(NODES))
def test_pipeline_agrees_with_the_twin(number: int, seed: int) -> None:
    configuration, arrivals, conditions = draw(Random(seed))
    hold(configuration, arrivals, run_switch(configuration, arrivals, conditions), conditions)


@pytest.mark.parametrize("number", range(scaled(6, jit_off=1)))
def test_the_size_of_vectors_changes_nothing(number: int, seed: int) -> None:
    configuration, arrivals, conditions = draw(Random(seed))
    runs = [run_switch(configuration, arrivals, conditions, vector=size) for size in VECTORS]
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("number", range(scaled(6, jit_off=1)))
def test_any_split_of_a_run_changes_nothing(number: int, seed: int) -> None:
    random = Random(seed)
    configuration, arrivals, conditions = draw(random)
    split = [random.choice((1, 2, 5, 50, 200)) for _ in range(20)]
    whole = run_switch(configuration, arrivals, conditions)
    assert run_switch(configuration, arrivals, conditions, vector=split) == whole


def test_a_run_repeats() -> None:
    case = draw(Random(11))
    assert run_switch(*case) == run_switch(*case)

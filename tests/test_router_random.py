"""Random nodes that route, and traffic: the real pipeline and the naive twin agree, whatever the vectors."""

from random import Random

import pytest

from tests.drive import run_switch
from tests.fuzz.oracle import hold
from tests.generate.routed import random_node, random_traffic
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAMES = scaled(250, jit_off=60)
VECTORS = (1, 2, 3, 7, 32)


@pytest.mark.parametrize("number", range(scaled(40, jit_off=4)))
def test_pipeline_agrees_with_the_twin(number: int, seed: int) -> None:
    random = Random(seed)
    node = random_node(random)
    arrivals = list(random_traffic(random, node, FRAMES))
    hold(node, arrivals, run_switch(node, arrivals, vector=32))


@pytest.mark.parametrize("number", range(scaled(6, jit_off=1)))
def test_the_size_of_vectors_changes_nothing(number: int, seed: int) -> None:
    random = Random(seed)
    node = random_node(random)
    arrivals = list(random_traffic(random, node, FRAMES))
    runs = [run_switch(node, arrivals, vector=size) for size in VECTORS]
    assert all(run == runs[0] for run in runs)

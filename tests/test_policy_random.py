"""Random nodes with policies, and traffic: the real pipeline and the naive twin agree, also when policies change."""

from itertools import pairwise
from random import Random

import pytest

from control.model import Configuration
from tests.drive import run_naive_phases, run_phases, run_switch
from tests.fuzz.oracle import are_alike, hold, told_apart
from tests.generate.judged import random_talk, with_other_policies, with_policies
from tests.generate.nodes import random_configuration
from tests.generate.routed import random_node
from tests.generate.traffic import random_arrivals
from tests.runs import Arrival, Phase
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAMES = scaled(250, jit_off=60)
VECTORS = (1, 2, 7, 32)
CHANGES = 4


def draw(random: Random) -> tuple[Configuration, list[Arrival]]:
    """Return a node that switches alone, or one that routes, and what comes in."""
    if random.random() < 0.3:
        node = with_policies(random, random_configuration(random))
        return node, list(random_arrivals(random, node, FRAMES))
    node = with_policies(random, random_node(random))
    return node, list(random_talk(random, node, FRAMES))


@pytest.mark.parametrize("number", range(scaled(40, jit_off=4)))
def test_pipeline_agrees_with_the_twin(number: int, seed: int) -> None:
    node, arrivals = draw(Random(seed))
    hold(node, arrivals, run_switch(node, arrivals, vector=32))


@pytest.mark.parametrize("number", range(scaled(10, jit_off=1)))
def test_the_size_of_vectors_changes_nothing(number: int, seed: int) -> None:
    node, arrivals = draw(Random(seed))
    runs = [run_switch(node, arrivals, vector=size) for size in VECTORS]
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("number", range(scaled(20, jit_off=2)))
def test_pipeline_agrees_with_the_twin_when_policies_change(number: int, seed: int) -> None:
    random = Random(seed)
    node, arrivals = draw(random)
    cuts = [0, *sorted(random.choices(range(len(arrivals) + 1), k=CHANGES)), len(arrivals)]
    phases = []
    for begin, end in pairwise(cuts):
        phases.append(Phase(node, arrivals[begin:end]))
        node = with_other_policies(random, node)
    real = run_phases(phases, 32)
    twin = run_naive_phases(phases, real)
    for at, (arrival, one, other) in enumerate(zip(arrivals, twin.outcomes, real.outcomes, strict=True)):
        assert are_alike(one, other), f"frame {at}: {arrival}: the twin says {one}, the pipeline {other}"
    assert +twin.drops == +real.drops
    assert told_apart(twin.conversations) == told_apart(real.conversations)

"""Random nodes of an overlay, and traffic in both directions: the real pipeline and the naive twin agree."""

from random import Random

import pytest

from control.model import Configuration
from tests.drive import run_switch
from tests.fuzz.mutate import MUTATIONS
from tests.fuzz.oracle import hold
from tests.generate.overlays import random_overlay, random_overlay_traffic
from tests.naive.wire import UDP
from tests.runs import Arrival
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAMES = scaled(250, jit_off=60)
VECTORS = (1, 7, 256)


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("number", range(scaled(8, jit_off=1)))
def test_pipeline_agrees_with_the_twin(number: int, vector: int, seed: int) -> None:
    random = Random(seed)
    node = random_overlay(random)
    arrivals = list(random_overlay_traffic(random, node, FRAMES))
    hold(node, arrivals, run_switch(node, arrivals, vector=vector))


@pytest.mark.parametrize("number", range(scaled(4, jit_off=1)))
def test_the_size_of_vectors_changes_nothing(number: int, seed: int) -> None:
    random = Random(seed)
    node = random_overlay(random)
    arrivals = list(random_overlay_traffic(random, node, FRAMES))
    runs = [run_switch(node, arrivals, vector=size) for size in VECTORS]
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("number", range(scaled(8, jit_off=1)))
def test_damaged_frames_of_other_nodes_harm_nobody(number: int, seed: int) -> None:
    """Wrapped frames with anything wrong, between frames with nothing wrong: the twin says what becomes of each."""
    random = Random(seed)
    node = random_overlay(random)
    arrivals = list(with_damage(random, node, list(random_overlay_traffic(random, node, FRAMES))))
    hold(node, arrivals, run_switch(node, arrivals, vector=random.choice(VECTORS)))


def with_damage(random: Random, node: Configuration, arrivals: list[Arrival]) -> list[Arrival]:
    """Return arrivals, behind each wrapped one up to three others made from it."""
    wrapped = [arrival.frame for arrival in arrivals if is_wrapped(node, arrival)]
    found = []
    for arrival in arrivals:
        found.append(arrival)
        for _ in range(random.randrange(4) if is_wrapped(node, arrival) else 0):
            frame = arrival.frame
            for _ in range(random.choice((1, 1, 2, 3))):
                frame = random.choice(MUTATIONS)(random, frame, wrapped)
            found.append(arrival._replace(frame=frame))
    return found


def is_wrapped(node: Configuration, arrival: Arrival) -> bool:
    """Whether a frame came in at the uplink as one of a tunnel's."""
    assert node.uplink
    protocol = {b"\x08\x00": 23, b"\x86\xdd": 20}.get(arrival.frame[12:14])
    return (
        arrival.port == node.uplink.port
        and protocol is not None
        and arrival.frame[protocol : protocol + 1] == bytes([UDP])
    )

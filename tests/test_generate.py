"""What the generators promise: valid configurations, traffic in time order, the same from the same seed."""

from random import Random

from control.config import parse_configuration
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_arrivals
from tests.generate.written import write_configuration


def test_random_configurations_are_valid_and_survive_being_written_down(seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        configuration = random_configuration(random)
        loaded = parse_configuration(write_configuration(configuration), "random.yaml")
        assert loaded.configuration == configuration
        assert not loaded.warnings


def test_traffic_is_in_time_order() -> None:
    random = Random(1)
    times = [arrival.time_ns for arrival in random_arrivals(random, random_configuration(random), 300)]
    assert times == sorted(times)
    assert len(times) == 300


def test_one_seed_gives_one_run() -> None:
    def draw() -> tuple[object, ...]:
        random = Random(7)
        configuration = random_configuration(random)
        return configuration, list(random_arrivals(random, configuration, 50))

    assert draw() == draw()

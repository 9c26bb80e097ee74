"""One question for whatever switches frames: the naive twin and the real pipeline answer it alike.

``run_naive`` and ``run_switch`` take a configuration and arrivals in time order and tell each frame's outcome and what
was counted. Nothing here needs root.
"""

from collections.abc import Sequence

from control.model import Configuration
from tests.naive.switch import Switch
from tests.runs import CALM, Arrival, Conditions, Run

DEFAULT_VECTOR = 256


def run_naive(configuration: Configuration, arrivals: Sequence[Arrival], conditions: Conditions = CALM) -> Run:
    """Switch ``arrivals`` in plain Python."""
    twin = Switch(configuration, conditions.down, conditions.refusing)
    outcomes = [twin.receive(*arrival) for arrival in arrivals]
    return Run(outcomes, twin.counters, twin.drops)


def run_switch(
    configuration: Configuration,
    arrivals: Sequence[Arrival],
    conditions: Conditions = CALM,
    vector: int | Sequence[int] = DEFAULT_VECTOR,
) -> Run:
    """Switch ``arrivals`` by the real pipeline, in vectors of up to ``vector`` frames, or of these sizes in turn."""
    from tests.engine import run_engine  # imports kernels, which tests of the twin alone do not need

    return run_engine(configuration, arrivals, conditions, [vector] if isinstance(vector, int) else vector)

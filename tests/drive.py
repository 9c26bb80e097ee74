"""One question for whatever switches frames: the naive twin and the real pipeline answer it alike.

``run_naive`` and ``run_switch`` take a configuration and arrivals in time order and tell each frame's outcome and what
was counted; the ``…_phases`` change the configuration under way. Nothing here needs root.
"""

from collections import Counter
from collections.abc import Sequence

from control.model import Configuration
from tests.naive.follower import Follower
from tests.naive.switch import Outcome, Switch
from tests.runs import CALM, Arrival, Conditions, Conversation, Phase, Run

DEFAULT_VECTOR = 256


def run_naive(
    configuration: Configuration,
    arrivals: Sequence[Arrival],
    conditions: Conditions = CALM,
    real: Run | None = None,
) -> Run:
    """Switch ``arrivals`` in plain Python; what is drawn at random is what the ``real`` pipeline has drawn."""
    return run_naive_phases([Phase(configuration, arrivals, conditions)], real)


def run_naive_phases(phases: Sequence[Phase], real: Run | None = None) -> Run:
    """Switch the arrivals of all ``phases`` in plain Python."""
    twin = Switch(phases[0].configuration)
    follower = Follower(twin.router, real) if real else None
    outcomes: list[Outcome] = []
    for number, phase in enumerate(phases):
        if number:
            twin.reconfigure(phase.configuration)
        twin.down, twin.refusing = phase.conditions.down, phase.conditions.refusing
        for arrival in phase.arrivals:
            if follower:
                follower.at = len(outcomes)
            outcomes.append(twin.receive(*arrival))
    flows = twin.router.flows.present(twin.router.tick)
    conversations = Counter(Conversation(flow.original, flow.reply, flow.packets, flow.octets) for flow in flows)
    return Run(outcomes, twin.counters, twin.drops, conversations=conversations)


def run_switch(
    configuration: Configuration,
    arrivals: Sequence[Arrival],
    conditions: Conditions = CALM,
    vector: int | Sequence[int] = DEFAULT_VECTOR,
    is_followed: bool = True,
) -> Run:
    """Switch ``arrivals`` by the real pipeline, in vectors of up to ``vector`` frames, or of these sizes in turn.

    ``is_followed``: whether a twin is to draw what is drawn here; else the run has no ``replies``: the more
    conversations there are, the longer it takes to read them after each vector.
    """
    return run_phases([Phase(configuration, arrivals, conditions)], vector, is_followed)


def run_phases(phases: Sequence[Phase], vector: int | Sequence[int] = DEFAULT_VECTOR, is_followed: bool = True) -> Run:
    """Switch the arrivals of all ``phases`` by the real pipeline."""
    from tests.engine import run_engine  # imports kernels, which tests of the twin alone do not need

    return run_engine(phases, [vector] if isinstance(vector, int) else vector, is_followed)

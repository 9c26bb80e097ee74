"""``python -m benchmarks.policy_packets [RULES…]``: what policies cost packets, in memory, on one core.

Each row compares what runs in turns, a fifth of a second each, so that what else the machine does concerns both alike:
first the medians of both in millions of frames a second, then the median of the ratios of neighbouring runs.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

from control.bench.policy import policy, policy_first, policy_none
from control.bench.runner import Runner, require_no_drops
from control.bench.translated import leaving, prepared, snat
from control.bench.workload import Parameters, Workload
from control.cli.output import format_table
from control.policy.model import Manifests

TURNS = 25
TURN_S = 0.2
RULES = (10, 1_000, 10_000)


def snat_under_policy(parameters: Parameters) -> Workload:
    """Return what is translated, and so tracked anyway, where policies are in force that select nobody."""
    return leaving("snat", prepared(parameters, manifests=Manifests()), parameters)


def compare(one: Callable[[Parameters], Workload], other: Callable[[Parameters], Workload], rules: int) -> list[str]:
    """Return both rates, the ratio of the second to the first, and the lowest and highest quarter of ratios."""
    workloads = [make(Parameters(rules=rules)) for make in (one, other)]
    runners = [Runner(workload, 0, Parameters().vector) for workload in workloads]
    rounds = [runner.rounds_for(TURN_S) for runner in runners]
    rates: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for runner, count, found in zip(runners, rounds, rates, strict=True):
            started = time.perf_counter()
            frames = runner.run(count)
            found.append(frames / (time.perf_counter() - started))
    for workload in workloads:
        require_no_drops(workload)
        workload.fabric.close()
    ratios = sorted(b / a for a, b in zip(*rates, strict=True))
    quarter = len(ratios) // 4
    return [
        *(f"{median(found) / 1e6:.1f}" for found in rates),
        f"{median(ratios):.3f}",
        f"{ratios[quarter]:.3f}-{ratios[-1 - quarter]:.3f}",
    ]


def main() -> None:
    """Print a row for each comparison and number of rules."""
    sizes = [int(size) for size in sys.argv[1:]] or list(RULES)
    rows = [["translated", "", *compare(snat, snat_under_policy, 2)]]
    for what, workload in (("known", policy), ("first", policy_first)):
        rows += [[what, f"{rules:,}", *compare(policy_none, workload, rules)] for rules in sizes]
    print(format_table(["conversations", "rules", "without M/s", "with M/s", "ratio", "quarters"], rows))


if __name__ == "__main__":
    main()

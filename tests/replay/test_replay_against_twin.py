"""A replay writes, byte for byte, what the naive switch says, however the vectors are cut and the files are ordered."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from control.model import Configuration
from control.replay.job import Job
from control.replay.run import open_captures, replay_captures
from control.replay.summary import Summary
from tests.drive import run_naive
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_arrivals
from tests.naive.switch import Outcome
from tests.replay.captures import Timed, read_folder, write_arrivals
from tests.runs import Arrival
from tests.scale import scaled

pytestmark = pytest.mark.kernel

LATEST_NS = 2**32 * 10**9
"""The seconds of a classic capture end in the year 2106."""


def replayed(folder: Path, configuration: Configuration, inputs: dict[str, str], **options: Any) -> Summary:
    """Replay ``inputs`` into ``folder``: captures, and verdicts.jsonl."""
    job = Job(folder, inputs=inputs, out_dir=folder, verdicts=folder / "verdicts.jsonl", **options)
    folder.mkdir(exist_ok=True)
    return replay_captures(job, configuration, (), open_captures(inputs, pytest.fail))


def in_merged_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return sorted(arrivals, key=lambda arrival: (arrival.time_ns, arrival.port))


def leaving(
    configuration: Configuration, arrivals: Sequence[Arrival], outcomes: Sequence[Outcome]
) -> dict[str, list[Timed]]:
    """Return what the outcomes make each port send, with the time of the frame that caused it."""
    sent: dict[str, list[Timed]] = {port.name: [] for port in configuration.ports}
    for arrival, outcome in zip(arrivals, outcomes, strict=True):
        for port, frame in outcome.out:
            sent[port].append((arrival.time_ns, frame))
    return sent


def verdict_line(index: int, arrival: Arrival, outcome: Outcome) -> dict[str, Any]:
    return {
        "index": index,
        "t": arrival.time_ns / 10**9,
        "in": arrival.port,
        "out": sorted(port for port, _ in outcome.out),
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "policy": None,
        "rule": None,
    }


@pytest.mark.parametrize("number", range(scaled(40, jit_off=2)))
def test_random_traffic(tmp_path: Path, seed: int, number: int) -> None:
    random = Random(seed)
    configuration = random_configuration(random)
    arrivals = list(random_arrivals(random, configuration, scaled(400, jit_off=30)))
    arrivals = in_merged_order([arrival for arrival in arrivals if arrival.time_ns < LATEST_NS])
    outcomes = run_naive(configuration, arrivals).outcomes
    inputs = write_arrivals(tmp_path, arrivals)
    for size in random.sample([1, 2, 3, 7, 256, 1024], scaled(2, jit_off=1)):
        out = tmp_path / f"vector-{size}"
        summary = replayed(out, configuration, inputs, vector=size)
        assert read_folder(out) == leaving(configuration, arrivals, outcomes)
        lines = [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
        assert lines == [verdict_line(n, *pair) for n, pair in enumerate(zip(arrivals, outcomes, strict=True))]
        assert summary.packets_in == len(arrivals)
        assert sum(summary.drops.values()) == sum(outcome.verdict == "drop" for outcome in outcomes)

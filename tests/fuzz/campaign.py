"""Rounds of fuzzing: each a random node, a batch of frames from three sources, one run, and the oracle's word on it.

A round is made from its own seed, the campaign's with the round's number, so that any round can be repeated alone.
"""

import random as global_random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from control.model import Configuration
from tests.arrival_files import in_replay_order
from tests.drive import run_switch
from tests.fuzz import regressions
from tests.fuzz.broken_files import complaint_about_file, damaged, keep_file
from tests.fuzz.minimise import minimise
from tests.fuzz.mutate import fuzzed, mutated
from tests.fuzz.oracle import hold
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_frame, random_occasions
from tests.replayed import run_replayed
from tests.runs import Arrival

BATCH = 2048
FILES_A_ROUND = 10
VECTORS = (1, 2, 7, 32, 256, 1024)
REPORT_EVERY_S = 10.0


@dataclass
class Budget:
    """When to stop: after so many frames, or so many seconds, or, with neither, never."""

    frames: int | None = None
    seconds: float | None = None

    def next_batch(self, frames: int) -> int:
        """Return how many frames to draw after ``frames``."""
        return BATCH if self.frames is None else min(BATCH, self.frames - frames)

    def is_spent(self, frames: int, seconds: float) -> bool:
        done = self.frames is not None and frames >= self.frames
        return done or (self.seconds is not None and seconds >= self.seconds)


class Way(NamedTuple):
    """How frames get into the pipeline and out: through files, as a replay, or by the tests' own ports, which see the
    FDB's counters as well; and in vectors of how many."""

    replayed: bool
    vector: int


@dataclass
class Tally:
    """What a campaign did. ``files`` are damaged captures that were read."""

    frames: int = 0
    files: int = 0
    rounds: int = 0
    seconds: float = 0.0
    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, name: str) -> None:
        self.verdicts[name] = self.verdicts.get(name, 0) + 1

    def progress(self) -> str:
        rate = self.frames / self.seconds if self.seconds else 0.0
        done = f"{self.frames} frames in {self.rounds} rounds, {self.files} damaged files"
        return f"{done}, {rate:,.0f} frames/s, {len(self.failures)} failures"


class Corpus(NamedTuple):
    """What inputs are made from: frames, and whole capture files."""

    frames: Sequence[bytes]
    files: Sequence[bytes]


def run_campaign(
    seed: int,
    budget: Budget,
    corpus: Corpus,
    say: Callable[[str], None],
    folder: Path = regressions.FOLDER,
    most_failures: int = 5,
) -> Tally:
    """Fuzz until the budget is spent or there are failures enough; each failing input is kept in ``folder``."""
    tally = Tally()
    began = reported = time.monotonic()
    for number in count():
        tally.seconds = time.monotonic() - began
        if budget.is_spent(tally.frames, tally.seconds) or len(tally.failures) >= most_failures:
            return tally
        if time.monotonic() - reported >= REPORT_EVERY_S:
            reported = time.monotonic()
            say(tally.progress())
        run_round(f"{seed}.{number}", budget.next_batch(tally.frames), corpus.frames, say, folder, tally)
        read_damaged_files(f"{seed}.{number}.files", corpus.files, say, folder, tally)
    return tally


def run_round(
    round_seed: str, frames: int, corpus: Sequence[bytes], say: Callable[[str], None], folder: Path, tally: Tally
) -> None:
    """Draw one input, run it, and keep it if it fails."""
    random = Random(round_seed)
    global_random.seed(round_seed)
    configuration = random_configuration(random)
    arrivals = draw_arrivals(random, configuration, frames, corpus)
    way = Way(random.random() < 0.7, random.choice(VECTORS))
    complaint = complaint_about(configuration, arrivals, way, tally)
    tally.rounds += 1
    tally.frames += len(arrivals)
    if complaint is None:
        return
    say(f"round {round_seed}, {way}: {complaint[:600]}")
    small = minimise(arrivals, lambda fewer: complaint_about(configuration, fewer, way) is not None)
    complaint = complaint_about(configuration, small, way) or complaint
    name = regressions.keep(configuration, small, complaint, folder)
    tally.failures.append(name)
    say(f"kept as {name}, {len(small)} frames of {len(arrivals)}: {complaint[:600]}")


def read_damaged_files(
    round_seed: str, files: Sequence[bytes], say: Callable[[str], None], folder: Path, tally: Tally
) -> None:
    """Read a few capture files with damage, and keep those that are read wrongly."""
    random = Random(round_seed)
    for _ in range(FILES_A_ROUND):
        data = damaged(random, random.choice(files))
        complaint = complaint_about_file(data, random.choice((1, 3, 64)))
        tally.files += 1
        if complaint:
            tally.failures.append(keep_file(data, folder))
            say(f"round {round_seed}, kept as {tally.failures[-1]}: {complaint[:600]}")


def draw_arrivals(random: Random, configuration: Configuration, frames: int, corpus: Sequence[bytes]) -> list[Arrival]:
    """Return a batch in the order of a replay: frames generated for the node, mutated ones, and some of scapy's."""
    occasions = random_occasions(random, configuration, frames)
    return in_replay_order([Arrival(port, draw_frame(random, corpus), time_ns) for port, time_ns in occasions])


def draw_frame(random: Random, corpus: Sequence[bytes]) -> bytes:
    """Return a frame from one of the three sources; scapy's are dear."""
    source = random.random()
    if source < 0.45:
        return random_frame(random)
    return mutated(random, corpus) if source < 0.95 else fuzzed(random)


def complaint_about(
    configuration: Configuration, arrivals: Sequence[Arrival], way: Way, tally: Tally | None = None
) -> str | None:
    """Return what is wrong with this input, or None. Whatever the pipeline raises is wrong."""
    try:
        run = (run_replayed if way.replayed else run_switch)(configuration, arrivals, vector=way.vector)
        hold(configuration, arrivals, run)
    except Exception as error:  # a crash is a finding like any other
        return f"{type(error).__name__}: {error}"
    if tally:
        for outcome in run.outcomes:
            tally.count(outcome.reason or outcome.verdict)
    return None

"""What a packet test is: a row that says what it shows, on which configuration, and frame by frame what must happen.

A row's steps share one switch, in order; its clock starts at ``epoch_ns``. ``counters`` are the FDB counters that the
row moves, every other one staying at zero. ``dropped_late`` frames had to wait, and were dropped after that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from control.model import Configuration
from tests.checkers import Check, Passage, check
from tests.runs import CALM, Arrival, Conditions, Run

TICK_NS = 1 << 27
LIFETIME_TICKS = 2236
"""300 seconds in ticks, rounded up."""
EPOCH_NS = 12_700_000_000 * TICK_NS
"""The first nanosecond of a tick, in 2024."""


class Step(NamedTuple):
    """One frame in at ``port``, ``after_ns`` the row's beginning, and what must become of it."""

    port: str
    frame: bytes
    checks: tuple[Check, ...]
    after_ns: int


@dataclass(frozen=True)
class Row:
    """One packet test."""

    description: str
    configuration: Configuration
    steps: tuple[Step, ...]
    counters: Mapping[str, int] | None = None
    conditions: Conditions = field(default=CALM)
    epoch_ns: int = EPOCH_NS
    dropped_late: int = 0

    def __str__(self) -> str:
        return self.description

    def arrivals(self) -> list[Arrival]:
        """Return the frames as the driver takes them."""
        return [Arrival(step.port, step.frame, self.epoch_ns + step.after_ns) for step in self.steps]


def step(port: str, frame: bytes, *checks: Check, after_ns: int = 0, after_ticks: int = 0, after_s: int = 0) -> Step:
    """Return one step; the ``after_…`` times add up."""
    return Step(port, frame, checks, after_ns + after_ticks * TICK_NS + after_s * 10**9)


def check_row(row: Row, run: Run) -> None:
    """Hold a run of ``row`` against it."""
    for number, (each, outcome) in enumerate(zip(row.steps, run.outcomes, strict=True)):
        try:
            check(Passage(each.port, each.frame, outcome), *each.checks)
        except AssertionError as error:
            error.add_note(f"in step {number} of “{row.description}”")
            raise
    dropped = sum(outcome.verdict == "drop" for outcome in run.outcomes)
    assert sum(run.drops.values()) == dropped + row.dropped_late, "every dropped frame is counted once"
    if row.counters is not None:
        assert {name: count for name, count in run.counters.items() if count} == dict(row.counters)

"""Many replays in one process, each from a clean state: one job a line, one JSON summary a line.

A job that cannot be done costs its own line, which then says why, and the exit status; the others are done.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from control.errors import ConfigurationError, UserError
from control.replay.job import DEFAULT_SEED, Job
from control.replay.lines import Field, Line, beside, is_count, is_text, read_lines
from control.replay.run import Tell, run_replay


def is_inputs(value: Any) -> bool:
    return isinstance(value, dict) and all(is_text(port) and is_text(path) for port, path in value.items())


def is_loops(value: Any) -> bool:
    return is_count(value) and value > 0


FIELDS: Final = {
    "config": Field("the path of a configuration file", is_text, required=True),
    "in": Field('ports and their captures, as {"p0": "a.pcap"}', is_inputs, required=True),
    "out_dir": Field("the path of a folder", lambda value: value is None or is_text(value)),
    "verdicts": Field("the path of a file", lambda value: value is None or is_text(value)),
    "events": Field("the path of a file of events", lambda value: value is None or is_text(value)),
    "seed": Field("a number from 0", lambda value: value is None or is_count(value)),
    "loop": Field("a number from 1", lambda value: value is None or is_loops(value)),
}


def run_batch(path: Path, tell: Tell) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each job's summary, or ``{"error": …}``, with its exit status, in the order of the lines of ``path``."""
    for line in read_lines(path, FIELDS):
        yield attempt(line, path, tell)


def attempt(line: Line | ConfigurationError, path: Path, tell: Tell) -> tuple[dict[str, Any], int]:
    """Do one job; return its document and its exit status."""
    try:
        if isinstance(line, ConfigurationError):
            raise line
        return run_replay(job_of(line, path), tell).as_document(), 0
    except UserError as error:
        return {"error": str(error)}, error.status


def job_of(line: Line, path: Path) -> Job:
    """Return the job that a line of ``path`` asks for; paths that are not absolute begin in the folder of ``path``."""
    values = line.values
    seed, loops = values.get("seed"), values.get("loop")
    return Job(
        config=path.parent / values["config"],
        inputs={port: str(path.parent / capture) for port, capture in values["in"].items()},
        out_dir=beside(path, values.get("out_dir")),
        verdicts=beside(path, values.get("verdicts")),
        events=beside(path, values.get("events")),
        seed=DEFAULT_SEED if seed is None else seed,
        loops=1 if loops is None else loops,
    )

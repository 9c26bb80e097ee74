"""One replay from a clean state, from what was asked for to what was counted."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from control.config import load_configuration
from control.errors import UserError
from control.model import Configuration
from control.replay.engine import Engine
from control.replay.events import Event, Timeline, read_events
from control.replay.feed import Feed
from control.replay.job import Job, name_inputs, pcap_ports
from control.replay.output import capture_path, keep_inputs
from control.replay.pace import AsFastAsPossible, Pace, RealTime
from control.replay.send import last_ns, send
from control.replay.summary import Summary
from dataplane.ports.pcap.errors import CaptureError
from dataplane.ports.pcap.files import STANDARD_INPUT, Capture, open_capture, prepare_kernels

LATEST_NS: Final = 2**63
LATEST_WRITTEN_NS: Final = 2**32 * 10**9
"""A capture's records have 32 bits for the seconds."""

Tell = Callable[[str], None]
"""Called with each warning, a line without a newline."""


def run_replay(job: Job, tell: Tell) -> Summary:
    """Do what ``job`` asks for and return what was counted. UserError for whatever the user can mend."""
    loaded = load_configuration(job.config)
    inputs = name_inputs(job, loaded.configuration)
    timeline = read_events(job.events, loaded.configuration, sorted(inputs)) if job.events else Timeline()
    for warning in (*loaded.warnings, *timeline.warnings):
        tell(warning)
    configurations = [loaded.configuration, *(event.configuration for event in timeline.events)]
    keep_inputs(outputs_of(job, configurations), inputs_of(job, inputs))
    prepare_kernels()
    begun = time.perf_counter()
    captures = open_captures(inputs, tell)
    load_seconds = time.perf_counter() - begun
    summary = replay_captures(job, loaded.configuration, timeline.events, captures)
    if job.out_dir and summary.last_ns >= LATEST_WRITTEN_NS:
        tell(f"{job.out_dir}: frames come after the year 2106: the captures there tell their times wrongly")
    summary.loaded_bytes = sum(len(capture.data) for capture in captures.values())
    summary.load_seconds = load_seconds
    return summary


def replay_captures(
    job: Job, configuration: Configuration, events: Sequence[Event], captures: Mapping[str, Capture]
) -> Summary:
    """Send the captures of ports, by name, through a fabric of its own; ``job`` says how, and where results go."""
    with Engine(job, configuration) as engine:
        named = sorted(captures.items())
        if named:
            feed = Feed({engine.fabric.index_of(port): capture for port, capture in named})
            engine.summary.packets_in = len(feed.index) * job.loops
            engine.summary.bytes_in = feed.captured_bytes * job.loops
            engine.summary.last_ns = last_ns(feed, job.loops)
            if job.loops > 1 and engine.summary.last_ns >= LATEST_NS:
                raise UserError(f"--loop {job.loops}: the captures' clock would run past the year 2262: use fewer")
            pace: Pace = RealTime() if job.real_time else AsFastAsPossible()
            send(feed, events, engine, pace, job.loops)
            engine.summary.seconds += feed.seconds
        return engine.finish()


def outputs_of(job: Job, configurations: list[Configuration]) -> list[Path]:
    """Return every file that the replay will write."""
    outputs = [job.verdicts] if job.verdicts else []
    if job.out_dir:
        names = {name for configuration in configurations for name in pcap_ports(configuration)}
        outputs += [capture_path(job.out_dir, name) for name in sorted(names)]
    return outputs


def inputs_of(job: Job, inputs: Mapping[str, str]) -> list[Path]:
    """Return every file that the replay reads, but for those that its events name."""
    captures = [Path(path) for path in inputs.values() if path != STANDARD_INPUT]
    return [job.config, *captures, *([job.events] if job.events else [])]


def open_captures(inputs: Mapping[str, str], tell: Tell) -> dict[str, Capture]:
    """Open the capture of every port."""
    captures = {}
    for port in inputs:
        try:
            captures[port] = open_capture(inputs[port])
        except CaptureError as error:
            raise UserError(str(error)) from None
        for warning in captures[port].warnings:
            tell(warning)
    return captures

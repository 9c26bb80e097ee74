"""The real pipeline by way of files, as `tapestry replay` goes: captures in, captures and verdicts out.

Frames come in by time, then by their port's name; all links are up and every port takes what it is given.
"""

import json
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from control.model import Configuration, Pcap
from control.replay.job import Job
from control.replay.run import open_captures, replay_captures, run_replay
from control.replay.summary import Summary
from tests.arrival_files import captures_of, frames_in
from tests.generate.written import write_configuration
from tests.naive.switch import Outcome
from tests.runs import Arrival, Run, Traffic


def run_replayed(configuration: Configuration, arrivals: Sequence[Arrival], vector: int, as_file: bool = True) -> Run:
    """Replay ``arrivals``, which are in a replay's order, through files of their own.

    With ``as_file`` the configuration is one of them, and must be what a file can say.
    """
    with TemporaryDirectory(prefix="tapestry-replayed-") as name:
        job = write_job(Path(name), configuration, arrivals, vector)
        if as_file:
            summary = run_replay(job, refuse_warning)
        else:
            summary = replay_captures(job, configuration, (), open_captures(job.inputs, refuse_warning))
        outcomes = read_outcomes(configuration, arrivals, job)
        return Run(outcomes, None, drops_of(arrivals, outcomes, summary), traffic_of(summary))


def refuse_warning(warning: str) -> None:
    """Fail: what these tests write has no flaws to warn of."""
    raise AssertionError(warning)


def write_job(folder: Path, configuration: Configuration, arrivals: Sequence[Arrival], vector: int) -> Job:
    """Write the files that a replay reads, and return what it is asked to do."""
    config = folder / "node.yaml"
    config.write_text(write_configuration(configuration))
    inputs = {}
    for port, capture in captures_of(arrivals).items():
        path = folder / f"{port}.in"
        path.write_bytes(capture)
        inputs[port] = str(path)
    return Job(config, inputs=inputs, out_dir=folder / "out", verdicts=folder / "verdicts", vector=vector)


def read_outcomes(configuration: Configuration, arrivals: Sequence[Arrival], job: Job) -> list[Outcome]:
    """Return what became of each frame, its copies taken from the ports' captures in turn: of each port one, and all
    others of the same time where every frame has a time of its own."""
    assert job.out_dir
    assert job.verdicts
    recorded = [port.name for port in configuration.ports if isinstance(port.attachment, Pcap)]
    sent = {port: deque(frames_in(job.out_dir / f"{port}.pcap")) for port in recorded}
    tells_apart = len({arrival.time_ns for arrival in arrivals}) == len(arrivals)
    order = {port.name: at for at, port in enumerate(configuration.ports)}
    outcomes = []
    for at, line in enumerate(job.verdicts.read_text().splitlines()):
        told = json.loads(line)
        assert (told["index"], told["in"]) == (at, arrivals[at].port)
        copies = []
        for port in sorted(told["out"], key=lambda name: order[name]):
            time_ns, frame = sent[port].popleft()
            assert time_ns == arrivals[at].time_ns, "a copy has the time of the frame that caused it"
            copies.append((port, frame))
            while tells_apart and sent[port] and sent[port][0][0] == time_ns:
                copies.append((port, sent[port].popleft()[1]))
        outcomes.append(Outcome(told["verdict"], told["reason"], tuple(copies)))
    left = {port: len(rest) for port, rest in sent.items()}
    assert not any(left.values()), f"captures hold what no verdict tells of: {left}"
    return outcomes


def drops_of(arrivals: Sequence[Arrival], outcomes: Sequence[Outcome], summary: Summary) -> Counter[tuple[str, str]]:
    """Return drops by port and reason, after making sure that the summary's sums are theirs."""
    pairs = zip(arrivals, outcomes, strict=True)
    drops = Counter((arrival.port, outcome.reason) for arrival, outcome in pairs if outcome.reason)
    reasons, ports = Counter[str](), Counter[str]()
    for (port, reason), count in drops.items():
        reasons[reason] += count
        ports[port] += count
    assert +summary.drops == reasons
    assert {name: counters.drops for name, counters in summary.ports.items() if counters.drops} == dict(ports)
    return drops


def traffic_of(summary: Summary) -> dict[str, Traffic]:
    """Return what the ports counted."""
    return {
        name: Traffic(port.rx_packets, port.rx_bytes, port.tx_packets, port.tx_bytes)
        for name, port in summary.ports.items()
    }

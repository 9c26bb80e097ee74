"""Real captures, many of them malformed on purpose, go through: refused by name or accounted for to the last frame."""

import json
from collections.abc import Iterator
from pathlib import Path

from control.replay.job import Job
from control.replay.run import LATEST_WRITTEN_NS, replay_captures
from dataplane.ports.pcap.files import Capture
from tests.capture_files.test_peers import needs_shared_captures, open_or_refuse, shared_captures
from tests.configurations import port, switch, trunk
from tests.naive.switch import Switch
from tests.replay.captures import Timed, read_folder

CONFIGURATION = switch([port("in", vlan=trunk(1, 2, 3, native=1)), "a", port("b", vlan=trunk(2, 3))])


def ethernet_captures(step: int) -> Iterator[tuple[str, Capture]]:
    """Yield the name of every ``step``-th shared capture that can be replayed, and the capture."""
    for path in shared_captures()[::step]:
        capture = open_or_refuse(path)
        if isinstance(capture, Capture):
            yield path.name, capture


def sent_by_twin(capture: Capture) -> dict[str, list[Timed]]:
    """Return what the naive switch makes each port send."""
    twin = Switch(CONFIGURATION)
    sent: dict[str, list[Timed]] = {port.name: [] for port in CONFIGURATION.ports}
    times_ns = [int(time_ns) for time_ns in capture.frames.timestamp_ns]
    for n in sorted(range(len(times_ns)), key=lambda n: times_ns[n]):
        for name, frame in twin.receive("in", capture.frame(n), times_ns[n]).out:
            sent[name].append((times_ns[n] % LATEST_WRITTEN_NS, frame))
    return sent


@needs_shared_captures
def test_every_frame_of_every_shared_capture_is_accounted_for(tmp_path: Path) -> None:
    for name, capture in ethernet_captures(step=1):
        job = Job(tmp_path, out_dir=tmp_path, verdicts=tmp_path / "verdicts")
        summary = replay_captures(job, CONFIGURATION, (), {"in": capture})
        verdicts = [json.loads(line)["verdict"] for line in (tmp_path / "verdicts").read_text().splitlines()]
        assert summary.packets_in == len(capture.frames) == len(verdicts), name
        assert sum(summary.drops.values()) == verdicts.count("drop"), name


@needs_shared_captures
def test_shared_captures_come_out_as_the_naive_switch_sends_them(tmp_path: Path) -> None:
    for name, capture in ethernet_captures(step=10):
        replay_captures(Job(tmp_path, out_dir=tmp_path), CONFIGURATION, (), {"in": capture})
        assert read_folder(tmp_path) == sent_by_twin(capture), name

"""Real time: each frame goes when its time has come, on a clock that the test moves."""

from pathlib import Path

import numpy as np
import pytest

from control.replay import run
from control.replay.job import Job
from control.replay.pace import RealTime
from control.replay.send import LOOP_GAP_NS
from dataplane.ports.pcap.files import open_capture
from tests.configurations import switch
from tests.packets import BROADCAST, mac, plain
from tests.replay.captures import read_frames, write_capture


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 9))
        self.now += seconds


def test_frames_are_as_far_apart_as_their_times() -> None:
    clock, idle = Clock(), []
    pace = RealTime(clock, clock.sleep)
    times_ns = np.array([50, 50.5, 50.5, 53], dtype=np.float64) * 1e9
    times_ns = times_ns.astype(np.uint64)
    due = [pace.frames_due(times_ns, first, lambda: idle.append(clock.now)) for first in (0, 1, 3)]
    assert due == [1, 3, 4]
    assert clock.slept == [0.5, 2.5]
    assert idle == [1000.0, 1000.5]


def test_frames_that_are_late_go_at_once_together() -> None:
    clock = Clock()
    pace = RealTime(clock, clock.sleep)
    times_ns = np.array([0, 1, 2, 3, 10], dtype=np.uint64) * np.uint64(10**9)
    assert pace.frames_due(times_ns, 0, lambda: None) == 1
    clock.now += 3.5
    assert pace.frames_due(times_ns, 1, lambda: None) == 4
    assert clock.slept == []


def test_what_is_written_does_not_depend_on_the_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(run, "RealTime", lambda: RealTime(clock, clock.sleep))
    frames = [(n * 10**8, plain(BROADCAST, mac(n + 1), 60 + n)) for n in range(20)]
    capture = open_capture(write_capture(tmp_path / "in", frames))
    job = Job(tmp_path, out_dir=tmp_path, real_time=True, loops=2)
    run.replay_captures(job, switch(["a", "b"]), (), {"a": capture})
    later = 19 * 10**8 + LOOP_GAP_NS
    expected = frames + [(time_ns + later, frame) for time_ns, frame in frames]
    assert read_frames(tmp_path / "b.pcap") == expected
    assert sum(clock.slept) == pytest.approx(expected[-1][0] / 10**9)

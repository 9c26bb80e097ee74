"""Frames of all inputs come in the order of time, then of the port's name, then of their place in the file."""

import json
from pathlib import Path
from random import Random

import pytest

from control.replay import feed
from control.replay.job import Job
from control.replay.run import replay_captures
from control.replay.send import LOOP_GAP_NS
from dataplane.ports.pcap.files import open_capture
from tests.configurations import switch
from tests.packets import BROADCAST, mac, plain
from tests.replay.captures import Timed, read_frames, write_capture

PORTS = ("p10", "p9", "pa")
"""In the order of their names, which is not that of their numbers."""


def numbered(number: int) -> bytes:
    return plain(BROADCAST, mac(1), 20)[:18] + number.to_bytes(2, "big")


def replayed_order(folder: Path, inputs: dict[str, list[Timed]], loops: int = 1) -> list[tuple[str, float, bytes]]:
    """Return port, time and last bytes of every frame in the order of the replay; one more port records them all."""
    configuration = switch(["recorder", *reversed(PORTS)])
    captures = {port: open_capture(write_capture(folder / port, frames)) for port, frames in inputs.items()}
    job = Job(folder, out_dir=folder, verdicts=folder / "verdicts", loops=loops)
    replay_captures(job, configuration, (), captures)
    lines = [json.loads(line) for line in (folder / "verdicts").read_text().splitlines()]
    recorded = [frame for _, frame in read_frames(folder / "recorder.pcap")]
    assert [line["index"] for line in lines] == list(range(len(lines)))
    return [(line["in"], line["t"], frame[18:]) for line, frame in zip(lines, recorded, strict=True)]


def test_equal_times_go_by_the_ports_names_and_then_by_place(tmp_path: Path) -> None:
    inputs = {port: [(10**9, numbered(n)) for n in range(3)] for port in PORTS}
    expected = [(port, 1.0, bytes([0, n])) for port in PORTS for n in range(3)]
    assert replayed_order(tmp_path, inputs) == expected


@pytest.mark.parametrize("ports", [PORTS[:1], PORTS])
@pytest.mark.parametrize("window", [1 << 16, 7])
def test_files_need_not_be_in_the_order_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, ports: tuple[str, ...], window: int
) -> None:
    monkeypatch.setattr(feed, "WINDOW_FRAMES", window)
    random = Random(seed)
    inputs = {port: [(random.randrange(20) * 10**9, numbered(n)) for n in range(50)] for port in ports}
    arriving = [(time_ns / 10**9, port, n, frame) for port in ports for n, (time_ns, frame) in enumerate(inputs[port])]
    expected = [(port, time_s, frame[18:]) for time_s, port, _, frame in sorted(arriving)]
    assert replayed_order(tmp_path, inputs) == expected


def test_several_files_larger_than_what_is_copied_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "STAGING_BYTES", 3 * 20)
    inputs = {port: [(n * 10**9, numbered(n)) for n in range(10)] for port in PORTS}
    expected = [(port, float(n), bytes([0, n])) for n in range(10) for port in PORTS]
    assert replayed_order(tmp_path, inputs) == expected


def test_each_round_of_a_loop_is_later_by_the_captures_span_and_a_gap(tmp_path: Path) -> None:
    inputs = {"p9": [(5 * 10**9, numbered(0))], "pa": [(7 * 10**9, numbered(1))]}
    period_s = 2 + LOOP_GAP_NS / 10**9
    expected = [
        (port, pytest.approx(time_s + number * period_s), bytes([0, n]))
        for number in range(3)
        for n, (port, time_s) in enumerate([("p9", 5), ("pa", 7)])
    ]
    assert replayed_order(tmp_path, inputs, loops=3) == expected

"""Events change the configuration on the captures' clock; mistakes in them are told before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from control.errors import ConfigurationError
from control.replay.job import Job
from control.replay.run import run_replay
from control.replay.summary import Summary
from tests.packets import BROADCAST, mac, plain
from tests.replay.captures import read_folder, write_capture

FRAME = plain(BROADCAST, mac(1))


def configuration(*ports: str, fields: str = "") -> str:
    lines = [f"  - {{name: {port}, network: blue, pcap: {{}}}}" for port in ports]
    return "\n".join(["networks: [{name: blue}]", fields, "ports:", *lines, ""])


def replay_with_events(folder: Path, events: list[Any], files: dict[str, str], times_s: list[float]) -> Summary:
    """Replay broadcasts that enter at port a, `first.yaml` in force at first."""
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "events").write_text("".join(json.dumps(event) + "\n" for event in events))
    capture = write_capture(folder / "in", [(round(time_s * 10**9), FRAME) for time_s in times_s])
    job = Job(
        config=folder / "first.yaml",
        inputs={"a": str(capture)},
        out_dir=folder / "out",
        verdicts=folder / "verdicts",
        events=folder / "events",
    )
    return run_replay(job, pytest.fail)


def mistakes(folder: Path, events: str, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "events").write_text(events)
    capture = write_capture(folder / "in", [])
    job = Job(config=folder / "first.yaml", inputs={"a": str(capture)}, events=folder / "events")
    with pytest.raises(ConfigurationError) as error:
        run_replay(job, pytest.fail)
    assert error.value.status == 2
    return [mistake.replace(str(folder), "DIR") for mistake in error.value.mistakes]


def test_an_event_comes_before_the_first_frame_at_or_after_its_time(tmp_path: Path) -> None:
    files = {"first.yaml": configuration("a", "b"), "second.yaml": configuration("a", "c")}
    summary = replay_with_events(tmp_path, [{"t": 2, "config": "second.yaml"}], files, [1, 1.999999999, 2, 2.5])
    frames = read_folder(tmp_path / "out")
    assert [time_ns / 10**9 for time_ns, _ in frames["b"]] == [1, 1.999999999]
    assert [time_ns / 10**9 for time_ns, _ in frames["c"]] == [2, 2.5]
    assert frames["a"] == []
    assert {name: counters.tx_packets for name, counters in summary.ports.items()} == {"a": 0, "b": 2, "c": 2}
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts").read_text().splitlines()]
    assert [(line["index"], line["out"]) for line in verdicts] == [(0, ["b"]), (1, ["b"]), (2, ["c"]), (3, ["c"])]


def test_events_are_taken_in_the_order_of_their_time(tmp_path: Path) -> None:
    files = {f"{name}.yaml": configuration("a", name) for name in ("first", "b", "c", "d")}
    events = [{"t": 3.0, "config": "d.yaml"}, {"t": 1.5, "config": "b.yaml"}, {"t": 1.6, "config": "c.yaml"}]
    replay_with_events(tmp_path, events, files, [1, 2, 3])
    sent = {port: len(frames) for port, frames in read_folder(tmp_path / "out").items()}
    assert sent == {"a": 0, "first": 1, "b": 0, "c": 1, "d": 1}


def test_an_event_after_the_last_frame_changes_nothing(tmp_path: Path) -> None:
    files = {"first.yaml": configuration("a", "b"), "second.yaml": configuration("a", "c")}
    summary = replay_with_events(tmp_path, [{"t": 9, "config": "second.yaml"}], files, [1, 2])
    assert summary.ports["b"].tx_packets == 2


def test_a_port_that_leaves_and_comes_back_keeps_counting(tmp_path: Path) -> None:
    files = {"first.yaml": configuration("a", "b"), "without.yaml": configuration("a")}
    events = [{"t": 2, "config": "without.yaml"}, {"t": 3, "config": "first.yaml"}]
    summary = replay_with_events(tmp_path, events, files, [1, 2, 3, 4])
    assert [time_ns // 10**9 for time_ns, _ in read_folder(tmp_path / "out")["b"]] == [1, 3, 4]
    assert summary.ports["b"].tx_packets == 3
    assert dict(summary.drops) == {"no_receiver": 1}


def test_the_fraction_of_a_time_is_exact(tmp_path: Path) -> None:
    files = {"first.yaml": configuration("a", "b"), "second.yaml": configuration("a", "c")}
    (tmp_path / "events").write_text("")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "events").write_text('{"t": 1700000000.000000001, "config": "second.yaml"}\n')
    start = 1_700_000_000 * 10**9
    capture = write_capture(tmp_path / "in", [(start, FRAME), (start + 1, FRAME)])
    inputs = {"a": str(capture)}
    run_replay(Job(tmp_path / "first.yaml", inputs, out_dir=tmp_path / "out", events=tmp_path / "events"), pytest.fail)
    assert {port: len(frames) for port, frames in read_folder(tmp_path / "out").items()} == {"a": 0, "b": 1, "c": 1}


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    lines = [
        "nonsense",
        "[]",
        '{"t": -1, "config": "second.yaml"}',
        '{"t": "soon"}',
        '{"t": 1, "config": "missing.yaml"}',
        '{"t": 1, "manifests": ["policies/"], "config": "second.yaml"}',
        '{"t": 1, "config": "second.yaml"}',
    ]
    files = {"first.yaml": configuration("a", "b"), "second.yaml": configuration("c", "d")}
    time = "t: expected a number of seconds since 1970, as captures count them"
    assert mistakes(tmp_path, "\n".join(lines), files) == [
        "DIR/events:1: line: expected a JSON object, found Expecting value: line 1 column 1 (char 0)",
        "DIR/events:2: line: expected a JSON object, found []",
        f"DIR/events:3: {time}, found -1",
        f'DIR/events:4: {time}, found "soon"',
        "DIR/missing.yaml: expected a configuration file to read, found no such file or directory",
        "DIR/events:6: line: expected either config or manifests, found both",
        "DIR/events:7: config: DIR/second.yaml: there is no port a; its pcap ports are c, d",
    ]


def test_limits_that_differ_are_warned_about(tmp_path: Path) -> None:
    files = {
        "first.yaml": configuration("a", "b"),
        "second.yaml": configuration("a", "b", fields="limits: {fdb: 1000}"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "events").write_text('{"t": 1, "config": "second.yaml"}\n')
    capture = write_capture(tmp_path / "in", [(2 * 10**9, FRAME)])
    warnings: list[str] = []
    job = Job(tmp_path / "first.yaml", {"a": str(capture)}, events=tmp_path / "events")
    run_replay(job, warnings.append)
    assert warnings == [f"{tmp_path}/events:1: config: the limits stay those that the replay began with"]

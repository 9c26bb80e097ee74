"""The loop's own kernels: numbers as text, buffers that fill up, frames of several files brought together."""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.fabric import Fabric
from control.replay.feed import Window
from dataplane.ports.pcap.files import read_only
from dataplane.ports.pcap.replay.build import empty_recording, make_recording
from dataplane.ports.pcap.replay.kernels import replay_frames, stage_frames
from dataplane.ports.pcap.replay.tables import ReplayLane
from dataplane.ports.pcap.report.build import make_report
from dataplane.ports.pcap.report.kernels import append_number, append_seconds
from dataplane.ports.pcap.tables import make_frames
from dataplane.vector import make_arena, make_egress, make_vector
from tests.configurations import switch
from tests.packets import BROADCAST, mac, plain
from tests.scale import scaled

pytestmark = pytest.mark.kernel

U64 = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 10**10), st.sampled_from([0, 9, 10, 10**9, 2**64 - 1]))


@given(U64)
def test_numbers(number: int) -> None:
    text = np.zeros(40, np.uint8)
    end = append_number(text, 2, np.uint64(number))
    assert text[2:end].tobytes().decode() == str(number)


@given(U64)
def test_seconds_are_exact_and_as_short_as_can_be(time_ns: int) -> None:
    text = np.zeros(40, np.uint8)
    written = text[: append_seconds(text, 0, np.uint64(time_ns))].tobytes().decode()
    assert Decimal(written) * 10**9 == time_ns
    assert json.loads(written, parse_float=str) == written
    assert written.endswith(".0") or not written.endswith("0")


def windows_of(frames: list[bytes], port: int) -> Window:
    index = make_frames(len(frames))
    offset = 0
    for entry, frame in zip(index, frames, strict=True):
        entry.timestamp_ns, entry.offset, entry.input = 7, offset, port
        entry.captured_bytes = entry.original_bytes = len(frame)
        offset += len(frame)
    return Window(index, read_only(b"".join(frames)))


def run(window: Window, first: int, fabric: Fabric, recording: Any, report: Any, size: int) -> int:
    lane = ReplayLane(make_vector(), make_arena(size), make_egress(), fabric.state, recording, report)
    return replay_frames(lane, window.frames, window.data, first, len(window.frames), size, np.uint64(0))


def test_the_loop_returns_when_a_buffer_is_full_and_goes_on_once_it_is_empty() -> None:
    fabric = Fabric(switch(["a", "b"]).limits, seed=1)
    fabric.apply(switch(["a", "b"], fdb=256))
    fabric.set_link("b", True)
    a, b = fabric.index_of("a"), fabric.index_of("b")
    count = scaled(200, jit_off=20)
    window = windows_of([plain(BROADCAST, mac(1), 9000 + n) for n in range(count)], a)
    recording, report = make_recording([a, b]), make_report({a: "a", b: "b"}, 4)
    recording.state.part_bytes = 65536
    recorded, lines, stops, done = b"", b"", 0, 0
    while done < count:
        done = run(window, done, fabric, recording, report, size=4)
        recorded += b"".join(records.tobytes() for _, records in empty_recording(recording, [a, b]))
        lines += report.text[: report.state.used].tobytes()
        report.state.used = 0
        stops += 1
    assert stops >= count // 8
    assert len(recorded) == sum(16 + 9000 + n for n in range(count))
    assert [json.loads(line)["index"] for line in lines.splitlines()] == list(range(count))
    fabric.close()


def test_a_report_has_room_for_frames_that_leave_by_every_port() -> None:
    names = {index: f"port-{index:04}-with-a-long-name" for index in range(300)}
    configuration = switch(list(names.values()))
    fabric = Fabric(configuration.limits, seed=1)
    fabric.apply(configuration)
    for name in names.values():
        fabric.set_link(name, True)
    by_index = {fabric.index_of(name): name for name in names.values()}
    window = windows_of([plain(BROADCAST, mac(1))] * 3, fabric.index_of(names[0]))
    report = make_report(by_index, 2)
    assert run(window, 0, fabric, make_recording([]), report, size=2) == 3
    lines = [json.loads(line) for line in report.text[: report.state.used].tobytes().splitlines()]
    assert [line["out"] for line in lines] == [sorted(names.values())[1:]] * 3
    assert max(map(len, report.text[: report.state.used].tobytes().splitlines(True))) <= report.state.longest_line
    fabric.close()


def test_frames_of_several_files_are_copied_to_their_places() -> None:
    contents = {5: [b"five", b"FIVE!"], 9: [b"nine9"]}
    frames = make_frames(3)
    frames.input[:] = [5, 9, 5]
    frames.offset[:] = [0, 0, 4]
    frames.captured_bytes[:] = [4, 5, 5]
    staging = np.zeros(14, np.uint8)
    for port, pieces in contents.items():
        stage_frames(frames, port, read_only(b"".join(pieces)), staging)
    assert staging.tobytes() == b"fivenine9FIVE!"
    assert frames.offset.tolist() == [0, 4, 9]

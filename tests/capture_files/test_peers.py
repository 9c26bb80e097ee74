"""Other tools and this package agree on what is in a capture, whoever wrote it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter, RawPcapReader, wrpcap

from dataplane.ports.pcap.errors import CaptureError
from dataplane.ports.pcap.files import Capture, open_capture
from dataplane.ports.pcap.kernels import append_record
from dataplane.ports.pcap.linktypes import ETHERNET
from dataplane.ports.pcap.writing import FILE_HEADER
from tests.capture_files import naive
from tests.packets import BROADCAST, mac, plain

FRAMES = [bytes(plain(BROADCAST, mac(1), length)) for length in (14, 60, 1514, 9216)]


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


def shared_captures() -> list[Path]:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("TAPESTRY_SHARED") or root.parent / "shared") / "captures"
    return sorted(folder.glob("*.pcap*"))


needs_shared_captures = pytest.mark.skipif(
    not shared_captures(), reason="no folder shared/captures beside the project (or $TAPESTRY_SHARED)"
)


def content(capture: Capture) -> list[bytes]:
    return [capture.frame(i) for i in range(len(capture.frames))]


def record(path: Path) -> None:
    """Write FRAMES to ``path`` as replay does, one a second and a nanosecond."""
    buffer = np.zeros(1 << 16, np.uint8)
    at = 0
    for number, frame in enumerate(FRAMES):
        whole = np.frombuffer(frame, np.uint8)
        head = min(len(frame), 320)
        at = append_record(
            buffer, at, np.uint64(number * 1_000_000_001), whole, 0, head, whole, head, len(frame) - head
        )
    path.write_bytes(FILE_HEADER + buffer[:at].tobytes())


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_what_scapy_writes(tmp_path: Path, endianness: str, nano: bool, packed: bool) -> None:
    packets = [Ether(frame) for frame in FRAMES]
    for number, packet in enumerate(packets):
        packet.time = number + 0.5
    wrpcap(str(tmp_path / "x"), packets, endianness=endianness, nano=nano, gz=packed)
    capture = open_capture(tmp_path / "x")
    assert content(capture) == FRAMES
    assert capture.frames.timestamp_ns.tolist() == [n * 10**9 + 500_000_000 for n in range(len(FRAMES))]


def test_what_scapy_writes_as_pcapng(tmp_path: Path) -> None:
    with PcapNgWriter(str(tmp_path / "x")) as writer:
        for frame in FRAMES:
            packet = Ether(frame)
            packet.time = 3
            writer.write(packet)
    capture = open_capture(tmp_path / "x")
    assert content(capture) == FRAMES
    assert set(capture.frames.timestamp_ns.tolist()) == {3 * 10**9}


def test_scapy_reads_what_replay_writes(tmp_path: Path) -> None:
    record(tmp_path / "x")
    with RawPcapReader(str(tmp_path / "x")) as reader:
        read = [(data, meta.sec, meta.usec, meta.wirelen) for data, meta in reader]
        assert (reader.nano, reader.linktype) == (True, ETHERNET)
    assert read == [(frame, n, n, len(frame)) for n, frame in enumerate(FRAMES)]


@needs("tshark")
def test_tshark_reads_what_replay_writes(tmp_path: Path) -> None:
    record(tmp_path / "x")
    command = ["tshark", "-n", "-r", str(tmp_path / "x"), "-T", "fields", "-e", "frame.len", "-e", "frame.time_delta"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    lengths, gaps = zip(*[line.split() for line in shown], strict=True)
    assert [int(length) for length in lengths] == [len(frame) for frame in FRAMES]
    assert set(gaps[1:]) == {"1.000000001"}


@needs("editcap")
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "modpcap", "pcapng"])
def test_what_editcap_converts(tmp_path: Path, kind: str) -> None:
    record(tmp_path / "x")
    subprocess.run(["editcap", "-F", kind, str(tmp_path / "x"), str(tmp_path / "y")], capture_output=True, check=True)
    capture = open_capture(tmp_path / "y")
    assert content(capture) == FRAMES
    tick = 1 if kind in ("nsecpcap", "pcapng") else 1000
    assert capture.frames.timestamp_ns.tolist() == [n * 1_000_000_001 // tick * tick for n in range(len(FRAMES))]


def open_or_refuse(path: Path) -> Capture | str:
    try:
        return open_capture(path)
    except CaptureError as error:
        return str(error)


@needs_shared_captures
def test_every_shared_capture_is_read_as_its_twin_does_or_refused_by_name() -> None:
    opened = 0
    for path in shared_captures():
        capture = open_or_refuse(path)
        if isinstance(capture, str):
            assert re.fullmatch(rf"{path}: expected the link type Ethernet \(1\), found .+ \(\d+\).*", capture)
            continue
        assert [tuple(frame) for frame in capture.frames.tolist()] == naive.index(path.read_bytes()).frames, path.name
        opened += 1
    assert opened > 400


@needs_shared_captures
@needs("capinfos")
def test_capinfos_counts_the_same_frames_in_the_shared_captures() -> None:
    counts = {}
    for path in shared_captures():
        capture = open_or_refuse(path)
        if isinstance(capture, Capture) and not any("at byte" in warning for warning in capture.warnings):
            counts[str(path)] = len(capture.frames)
    command = ["capinfos", "-T", "-M", "-r", "-c", *counts]
    table = subprocess.run(command, capture_output=True, text=True).stdout
    theirs = {name: int(count) for name, _, count in (line.rpartition("\t") for line in table.splitlines()) if name}
    assert {name: counts[name] for name in theirs} == theirs
    assert len(theirs) > 400

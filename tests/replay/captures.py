"""Captures that tests make and read: one file a port, frames with their time in nanoseconds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from dataplane.ports.pcap.files import open_capture
from tests.capture_files import craft
from tests.runs import Arrival

Timed = tuple[int, bytes]
"""Nanoseconds since 1970, and a frame."""


def write_capture(path: Path, frames: Iterable[Timed]) -> Path:
    """Write a classic capture with nanoseconds."""
    seconds = [(*divmod(time_ns, 10**9), frame) for time_ns, frame in frames]
    path.write_bytes(craft.classic(seconds, magic=craft.NANOSECONDS))
    return path


def write_arrivals(folder: Path, arrivals: Sequence[Arrival]) -> dict[str, str]:
    """Write what comes in at each port to ``folder/PORT.in``; return the files by port."""
    by_port: dict[str, list[Timed]] = defaultdict(list)
    for port, frame, time_ns in arrivals:
        by_port[port].append((time_ns, frame))
    return {port: str(write_capture(folder / f"{port}.in", frames)) for port, frames in by_port.items()}


def read_frames(path: Path) -> list[Timed]:
    """Return what a capture holds; it must be one without flaws."""
    capture = open_capture(path)
    assert capture.warnings == ()
    return [(int(time_ns), capture.frame(i)) for i, time_ns in enumerate(capture.frames.timestamp_ns)]


def read_folder(folder: Path) -> dict[str, list[Timed]]:
    """Return what all captures of a folder hold, by port."""
    return {path.stem: read_frames(path) for path in sorted(folder.glob("*.pcap"))}

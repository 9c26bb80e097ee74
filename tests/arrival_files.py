"""Arrivals as files: one capture a port, which `tapestry replay` merges again by time, then by the port's name."""

from collections.abc import Sequence
from pathlib import Path

from tests.capture_files import naive as capture_files
from tests.capture_files.craft import NANOSECONDS, classic
from tests.runs import Arrival


def in_replay_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return ``arrivals`` in the order in which a replay of their files takes them."""
    return sorted(arrivals, key=lambda arrival: (arrival.time_ns, arrival.port))


def captures_of(arrivals: Sequence[Arrival]) -> dict[str, bytes]:
    """Return a capture file with nanoseconds for each port at which something comes in."""
    ports: dict[str, list[tuple[int, int, bytes]]] = {}
    for port, frame, time_ns in arrivals:
        ports.setdefault(port, []).append((*divmod(time_ns, 10**9), frame))
    return {port: classic(frames, magic=NANOSECONDS) for port, frames in ports.items()}


def frames_in(path: Path) -> list[tuple[int, bytes]]:
    """Return the time in nanoseconds and the bytes of each frame of a capture, read in plain Python."""
    data = path.read_bytes()
    return [(time_ns, data[at : at + length]) for time_ns, at, length, _, _ in capture_files.index(data).frames]

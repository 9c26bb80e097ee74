"""``python -m benchmarks.load_captures``: opening and indexing captures that are in the page cache, in MB/s."""

import struct
import tempfile
import time
from pathlib import Path
from statistics import median

from dataplane.ports.pcap.files import open_capture

FILE_BYTES = 256 << 20
RUNS = 5
FRAME_BYTES = (64, 512, 1514)


def main() -> None:
    """Print one line for each size of frame and format."""
    with tempfile.TemporaryDirectory() as folder:
        for frame_bytes in FRAME_BYTES:
            for name, content in (("pcap", pcap(frame_bytes)), ("pcapng", pcapng(frame_bytes))):
                path = Path(folder, f"frames.{name}")
                path.write_bytes(content)
                report(name, frame_bytes, path)


def report(name: str, frame_bytes: int, path: Path) -> None:
    """Time the loading of one file."""
    frames = len(open_capture(path).frames)
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        open_capture(path)
        times.append(time.perf_counter() - started)
    megabytes = path.stat().st_size / 1e6
    print(
        f"{name}, {frame_bytes}-byte frames: {megabytes / median(times):,.0f} MB/s "
        f"({megabytes / max(times):,.0f} to {megabytes / min(times):,.0f} in {RUNS} runs; "
        f"{frames / median(times) / 1e6:.1f} M frames/s)"
    )


def pcap(frame_bytes: int) -> bytes:
    """Return a classic file of zeroed frames."""
    record = struct.pack("<IIII", 0, 0, frame_bytes, frame_bytes) + bytes(frame_bytes)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + record * (FILE_BYTES // len(record))


def pcapng(frame_bytes: int) -> bytes:
    """Return a pcapng file of zeroed frames in enhanced packet blocks."""
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack("<IIHHII", 1, 20, 1, 0, 262144, 20)
    padded = bytes(-(-frame_bytes // 4) * 4)
    length = 32 + len(padded)
    block = struct.pack("<IIIIIII", 6, length, 0, 0, 0, frame_bytes, frame_bytes) + padded + struct.pack("<I", length)
    return section + interface + block * (FILE_BYTES // len(block))


if __name__ == "__main__":
    main()

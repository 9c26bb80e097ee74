"""What the append kernel writes is a capture that reads back as it was given."""

import struct

import numpy as np
import pytest

from dataplane.ports.pcap.kernels import append_record
from dataplane.ports.pcap.writing import FILE_HEADER
from tests.capture_files import read

pytestmark = pytest.mark.kernel


def append(buffer: np.ndarray, at: int, timestamp_ns: int, head: bytes, tail: bytes) -> int:
    """Append a frame whose two pieces lie somewhere inside larger arrays."""
    heads = np.frombuffer(b"???" + head + b"?" * 64, np.uint8)
    tails = np.frombuffer(b"?" + tail + b"?" * 64, np.uint8)
    return append_record(buffer, at, np.uint64(timestamp_ns), heads, 3, len(head), tails, 1, len(tail))


def test_one_record_byte_by_byte() -> None:
    buffer = np.zeros(64, np.uint8)
    assert append(buffer, 2, 3_000_000_004, b"head", b"tail") == 2 + 16 + 8
    assert buffer.tobytes() == b"\0\0" + struct.pack("<IIII", 3, 4, 8, 8) + b"headtail" + bytes(38)


def test_a_file_of_records_reads_back() -> None:
    buffer = np.zeros(4096, np.uint8)
    buffer[: len(FILE_HEADER)] = np.frombuffer(FILE_HEADER, np.uint8)
    pieces = [(bytes(range(14)), b""), (b"", b""), (bytes(200), bytes(range(100)))]
    at = len(FILE_HEADER)
    for number, (head, tail) in enumerate(pieces):
        at = append(buffer, at, number * 10**9 + 999_999_999, head, tail)
    index = read.index(buffer[:at].tobytes())
    assert [frame[0] for frame in index.frames] == [999_999_999, 1_999_999_999, 2_999_999_999]
    assert [frame[2:4] for frame in index.frames] == [(14, 14), (0, 0), (300, 300)]
    offset = index.frames[2][1]
    assert buffer[offset : offset + 300].tobytes() == bytes(200) + bytes(range(100))


@pytest.mark.parametrize("room", [0, 15, 16 + 7])
def test_a_record_without_room_is_not_written(room: int) -> None:
    buffer = np.full(room, 0xAA, np.uint8)
    assert append(buffer, 0, 1, b"head", b"tail") == -1
    assert buffer.tobytes() == b"\xaa" * room


def test_a_record_that_just_fits_is_written() -> None:
    assert append(np.zeros(24, np.uint8), 0, 1, b"head", b"tail") == 24

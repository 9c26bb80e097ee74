"""The reader's side of the mirror ring: every frame once, in order, wherever the reader stops."""

from itertools import islice
from typing import Any

import numpy as np

from dataplane.mirror.build import read_ring
from dataplane.mirror.tables import MIRROR_RING_DTYPE, RECORD_BYTES, RECORD_DTYPE, RING_BYTES


def make_ring() -> Any:
    return np.zeros(1, MIRROR_RING_DTYPE).view(np.recarray)[0]


def write(ring: Any, frame: bytes) -> None:
    """Append a record as the kernel does."""
    header = np.zeros(1, RECORD_DTYPE)
    header["captured"] = header["original"] = len(frame)
    record = header.tobytes() + frame + bytes(-len(frame) % 8)
    at = np.arange(int(ring.head[0]), int(ring.head[0]) + len(record)) % RING_BYTES
    ring.records[at] = np.frombuffer(record, np.uint8)
    ring.head[0] += len(record)


def test_a_reader_that_stops_after_some_frames_sees_none_twice() -> None:
    ring = make_ring()
    frames = [bytes([n]) * (60 + n) for n in range(10)]
    for frame in frames:
        write(ring, frame)
    read = [mirrored.frame for mirrored in islice(read_ring(ring), 4)]
    read += [mirrored.frame for mirrored in read_ring(ring)]
    assert read == frames


def test_a_record_that_goes_around_the_end_is_read_whole() -> None:
    ring = make_ring()
    ring.head[0] = ring.tail[0] = 5 * RING_BYTES - RECORD_BYTES - 16
    write(ring, b"around the end of the ring")
    assert [mirrored.frame for mirrored in read_ring(ring)] == [b"around the end of the ring"]

"""The reader's side of the mirror ring: see ``tables.py``."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dataplane.mirror.tables import RECORD_BYTES, RECORD_DTYPE, RING_BYTES


class MirroredFrame(NamedTuple):
    """One copy of a frame; ``timestamp_ns`` is on the worker's monotonic clock."""

    port: int
    sent: bool
    timestamp_ns: int
    original_bytes: int
    frame: bytes


def read_ring(ring: Any) -> Iterator[MirroredFrame]:
    """Take the frames that wait out of the ring, one by one."""
    while True:
        tail = int(ring.tail[0])
        if tail == int(ring.head[0]):
            return
        header = np.frombuffer(_ring_bytes(ring.records, tail, RECORD_BYTES), RECORD_DTYPE)[0]
        captured = int(header["captured"])
        frame = _ring_bytes(ring.records, tail + RECORD_BYTES, captured)
        # Out of the ring before it is handed on: a reader may stop after any frame.
        ring.tail[0] = tail + (RECORD_BYTES + captured + 7 & ~7)
        yield MirroredFrame(
            int(header["port"]), bool(header["sent"]), int(header["timestamp_ns"]), int(header["original"]), frame
        )


def skip_ring(ring: Any) -> None:
    """Forget what waits in the ring."""
    ring.tail[0] = ring.head[0]


def _ring_bytes(records: Any, position: int, count: int) -> bytes:
    at = position % RING_BYTES
    before_end = min(count, RING_BYTES - at)
    return bytes(records[at : at + before_end]) + bytes(records[: count - before_end])

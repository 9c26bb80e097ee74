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
        if header["checksum_from"]:
            complete_checksum(frame, int(header["checksum_from"]), int(header["checksum_at"]))
        # Out of the ring before it is handed on: a reader may stop after any frame.
        ring.tail[0] = tail + (RECORD_BYTES + captured + 7 & ~7)
        yield MirroredFrame(
            int(header["port"]),
            bool(header["sent"]),
            int(header["timestamp_ns"]),
            int(header["original"]),
            bytes(frame),
        )


def skip_ring(ring: Any) -> None:
    """Forget what waits in the ring."""
    ring.tail[0] = ring.head[0]


def complete_checksum(frame: bytearray, begin: int, offset: int) -> None:
    """Compute the checksum that covers ``frame`` from ``begin`` on, and store it ``offset`` bytes further.

    The field holds the sum of the pseudo-header until then. Where it does not lie in the frame, nothing is done.
    """
    at = begin + offset
    if at + 2 > len(frame):
        return
    covered = frame[begin:] + bytes((len(frame) - begin) & 1)
    total = int(np.frombuffer(covered, ">u2").sum(dtype=np.uint64)) % 0xFFFF
    # Never 0, which says of UDP that there is none (RFC 768): a sum of 0xFFFF counts as 0 here.
    frame[at : at + 2] = (0xFFFF - total).to_bytes(2, "big")


def _ring_bytes(records: Any, position: int, count: int) -> bytearray:
    at = position % RING_BYTES
    before_end = min(count, RING_BYTES - at)
    return bytearray(records[at : at + before_end].tobytes() + records[: count - before_end].tobytes())

"""The ring through which a worker hands copies of frames to the agent, which writes them as a capture.

One ring a worker: the worker alone moves ``head``, the agent alone moves ``tail``; both only grow, in bytes, and their
difference is what the ring holds. A record that does not fit is not written but counted in ``lost``: watching never
slows the traffic down. Records are 8-byte aligned and may wrap around the ring's end::

    0           4           8        10       12         14         16               24
    +-----------+-----------+--------+--------+----------+----------+----------------+------------------
    | captured  | original  | port   | sent   | checksum | checksum | timestamp_ns   | frame, padded to 8
    |           |           |        |        | from     | at       |                |
    +-----------+-----------+--------+--------+----------+----------+----------------+------------------

A frame is copied as it lies there, a superframe in one piece, and a checksum that is left for a device as it was left:
whoever reads the ring completes it. It covers the frame from ``checksum from`` on and belongs ``checksum at`` bytes
further; 0 is a frame that is complete.
"""

from typing import Final

import numpy as np

RING_BYTES: Final = 1 << 22
RECORD_BYTES: Final = 24

MIRROR_RECEIVED: Final = 1
MIRROR_SENT: Final = 2

MIRROR_RING_DTYPE: Final = np.dtype(
    [
        ("head", "u8", (1,)),
        ("tail", "u8", (1,)),
        ("lost", "u8", (1,)),
        ("records", "u1", (RING_BYTES,)),
    ],
    align=True,
)
"""``records`` is a ring of RING_BYTES (a power of two)."""

RECORD_DTYPE: Final = np.dtype(
    [
        ("captured", "<u4"),
        ("original", "<u4"),
        ("port", "<u2"),
        ("sent", "<u2"),
        ("checksum_from", "<u2"),
        ("checksum_at", "<u2"),
        ("timestamp_ns", "<u8"),
    ]
)

assert RECORD_DTYPE.itemsize == RECORD_BYTES

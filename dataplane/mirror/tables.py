"""The ring through which a worker hands copies of frames to the agent, which writes them as a capture.

One ring a worker: the worker alone moves ``head``, the agent alone moves ``tail``; both only grow, in bytes, and their
difference is what the ring holds. A record that does not fit is not written but counted in ``lost``: watching never
slows the traffic down. Records are 8-byte aligned and may wrap around the ring's end::

    0           4           8        10       12           16               24
    +-----------+-----------+--------+--------+------------+----------------+------------------
    | captured  | original  | port   | sent   | 0          | timestamp_ns   | frame, padded to 8
    +-----------+-----------+--------+--------+------------+----------------+------------------
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
        ("padding", "<u4"),
        ("timestamp_ns", "<u8"),
    ]
)

assert RECORD_DTYPE.itemsize == RECORD_BYTES

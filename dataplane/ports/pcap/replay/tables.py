"""Memory of a recording: the records of what left each port, all in one array, one equal part a port.

A part fills up, and then the loop returns for all to be emptied: vectors are cut so that the next one always fits.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import MAX_PORTS

NO_PART: Final = 0xFFFF
"""The part of a port that nobody records."""

RECORDING_DTYPE: Final = np.dtype(
    [("part_bytes", "i8"), ("fullest", "i8"), ("part", "u2", (MAX_PORTS,)), ("used", "i8", (MAX_PORTS,))], align=True
)
"""``part`` is a port's place in the buffer, ``used`` how many bytes of each part are filled, ``fullest`` the most."""


class Recording(NamedTuple):
    """``buffer`` is uint8, one part a port; ``state`` a record of RECORDING_DTYPE."""

    buffer: Any
    state: Any


class ReplayLane(NamedTuple):
    """All that the loop works with: the vector and the queues, the node's tables, and what the loop fills."""

    vector: Any
    arena: Any
    egress: Any
    state: Any
    recording: Any
    report: Any

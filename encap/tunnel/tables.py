"""The ways to other nodes, as one burst finds them: found once, used for all frames that go there.

A *way* is all that the outer headers of frames to one peer have in common, and by which port they leave. A burst keeps
a few dozen of them, by the last bits of the peer's number; a peer that meets another's takes its place.
"""

from typing import Final

import numpy as np

WAY_DTYPE: Final = np.dtype(
    [
        # Whose way it is (NO_PEER: nobody's), and what may be done: an act of ``neighbour/tables.py``, or NOWHERE.
        ("peer", "u2"),
        ("act", "u1"),
        ("is_ipv6", "u1"),
        # The VTEP's address; that of its next hop; the MACs, the domain, and the port if it is known, else -1.
        ("high", "u8"),
        ("low", "u8"),
        ("hop_high", "u8"),
        ("hop_low", "u8"),
        ("mac", "u8"),
        ("own_mac", "u8"),
        ("domain", "u2"),
        ("port", "i4"),
    ],
    align=True,
)

NOWHERE: Final = 255
"""No route leads there by the underlay."""

WAYS: Final = 64
GROUP_WAY: Final = WAYS
"""The last one is that of the multicast group that stands for all peers."""
WAYS_DTYPE: Final = np.dtype([("tick", "u8"), ("way", WAY_DTYPE, (WAYS + 1,))], align=True)
"""``tick``: when they were found, since what is known of neighbours grows old."""

"""How a superframe is cut: what all of its segments share, computed once."""

from typing import Any, Final

import numpy as np

MAX_SEGMENTS: Final = 1024
"""A superframe of more segments is refused: a device could have a frame of 64 KiB cut into as many frames of a byte."""

CUT_DTYPE: Final = np.dtype(
    [
        # Where the superframe lies: offsets in the heads and in the tails, and how many bytes the head has.
        ("frame_at", "i8"),
        ("tail_at", "i8"),
        ("head_bytes", "i8"),
        # Offsets from the frame's first byte: of the IP header, the transport header, the payload.
        ("network_at", "i8"),
        ("transport_at", "i8"),
        ("header_bytes", "i8"),
        # The payload: all of it, each segment's (the last may have less), and how many segments that makes.
        ("payload_bytes", "i8"),
        ("segment_bytes", "i8"),
        ("segments", "i8"),
        # What differs from segment to segment, as the first has it: IPv4 identification, TCP sequence number, and the
        # word of TCP's data offset and flags.
        ("identification", "i8"),
        ("sequence", "i8"),
        ("offset_flags", "i8"),
        # Sums of what does not differ: the IPv4 header, and the transport header with its pseudo-header.
        ("network_sum", "u8"),
        ("transport_sum", "u8"),
        ("is_tcp", "u1"),
        ("is_ipv6", "u1"),
    ],
    align=True,
)


def make_cut() -> Any:
    """Return an empty plan of a cut."""
    return np.zeros(1, CUT_DTYPE).view(np.recarray)[0]

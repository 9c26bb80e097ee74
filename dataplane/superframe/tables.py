"""What is known of a superframe while it is cut, or while it grows out of segments."""

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
"""How a superframe is cut: what all of its segments share."""

OPEN_SUPERFRAMES: Final = 8
"""How many flows that take turns are merged at once."""
MAX_PACKET: Final = 65535
"""Bytes of a superframe's IP packet, at most: what IPv4's total length can say."""
MAX_DATAGRAMS: Final = 64
"""UDP datagrams of a superframe, at most: as many as Linux merges itself (UDP_GRO_CNT_MAX)."""

SEGMENT_DTYPE: Final = np.dtype(
    [
        # Where it lies: its first byte (of what stands before its Ethernet header), and how many bytes it has.
        ("at", "i8"),
        ("length", "i8"),
        # Offsets from there: of the IP header, the transport header, the payload.
        ("network_at", "i8"),
        ("transport_at", "i8"),
        ("payload_at", "i8"),
        # What it says. ``flow`` is equal for segments of one flow, and seldom for those of two.
        ("flow", "u8"),
        ("identification", "i8"),
        ("sequence", "i8"),
        ("tcp_flags", "i8"),
        ("is_tcp", "u1"),
        ("is_ipv6", "u1"),
    ],
    align=True,
)
"""A frame that may become part of a superframe."""

OPEN_DTYPE: Final = np.dtype(
    [
        # The frame of the vector that grows, and what of it was read (as in SEGMENT_DTYPE).
        ("frame", "i8"),
        ("flow", "u8"),
        ("network_at", "i8"),
        ("transport_at", "i8"),
        ("payload_at", "i8"),
        ("is_tcp", "u1"),
        ("is_ipv6", "u1"),
        # How much it has become: bytes of the frame, segments, and the payload of each.
        ("length", "i8"),
        ("segments", "i8"),
        ("segment_bytes", "i8"),
        # What the last segment says, and by how much the IPv4 identification grows from one to the next (0 or 1).
        ("identification", "i8"),
        ("step", "i8"),
        ("sequence", "i8"),
        ("tcp_flags", "i8"),
    ],
    align=True,
)
"""A superframe that may still grow; so far it may be a single segment."""

MERGER_DTYPE: Final = np.dtype(
    [("count", "i8"), ("oldest", "i8"), ("superframes", OPEN_DTYPE, (OPEN_SUPERFRAMES,))], align=True
)
"""The superframes that may still grow: the first ``count``. Where there is no room, the one at ``oldest`` is closed."""


def make_cut() -> Any:
    """Return an empty plan of a cut."""
    return np.zeros(1, CUT_DTYPE).view(np.recarray)[0]

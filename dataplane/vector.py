"""The vector: up to a thousand frames as columns, and the arena that holds their bytes.

A frame's bytes lie in two places. The *head* is a slot of fixed size that begins with room for a virtio-net header and
headroom for outer headers; it holds every header that a stage may read. The *tail* is the rest of a large frame, in a
spill buffer that no stage touches except to move it. So the bytes that stages read stay close together in the cache,
whatever the frames' size::

    head slot (SLOT_BYTES)                                             spill buffer (SPILL_BYTES)
    +--------------+----------+-------------------------------+        +------------------------------+
    | virtio-net   | headroom | first HEAD_BYTES of the frame | ...    | the rest of the frame        |
    +--------------+----------+-------------------------------+        +------------------------------+
    0              16         FRAME_AT

A slot is an odd number of cache lines: with a power of two, the headers of all frames would compete for a few sets of
the first-level cache. For the same reason every column carries one line of padding.

The columns are one record (a struct of arrays), so a stage takes the vector as a single pointer with constant offsets.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.layout import LINE_BYTES

VECTOR_CAPACITY: Final = 1024
EXTRA_FRAMES: Final = 256
"""Room in a vector for frames that the fabric originates or has kept, beyond those that came in."""
DEFAULT_VECTOR: Final = 256

VIRTIO_BYTES: Final = 12
"""struct virtio_net_hdr_mrg_rxbuf, as TAPs and packet sockets write it before a frame (all fields little-endian)."""
VIRTIO_AT: Final = 0
FRAME_AT: Final = 128
HEAD_BYTES: Final = 320
SLOT_BYTES: Final = FRAME_AT + HEAD_BYTES
SPILL_BYTES: Final = 65536
LARGEST_SUPERFRAME: Final = HEAD_BYTES + SPILL_BYTES - 1
"""64 KiB of payload, with room for all headers. What fills its slot and buffer may have been longer than both."""

MAX_PORTS: Final = 1024
MAX_PEERS: Final = 4096
"""How many other nodes an overlay spans; number 0 is none."""
NO_PEER: Final = 0
EVERY_PEER: Final = 0xFFFF
"""What ``remote`` says of a frame whose copy for the tunnel is for nobody, or for every node of its network."""
DOMAINS: Final = 8192
"""Filtering domains: a VLAN of a network, or a whole network where no port reads VLANs. Domain 0 is none."""

assert SLOT_BYTES % (2 * LINE_BYTES) == LINE_BYTES
assert SLOT_BYTES % 8 == 0


def column(item: str) -> tuple[str, tuple[int]]:
    """Return the dtype of a column of ``item``: one entry a frame, and a cache line of padding."""
    return item, (VECTOR_CAPACITY + EXTRA_FRAMES + LINE_BYTES // np.dtype(item).itemsize,)


VECTOR_DTYPE: Final = np.dtype(
    [
        # All frames, and those of them that came in: the fabric's own stand behind these.
        ("count", "i8"),
        ("received", "i8"),
        # Where a frame's bytes are, and how many: the slot's offset in the arena, its first byte, its two lengths.
        ("head_at", *column("u4")),
        ("head_length", *column("u4")),
        ("tail_length", *column("u4")),
        ("length", *column("u4")),
        # How many frames it will be on a wire: more than one if it is a superframe.
        ("frames", *column("u4")),
        # Where it came from, and when (nanoseconds on the clock of whoever drives the pipeline).
        ("in_port", *column("u2")),
        ("timestamp_ns", *column("u8")),
        # What it says.
        ("destination_mac", *column("u8")),
        ("source_mac", *column("u8")),
        ("ether_type", *column("u2")),
        ("vlan_tci", *column("u2")),
        ("domain", *column("u2")),
        # What it says above that, if it is a packet for the router (see ``packet/``). Addresses in host order, two
        # halves, IPv4 mapped; ``ports`` is source << 16 | destination.
        ("packet_bytes", *column("u4")),
        ("transport_at", *column("u4")),
        ("source_high", *column("u8")),
        ("source_low", *column("u8")),
        ("destination_high", *column("u8")),
        ("destination_low", *column("u8")),
        ("ports", *column("u4")),
        ("protocol", *column("u1")),
        ("is_ipv6", *column("u1")),
        ("fragment", *column("u1")),
        # The peer that it came from, or which of them get it; its group (GBP); the traffic class of its outer header.
        ("remote", *column("u2")),
        ("group", *column("u2")),
        ("outer_tos", *column("u1")),
        # What becomes of it; which frame caused it (itself, if it came in).
        ("verdict", *column("u1")),
        ("reason", *column("u1")),
        ("copies", *column("u2")),
        ("cause", *column("u2")),
        # What it wants of the router, the interface it came in by, the next-hop group of its destination.
        ("errand", *column("u1")),
        ("interface", *column("u2")),
        ("route_group", *column("u4")),
        # What policies have said of it (``policy/tables.py``): of its source's egress, of its destination's ingress; 0
        # where none was asked about this very frame.
        ("egress_judgement", *column("u4")),
        ("ingress_judgement", *column("u4")),
        # Scratch that one stage leaves for its own second pass.
        ("source_bucket", *column("u4")),
        ("destination_bucket", *column("u4")),
        ("flow_hash", *column("u8")),
        ("likely_half", *column("u4")),
        ("waiting", *column("u2")),
    ],
    align=True,
)

EGRESS_DTYPE: Final = np.dtype(
    [
        ("ports", "i8"),
        ("active", "u2", (MAX_PORTS,)),
        ("count", "u4", (MAX_PORTS,)),
        ("queue", "u2", (MAX_PORTS, VECTOR_CAPACITY + EXTRA_FRAMES + LINE_BYTES // 2)),
    ],
    align=True,
)
"""Which frames leave by which port, in order: ``queue[port, :count[port]]`` are indices into the vector, and
``active[:ports]`` are the ports with any. A frame stands at most once in a port's queue, which bounds it."""


WHOLE: Final = 0
FIRST_FRAGMENT: Final = 1
LATER_FRAGMENT: Final = 2
"""What ``fragment`` says of a packet."""


class Arena(NamedTuple):
    """The bytes of a vector's frames: ``heads`` and ``tails`` are uint8, one slot and one spill buffer a frame."""

    heads: Any
    tails: Any


def make_vector() -> Any:
    """Return an empty vector record."""
    return np.zeros(1, VECTOR_DTYPE).view(np.recarray)[0]


def make_egress() -> Any:
    """Return an empty egress record."""
    return np.zeros(1, EGRESS_DTYPE).view(np.recarray)[0]


def make_arena(frames: int) -> Arena:
    """Return an arena for ``frames`` received frames and EXTRA_FRAMES more; its spill buffers cost memory only once
    large frames arrive."""
    frames += EXTRA_FRAMES
    heads = np.zeros(frames * SLOT_BYTES + LINE_BYTES, np.uint8)
    tails = np.zeros(frames * SPILL_BYTES + LINE_BYTES, np.uint8)
    return Arena(heads, tails)

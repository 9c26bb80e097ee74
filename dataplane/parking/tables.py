"""Where frames wait: for a neighbour's MAC, or for the first fragment of their packet.

A frame waits as it came in: the bytes of its slot, its tail, the columns that admission gave it, and what policies have
said of it. Who parks it names
an *owner*, a kind of table and an entry of it; who has what the owner waits for gives back all frames of that owner.

A place's word says what it is used for, since when, and how often that has changed, so that a late compare-and-swap
fails::

    63              34 33            2 1      0
    +-----------------+---------------+--------+
    | changes         | since tick    | status |        FREE -> FILLING -> WAITING -> TAKING -> FREE
    +-----------------+---------------+--------+

Invariants
  - Only who made a place FILLING or TAKING touches its bytes and columns; owner and sequence are read before that, and
    hold if the word is still the same.
  - Places are shared by all workers, without locks. When no place is free, these are: what a killed worker left FILLING
    or TAKING, after ``STUCK_TICKS``; what its owner has forgotten, after ``FORGOTTEN_TICKS``; what the agent has, which
    makes it NOBODY's and touches nothing else.

Limits: ``PLACES`` frames, superframes too, and of each owner as many as its caller allows (one more for each further
worker that parks at the same moment). Tails lie apart from the rest: of a place's 64 KiB, memory is used as far as a
tail has reached there. A worker that is stopped for longer than
``STUCK_TICKS`` in the middle of copying a frame may harm the one that has come to its place.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import SLOT_BYTES, SPILL_BYTES

PLACES: Final = 1024
PARKED_BYTES: Final = PLACES * SPILL_BYTES
"""All tails: that of the frame in place k begins at k * SPILL_BYTES."""

FREE: Final = np.uint64(0)
FILLING: Final = np.uint64(1)
WAITING: Final = np.uint64(2)
TAKING: Final = np.uint64(3)
STATUS_MASK: Final = np.uint64(3)
SINCE_SHIFT: Final = np.uint64(2)
CHANGES_SHIFT: Final = np.uint64(34)

STUCK_TICKS: Final = np.uint64(75)
FORGOTTEN_TICKS: Final = np.uint64(450)
"""10 s and a minute, in ticks (``fdb/tables.py``)."""

NOBODY: Final = np.uint64(0)
"""The owner of what the agent has forgotten: it never comes back, and its place is as good as free."""
NEIGHBOUR_OWNER: Final = np.uint64(1 << 32)
FRAGMENT_OWNER: Final = np.uint64(2 << 32)
"""Kinds of owners; the lower half names an entry of their table."""
OWNER_KIND: Final = np.uint64(0xFFFF_FFFF_0000_0000)

PARKING_HEAD_DTYPE: Final = np.dtype(
    [
        ("next_sequence", "u8", (8,)),
        ("state", "u8", (PLACES,)),
        ("owner", "u8", (PLACES,)),
        ("sequence", "u8", (PLACES,)),
    ],
    align=True,
)
"""``state`` is the word above; ``sequence`` counts in the order in which frames were parked; of ``next_sequence`` the
first element counts, the others keep its line free."""

PLACE_DTYPE: Final = np.dtype(
    [
        ("slot", "u1", (SLOT_BYTES,)),
        ("destination_mac", "u8"),
        ("source_mac", "u8"),
        ("head_offset", "u4"),
        ("head_length", "u4"),
        ("tail_length", "u4"),
        ("egress_judgement", "u4"),
        ("ingress_judgement", "u4"),
        ("in_port", "u2"),
        ("ether_type", "u2"),
        ("domain", "u2"),
        ("vlan_tci", "u2"),
        ("remote", "u2"),
        ("group", "u2"),
        ("copies", "u2"),
    ],
    align=True,
)
"""A frame: ``head_offset`` is where it begins in its slot; the rest is as the vector's columns have it."""


class Parking(NamedTuple):
    """All places: their head record, the frames (recarray of ``PLACE_DTYPE``), and the frames' tails (uint8). Zeroed
    memory is empty."""

    head: Any
    places: Any
    tails: Any


def view_parking(head: Any, places: Any, tails: Any) -> Parking:
    """Return the places over their memory; ``head`` is its record."""
    return Parking(head, places, tails)

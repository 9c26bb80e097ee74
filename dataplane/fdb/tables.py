"""The forwarding database (FDB): which MAC address lies behind which port, as traffic teaches it.

It is a hash table of buckets of one cache line, four entries each. An entry is two words: the key, a filtering
domain and a MAC address, and the value, the port and when the MAC was last heard there::

    key    63      48 47                                0      value  63   56 55   48 47      32 31            0
           +---------+----------------------------------+             +-------+-------+----------+--------------+
           | domain  | MAC, first byte lowest           |             | flags | epoch | port     | last seen    |
           +---------+----------------------------------+             +-------+-------+----------+--------------+

Invariants
  - An entry lies in the first bucket, from its home on, that had room when it came, at most ``PROBE_LIMIT`` buckets
    away. A look-up therefore ends at the first bucket with an ``EMPTY`` slot. A removed entry leaves ``EMPTY`` only
    where nothing can have gone past it, that is where its bucket has another ``EMPTY``; elsewhere it leaves
    ``REMOVED``.
  - Several workers write: a slot is claimed by compare-and-swap (``CLAIMED``), then its value is written, then its
    key. A reader takes the key again after the value, so it never pairs one MAC with another's port.
  - An entry counts only while it is valid: a dynamic one until it has aged, and as long as its port has the epoch that
    it was learned under (a port that leaves, or changes its VLANs, gets a new epoch, and all its entries are gone
    without a walk); a static one as long as it carries the rules' present stamp.

Limits: ``entry_limit`` entries at half the slots or fewer, ``max_macs`` of them a port. At a limit, what has expired is
swept first; then a new MAC is not learned, its frames are still forwarded, and the refusal is counted.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import MAX_PORTS

BUCKET_ENTRIES: Final = 4
PROBE_LIMIT: Final = 8

EMPTY: Final = np.uint64(0)
REMOVED: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
CLAIMED: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFE)
ABSENT: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The value of no entry: its flags are none that exist."""

STATIC: Final = 1
PORT_SHIFT: Final = np.uint64(32)
EPOCH_SHIFT: Final = np.uint64(48)
FLAGS_SHIFT: Final = np.uint64(56)
DOMAIN_SHIFT: Final = np.uint64(48)

TICK_SHIFT: Final = np.uint64(27)
TICK_MASK: Final = np.uint64(0xFFFF_FFFF)
"""Ages are counted in ticks of 2**27 ns, 134 ms."""

BUCKET_DTYPE: Final = np.dtype([("key", "u8", (BUCKET_ENTRIES,)), ("value", "u8", (BUCKET_ENTRIES,))], align=True)

FDB_HEAD_DTYPE: Final = np.dtype(
    [
        ("multiplier", "u8"),
        ("shift", "u8"),
        ("entry_limit", "u4"),
        ("swept_tick", "u4"),
        ("next_swept", "u4"),
        # Arrays, so that they can be counted atomically.
        ("entries", "u4", (1,)),
        ("macs", "u4", (MAX_PORTS,)),
    ],
    align=True,
)

STATIC_ENTRIES: Final = 4096

FDB_PORT_DTYPE: Final = np.dtype([("max_macs", "u4"), ("epoch", "u1")], align=True)

FDB_RULES_DTYPE: Final = np.dtype(
    [
        ("max_age_ticks", "u4"),
        ("static_stamp", "u4"),
        ("static_entries", "u4"),
        ("static_key", "u8", (STATIC_ENTRIES,)),
        ("static_port", "u2", (STATIC_ENTRIES,)),
        ("ports", FDB_PORT_DTYPE, (MAX_PORTS,)),
    ],
    align=True,
)
"""What the agent says of learning, in two copies of which one is in force."""


class Fdb(NamedTuple):
    """The forwarding database: its head record, its buckets (recarray of ``BUCKET_DTYPE``), the rules in force and the
    worker's own learning counters."""

    head: Any
    buckets: Any
    rules: Any
    counters: Any


def bucket_count(entry_limit: int) -> int:
    """Return how many buckets hold ``entry_limit`` entries with at most half of the slots in use."""
    buckets = 16
    while buckets * BUCKET_ENTRIES < 2 * entry_limit:
        buckets *= 2
    return buckets


def initialize_fdb(head: Any, buckets: int, entry_limit: int, random: np.random.Generator) -> None:
    """Make the head of an empty FDB with ``buckets`` (a power of two) zeroed buckets; its hash multiplier is a
    secret."""
    head.multiplier = int(random.integers(0, 1 << 64, dtype=np.uint64)) | 1
    head.shift = 64 - (buckets.bit_length() - 1)
    head.entry_limit = entry_limit

"""The forwarding database (FDB): which MAC address lies behind which port, as traffic teaches it.

It is a hash table of buckets of one cache line, four entries each. An entry is two words: the key, a filtering
domain and a MAC address, and the value, its place (a port, or another node) and when the MAC was last heard there::

    key    63      48 47                                0      value   63     62   48 47      32 31            0
           +---------+----------------------------------+             +--------+-------+----------+--------------+
           | domain  | MAC, first byte lowest           |             | static | epoch | place    | last seen    |
           +---------+----------------------------------+             +--------+-------+----------+--------------+

Invariants
  - An entry lies in the first bucket, from its home on, that had room when it came, at most ``PROBE_LIMIT`` buckets
    away. A look-up therefore ends at the first bucket with an ``EMPTY`` slot. A removed entry leaves ``EMPTY`` only
    where nothing can have gone past it, that is where its bucket has another ``EMPTY``; elsewhere it leaves
    ``REMOVED``, until a sweep finds that nothing beyond needs it.
  - An entry counts only while it is valid: a dynamic one until it has aged, and as long as its port has the epoch that
    it was learned under (a port that leaves, or changes its VLANs, gets a new epoch, and all its entries are gone
    without a walk); a static one from the time on that the rules carry its stamp, until they carry a later one.
  - Several workers write, without locks. Whoever inserts claims a slot by compare-and-swap on its key (``CLAIMED``),
    writes the value, then the key. After that the value decides: it changes by compare-and-swap alone, and whoever
    changes it to ``ABSENT`` has taken the entry out, and then frees the key. So every change has one author, who
    counts it, and a reader that takes the key again after the value never pairs one MAC with another's port.
  - Workers' clocks and generations may be one burst apart: what a faster one has written is valid for a slower one,
    times to come, later epochs and later stamps included.

Limits: ``entry_limit`` entries at half the slots or fewer, ``max_macs`` of them a port, static ones not counted there.
At a limit, what has expired is swept first; then a new MAC is not learned, its frames are still forwarded, and the
refusal is counted. Room is counted before a slot is sought, so several workers do not exceed a limit together. MACs
are counted anew under each epoch of their port.

What a lost race costs: two workers that insert one key at once, or insert past a slot while it is being emptied, may
leave a second entry behind. It is never found before the first one and ages like any. A worker that is killed while it
takes an entry out leaves that to the next sweep; while it puts one in, the slot stays claimed for good.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import MAX_PEERS, MAX_PORTS

PLACES: Final = MAX_PORTS + MAX_PEERS
"""Where a MAC may be: behind a port, or, from MAX_PORTS on, behind a peer."""

BUCKET_ENTRIES: Final = 4
PROBE_LIMIT: Final = 8

EMPTY: Final = np.uint64(0)
REMOVED: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
CLAIMED: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFE)
ABSENT: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The value of no entry, and of one that is being taken out: it has a port that cannot exist."""

STATIC: Final = np.uint64(1 << 63)
PORT_SHIFT: Final = np.uint64(32)
EPOCH_SHIFT: Final = np.uint64(48)
EPOCHS: Final = 1 << 15
"""After so many the first comes again. The whole table has been swept by then: see ``worker/kernels.py``."""
DOMAIN_SHIFT: Final = np.uint64(48)

TICK_SHIFT: Final = np.uint64(27)
TICK_MASK: Final = np.uint64(0xFFFF_FFFF)
"""Ages are counted in ticks of 2**27 ns, 134 ms."""
NEVER: Final = 1 << 63
"""No tick."""
TICKS_AHEAD: Final = 1 << 16
"""How far ahead another worker's tick may be. All read one clock, once a burst; but one may be stopped for hours."""

BUCKET_DTYPE: Final = np.dtype([("key", "u8", (BUCKET_ENTRIES,)), ("value", "u8", (BUCKET_ENTRIES,))], align=True)

COUNTED_EPOCHS: Final = 2
"""Workers count under two successive epochs of a port while one takes over from the other."""

FDB_HEAD_DTYPE: Final = np.dtype(
    [
        ("multiplier", "u8"),
        ("shift", "u8"),
        ("swept_tick", "u8"),
        ("entry_limit", "u4"),
        ("next_swept", "u4"),
        # Arrays, so that they can be counted atomically. A port's place among the MACs is ``place_of_count``.
        ("entries", "u4", (1,)),
        ("macs", "u4", (COUNTED_EPOCHS * PLACES,)),
    ],
    align=True,
)

STATIC_ENTRIES: Final = 4096

FDB_PORT_DTYPE: Final = np.dtype([("max_macs", "u4"), ("epoch", "u2")], align=True)

FDB_RULES_DTYPE: Final = np.dtype(
    [
        ("max_age_ticks", "u4"),
        ("static_stamp", "u4"),
        ("static_entries", "u4"),
        ("static_key", "u8", (STATIC_ENTRIES,)),
        ("static_port", "u2", (STATIC_ENTRIES,)),
        ("ports", FDB_PORT_DTYPE, (PLACES,)),
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

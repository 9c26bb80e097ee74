"""Connection tracking: which conversations there are, in which state, and how each is translated.

A flow is a record of three cache lines: the *half* of its original direction, its state, the half of its replies. A
half is the key that packets of the direction carry, and what is counted and rewritten of them. The translation of one
direction is the other half's key, reversed. Flow 0 is none; ``flow * 2 + direction`` names a half.

The index finds a half by its key. It is a hash table of buckets of one line: how many entries went past the bucket
because it was full, and seven entries, each one word: 32 bits of the key's hash over the half's name, or 0::

    bucket   | passed | entry | entry | … |        entry   63          32 31    1    0
                                                          | fingerprint  | flow | dir |

Invariants
  - An entry lies at most ``PROBE_LIMIT`` buckets from its key's home, and every bucket before its own counts it in
    ``passed``, from before it is put in until after it is taken out. So a look-up ends at the first bucket that
    nothing went past, removal leaves nothing behind, and entries come and go by one compare-and-swap each.
  - A record's ``status`` decides, and changes by compare-and-swap alone: who makes it DYING, and nobody else, takes
    the flow out of the count and gives the record back. Only LIVE flows are found, until they expire.
  - Of several workers that make flows with one key at once, one succeeds. Each puts its entry in as TENTATIVE, and
    then looks for others: at least one of two sees the other. The one nearer to home goes on and makes the other
    BEATEN, unless that is LIVE already; the one further away gives up. The original key is settled before the reply's
    entry is made, so that two never give up for each other.
  - A record is used again only after every worker has begun another burst: a worker may hold, all through a burst,
    what it found in it. Whoever takes a flow out counts a ``turn``; workers note the turn as a burst begins, and
    ``AWAY`` as they go to sleep. Free records wait in a ring, in the order in which they came.
  - No lock: whoever finds the ring's ends lagging behind its cells moves them. A worker that is killed loses the one
    record it was about to put in or take out, and a place in the index; what it left tentative expires. The agent
    declares it ``AWAY`` (``build.py``), for records of others to be used again.

Limits: ``flow_limit`` flows at once. ``SPARE_RECORDS`` more records stand in for those that wait for their turn. At the
limit, ``EVICTION_SEARCH`` records are searched from a moving hand: one that has expired goes first, else one that is
not ``ASSURED``: who only ever sends first packets cannot displace conversations.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.layout import LINE_BYTES

TUPLE_FIELDS: Final = [
    ("source_high", "u8"),
    ("source_low", "u8"),
    ("destination_high", "u8"),
    ("destination_low", "u8"),
    # source port << 48 | destination port << 32 | protocol << 24
    ("word", "u8"),
]
TUPLE_DTYPE: Final = np.dtype(TUPLE_FIELDS, align=True)
"""Addresses in host order, two halves, IPv4 mapped; ports in host order, those of ICMP queries as ``packet/`` says."""

SOURCE_PORT_SHIFT: Final = np.uint64(48)
DESTINATION_PORT_SHIFT: Final = np.uint64(32)
PROTOCOL_SHIFT: Final = np.uint64(24)

CONVERSATION_DTYPE: Final = np.dtype([("original", TUPLE_DTYPE), ("reply", TUPLE_DTYPE)], align=True)
"""A new flow while it is being decided: how its packets come, and how the answers to what they become will come.

Translating the destination changes ``reply``'s source; translating the source changes ``reply``'s destination.
"""

HALF_DTYPE: Final = np.dtype(
    [
        ("key", TUPLE_DTYPE),
        ("packets", "u8"),
        ("bytes", "u8"),
        # What the translation adds to the checksum of the IPv4 header, and of the transport header.
        ("header_delta", "u2"),
        ("transport_delta", "u2"),
        ("rewrites", "u4"),
    ],
    align=True,
)

WINDOW_DTYPE: Final = np.dtype([("end", "u4"), ("max_end", "u4"), ("max_window", "u4"), ("scale", "u4")], align=True)
"""What one direction of a TCP connection has sent and may send, for telling which segments are in window."""

FLOW_DTYPE: Final = np.dtype(
    [
        ("original", HALF_DTYPE),
        ("state", "u1"),
        ("traits", "u1"),
        ("reserved", "u2"),
        ("expires", "u4"),
        ("created", "u4"),
        ("status", "u4", (1,)),
        ("rules_generation", "u4"),
        ("mapping", "u4"),
        ("freed_turn", "u8"),
        ("windows", WINDOW_DTYPE, (2,)),
        ("reply", HALF_DTYPE),
    ],
    align=True,
)
"""``expires`` and ``created`` are ticks (``fdb/tables.py``); an array can be changed atomically."""

ORIGINAL: Final = 0
REPLY: Final = 1

UNUSED: Final = np.uint32(0)
TENTATIVE: Final = np.uint32(1)
LIVE: Final = np.uint32(2)
BEATEN_STATUS: Final = np.uint32(3)
DYING: Final = np.uint32(4)

ASSURED: Final = 1
"""A trait of flows that both ends have taken part in; for TCP, whose handshake is complete."""

BUCKET_ENTRIES: Final = 7
PROBE_LIMIT: Final = 8
FLOW_BUCKET_DTYPE: Final = np.dtype([("passed", "u8", (1,)), ("entries", "u8", (BUCKET_ENTRIES,))], align=True)

NO_HALF: Final = 0
TABLE_FULL: Final = -1
BEATEN: Final = -2
"""Another worker has made a flow of the same original key: look it up."""
CLASH: Final = -3
"""Another flow has the reply key."""

AWAY: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
FLOW_WORKERS: Final = 4
"""As many as there may be workers."""
SPARE_RECORDS: Final = 4096
EVICTION_SEARCH: Final = 1024

FLOW_HEAD_DTYPE: Final = np.dtype(
    [
        ("multipliers", "u8", (6,)),
        ("index_bits", "u8"),
        ("ring_bits", "u8"),
        ("flow_limit", "u8"),
        ("reserved", "u8", (7,)),
        # What follows is written by workers, each word in a line of its own or with those written together.
        ("flows", "u8", (8,)),
        ("unused", "u8", (8,)),
        ("hand", "u8", (8,)),
        ("turn", "u8", (8,)),
        ("ring_head", "u8", (8,)),
        ("ring_tail", "u8", (8,)),
        ("noted_turn", "u8", (FLOW_WORKERS * 8,)),
    ],
    align=True,
)
"""The first element of each array counts, the others keep its line free: ``flows`` there are, ``unused`` is the first
record never used, ``hand`` is where to search next; a worker's ``noted_turn`` is at ``worker * 8``."""


class Flows(NamedTuple):
    """The flow table: head record, index (recarray of ``FLOW_BUCKET_DTYPE``), ring of free records (u8), records
    (recarray of ``FLOW_DTYPE``), and the records' words (u8), for prefetching."""

    head: Any
    buckets: Any
    ring: Any
    records: Any
    words: Any


def index_buckets(flow_limit: int) -> int:
    """Return how many buckets index both halves of ``flow_limit`` flows at half load or less."""
    buckets = 16
    while BUCKET_ENTRIES * buckets < 4 * flow_limit:
        buckets *= 2
    return buckets


def record_count(flow_limit: int) -> int:
    """Return how many records ``flow_limit`` flows need: flow 0, and those that wait for their turn, included."""
    return 1 + flow_limit + SPARE_RECORDS


def ring_cells(flow_limit: int) -> int:
    """Return how many cells the ring has: more than there are records."""
    return 1 << record_count(flow_limit).bit_length()


def view_flows(head: Any, buckets: Any, ring: Any, records: Any) -> Flows:
    """Return the table over its memory; ``head`` is its record, ``records`` is contiguous."""
    return Flows(head, buckets, ring, records, records.view(np.ndarray).view(np.uint64))


def initialize_flows(head: Any, flow_limit: int, random: np.random.Generator) -> None:
    """Make the head of an empty table, whose other memory is zeroed; the hash multipliers are secret."""
    head.multipliers[:] = random.integers(0, 1 << 64, 6, dtype=np.uint64) | np.uint64(1)
    head.index_bits = index_buckets(flow_limit).bit_length() - 1
    head.ring_bits = ring_cells(flow_limit).bit_length() - 1
    head.flow_limit = flow_limit
    head.unused[0] = 1
    head.noted_turn[:] = AWAY


assert FLOW_DTYPE.itemsize == 3 * LINE_BYTES
assert FLOW_BUCKET_DTYPE.itemsize == HALF_DTYPE.itemsize == LINE_BYTES

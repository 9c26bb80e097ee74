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
        # What policy said: of the egress of who began the flow, of the ingress of the other (``policy/tables.py``).
        ("judgement", "u4"),
        # The highest TCP acknowledgement that packets of the direction have carried.
        ("max_ack", "u4"),
    ],
    align=True,
)

WINDOW_DTYPE: Final = np.dtype(
    [
        ("end", "u4"),
        ("max_end", "u4"),
        ("max_window", "u4"),
        ("scale", "u1"),
        ("ignored_scale", "u1"),
        ("ignored_syn", "u2"),
    ],
    align=True,
)
"""What one direction of a TCP connection has sent and may send (``tcp.py``), or the tags of an SCTP association
(``sctp.py``)."""

FLOW_DTYPE: Final = np.dtype(
    [
        ("original", HALF_DTYPE),
        ("state", "u1"),
        ("traits", "u1"),
        ("refreshed", "u2"),
        ("expires", "u4"),
        ("created", "u4"),
        ("status", "u4", (1,)),
        ("judged", "u4"),
        ("between", "u4"),
        ("freed_turn", "u8"),
        ("windows", WINDOW_DTYPE, (2,)),
        ("reply", HALF_DTYPE),
    ],
    align=True,
)
"""``expires`` and ``created`` are ticks (``fdb/tables.py``); an array can be changed atomically. ``refreshed`` says
when a packet of the flow last kept its sender's mapping alive (``nat/mapping.py``), ``judged`` under which of the
policy's stamps it was let pass, 0 if nobody has asked, ``between`` which ports (``router/judged.py``)."""

ORIGINAL: Final = 0
REPLY: Final = 1

UNUSED: Final = np.uint32(0)
TENTATIVE: Final = np.uint32(1)
LIVE: Final = np.uint32(2)
BEATEN_STATUS: Final = np.uint32(3)
DYING: Final = np.uint32(4)

ASSURED: Final = 1
"""A trait of flows that both ends take part in; those of TCP and SCTP from the complete handshake to the end."""
ANSWERED: Final = 2
"""A trait: a packet of the other direction has been seen, if need be in window."""
PICKED_UP: Final = 4
"""A trait of TCP connections and SCTP associations whose beginning was not seen, so that little is known to check."""
FINISHED: Final = 8
"""A trait of TCP connections, shifted by the direction: its FIN has been seen."""
BEGUN_BY_NODE: Final = 32
"""A trait of what the node itself began: no policy is asked about its destination."""

# What a packet does to its flow (``states.py``).
TRACKED: Final = 0
BEGINS_ANEW: Final = 1
"""It opens a connection where one has ended: the flow is to be removed, and another to be made for the packet."""

# What looking at a packet of a connection came to, besides the row of timeouts that it leaves the flow at.
UNCHANGED: Final = -1
OPENS: Final = -2

NEVER_SEEN: Final = 0
"""The state of a flow whose first packet has not been looked at."""

ONE_WAY: Final = 1
TWO_WAY: Final = 2
"""The states of what is no connection."""

TCP_SYN_SENT: Final = 1
TCP_SYN_RECEIVED: Final = 2
TCP_ESTABLISHED: Final = 3
TCP_FIN_WAIT: Final = 4
"""One direction has sent its FIN."""
TCP_CLOSE_WAIT: Final = 5
"""And the other has acknowledged it."""
TCP_LAST_ACK: Final = 6
"""Both have sent their FIN."""
TCP_TIME_WAIT: Final = 7
"""And both are acknowledged."""
TCP_CLOSE: Final = 8
"""Reset."""
TCP_SIMULTANEOUS_OPEN: Final = 9
"""Both directions have sent a SYN, none has acknowledged one."""
TCP_UNANSWERED: Final = 10
"""No state: the row of timeouts for established connections picked up of which only one direction has been seen."""

SCTP_COOKIE_WAIT: Final = 1
SCTP_COOKIE_ECHOED: Final = 2
SCTP_ESTABLISHED: Final = 3
SCTP_SHUTDOWN_SENT: Final = 4
SCTP_SHUTDOWN_ACK_SENT: Final = 5
SCTP_CLOSED: Final = 6
SCTP_HEARTBEAT_SENT: Final = 7
"""A further path of an association (RFC 9260 section 8.3)."""
SCTP_UNANSWERED: Final = 8
"""No state: as TCP_UNANSWERED."""

GENERIC_CLASS: Final = 0
TCP_CLASS: Final = 1
UDP_CLASS: Final = 2
ICMP_CLASS: Final = 3
SCTP_CLASS: Final = 4
"""Protocols that share states and timeouts."""
CLASS_STATES: Final = 16

FLOW_RULES_DTYPE: Final = np.dtype([("timeouts", "u4", (8 * CLASS_STATES,))], align=True)
"""After how many ticks without a packet a flow is forgotten: of a class in a state at ``class * CLASS_STATES +
state``."""

SWEEP_TICKS: Final = 256
"""Each tick sweeps this share of the records, so that what has expired is gone 34 s later."""

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
        ("observed", "u8", (1,)),
        ("reserved", "u8", (6,)),
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
record never used, ``hand`` is where to search next; a worker's ``noted_turn`` is at ``worker * 8``. ``observed`` is the
agent's: not 0 while somebody wants to know what begins and ends (``flowlog/``)."""


class Flows(NamedTuple):
    """The flow table: head record, index (recarray of ``FLOW_BUCKET_DTYPE``), ring of free records (u8), records
    (recarray of ``FLOW_DTYPE``), the records' words (u8), for prefetching, and the worker's log (``flowlog/``)."""

    head: Any
    buckets: Any
    ring: Any
    records: Any
    words: Any
    log: Any


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


def view_flows(head: Any, buckets: Any, ring: Any, records: Any, log: Any) -> Flows:
    """Return the table over its memory; ``head`` and ``log`` are records, ``records`` is contiguous."""
    return Flows(head, buckets, ring, records, records.view(np.ndarray).view(np.uint64), log)


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

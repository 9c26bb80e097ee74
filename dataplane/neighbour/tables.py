"""The table of neighbours: which MAC an address on a link has, and how sure that is. And what messages say.

One table for the addresses of both families, found by domain and address. It is a hash table of buckets of one cache
line, two entries each. An entry is four words: the address, the domain over the MAC, and its state, which changes by
compare-and-swap alone::

    63            32 31          8 7     4 3      0
    +---------------+-------------+-------+--------+
    | since tick    | changes     | tries | status |
    +---------------+-------------+-------+--------+

States are those of RFC 4861 section 7.3.2, for ARP alike. DELAY is not among them: the first use of a stale entry asks
at once, so ``PROBE`` follows ``STALE``::

    a packet -> INCOMPLETE: it waits; all are asked, TRIES times, a second apart -> FAILED: refused -> gone
    news     -> REACHABLE for a time (``rules``) -> stale, until used -> PROBE: usable; it is asked, TRIES times -> gone

A ``REACHABLE`` entry is stale from an age on, without a change; ``STALE`` are those that became so earlier, by news
that nobody asked for. What nobody uses for ``UNUSED_TICKS`` after that is gone.

Invariants
  - An entry lies in one of ``PROBE_LIMIT`` buckets from its home on, in the first place that was free when it came.
    Look-ups that find nothing read all of them; there are no tombstones.
  - Whoever reads an entry reads its state before and after: what it found belongs together if that is the same. Who
    changes address or MAC makes the entry CLAIMED or CHANGING first; others wait or pass meanwhile. It does so within
    a burst: what it left so is freed when all workers have begun one of a later tick, or sleep, or have ended, and
    never before, however long one is stopped. Workers note the tick of each vector, and ``AWAY`` as they go to sleep;
    for one that has ended the agent does (``build.py``).
  - What is due, and when, each state and its tick say. ``next_due`` is no later than the first of them, so nothing is
    swept before; while a sweep is under way it says when another worker must sweep, were this one killed.
  - Frames that wait are parked under the entry's number (``parking/``). Who settles an entry returns them; who parks a
    frame looks again whether the entry has been settled; what a full vector left waiting, the timers return.
  - The agent changes no entry. It forgets one by saying in ``void`` which state of it was the last: in that state the
    entry is as if absent, until the sweep frees it. No state ever comes again, so what comes too late does nothing.

Limits: ``entry_limit`` entries at half the slots or fewer; at the limit, of those searched the one that has been stale,
or failed, for the longest time goes, else there is no room. ``QUEUE`` frames wait for a neighbour. A sweep reads every
bucket, but runs only when something is due. What a lost race costs: two workers that make one entry at once may leave a
second behind, never found before the first, which goes when it is due; a worker killed while it makes or frees an
entry may leave the count of entries one too high; an entry that changes just as the agent forgets it may stay.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.layout import LINE_BYTES

NOT_DISCOVERY: Final = 0
MALFORMED: Final = 1
"""What ``read_discovery`` returns instead of a message's type."""
NOT_ARP: Final = 0
"""What ``read_arp`` returns instead of an operation."""

HOPS: Final = 255
"""The hop limit of neighbour discovery: what passed a router has less (RFC 4861 section 3.1)."""
SOLICITATION_BYTES: Final = 24
ROUTER_SOLICITATION_BYTES: Final = 8
ROUTER_ADVERTISEMENT_BYTES: Final = 16
TARGET: Final = 8
OPTION_BYTES: Final = 8
SOURCE_LINK_ADDRESS: Final = 1
TARGET_LINK_ADDRESS: Final = 2

FROM_ROUTER: Final = 0x80
SOLICITED: Final = 0x40
OVERRIDES: Final = 0x20

ALL_NODES_HIGH: Final = np.uint64(0xFF02_0000_0000_0000)
ALL_NODES_LOW: Final = np.uint64(1)
ALL_NODES_MAC: Final = np.uint64(0x0100_0000_3333)
SOLICITED_NODE_LOW: Final = np.uint64(0x0000_0001_FF00_0000)
SOLICITED_NODE_BITS: Final = np.uint64(0x00FF_FFFF)
SOLICITED_NODE_MAC: Final = np.uint64(0x00FF_3333)
LINK_LOCAL_HIGH: Final = np.uint64(0xFE80_0000_0000_0000)

PREFIX_INFORMATION: Final = 3
PREFIX_BYTES: Final = 32
MTU_OPTION: Final = 5
NAME_SERVERS: Final = 25
NAME_SERVER_BYTES: Final = 24
ON_LINK: Final = 0x80
AUTONOMOUS: Final = 0x40
AUTONOMOUS_BITS: Final = 64
"""The prefix length that stations make addresses from (RFC 4862 section 5.5.3 d, RFC 2464 section 4)."""
OWN_HOPS: Final = 64
"""What stations are told to send with."""
ROUTER_LIFETIME_S: Final = 1800
VALID_LIFETIME_S: Final = 2_592_000
PREFERRED_LIFETIME_S: Final = 604_800
"""The defaults of RFC 4861 section 6.2.1."""

EMPTY: Final = np.uint64(0)
CLAIMED: Final = np.uint64(1)
INCOMPLETE: Final = np.uint64(2)
REACHABLE: Final = np.uint64(3)
STALE: Final = np.uint64(4)
PROBE: Final = np.uint64(5)
FAILED: Final = np.uint64(6)
CHANGING: Final = np.uint64(7)
STATUS_MASK: Final = np.uint64(15)
TRIES_SHIFT: Final = np.uint64(4)
TRIES_MASK: Final = np.uint64(15)
CHANGES_SHIFT: Final = np.uint64(8)
CHANGES_MASK: Final = np.uint64(0xFF_FFFF)
SINCE_SHIFT: Final = np.uint64(32)
DOMAIN_SHIFT: Final = np.uint64(48)

TRIES: Final = np.uint64(3)
"""How often a neighbour is asked (RFC 4861 section 10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT)."""
RETRY_TICKS: Final = np.uint64(8)
FAILED_TICKS: Final = np.uint64(23)
UNUSED_TICKS: Final = np.uint64(4471)
"""1 s, 3 s and 10 minutes, rounded up to ticks (``fdb/tables.py``)."""
QUEUE: Final = 16

SEND: Final = 0
SEND_AND_PROBE: Final = 1
"""Send, and let ``wait_for_neighbour`` ask whether the neighbour is still there."""
ASK: Final = 2
"""Let ``wait_for_neighbour`` keep the frame, and ask who has the address."""
WAIT: Final = 3
UNREACHABLE: Final = 4
NO_ROOM: Final = 5

CONFIRMED: Final = SOLICITED | OVERRIDES
"""Kinds of news are the bits of an advertisement that make the difference. This is an answer to a question of ours."""
HEARD: Final = CONFIRMED
"""A neighbour says its MAC as it asks for something; it is there, and so is what it says."""
UNSOLICITED: Final = 0
UNSOLICITED_OVERRIDE: Final = OVERRIDES

BUCKET_ENTRIES: Final = 2
PROBE_LIMIT: Final = 16
EVICTION_SEARCH: Final = 256
"""Buckets searched for the entry that can go first."""

NEIGHBOUR_BUCKET_DTYPE: Final = np.dtype(
    [
        ("low", "u8", (BUCKET_ENTRIES,)),
        ("high", "u8", (BUCKET_ENTRIES,)),
        ("link", "u8", (BUCKET_ENTRIES,)),
        ("state", "u8", (BUCKET_ENTRIES,)),
    ],
    align=True,
)
"""Addresses as columns hold them; ``link`` is domain << 48 | MAC, MAC 0 while there is none."""

NOT_DUE: Final = np.uint64(1 << 63)
GUARD: Final = np.uint64(1 << 62)
AT_ONCE: Final = np.uint64(1 << 61)
"""``next_due`` when nothing is; the bit that marks the one that a sweep under way leaves; when the agent has forgotten
something."""

AWAY: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
NEIGHBOUR_WORKERS: Final = 4
"""As many as there may be workers."""

NEIGHBOUR_HEAD_DTYPE: Final = np.dtype(
    [
        ("multipliers", "u8", (4,)),
        ("index_bits", "u8"),
        ("entry_limit", "i8"),
        ("reserved", "u8", (2,)),
        # What follows is written by workers, each word in a line of its own.
        ("entries", "i8", (8,)),
        ("hand", "u8", (8,)),
        ("next_due", "u8", (8,)),
        ("noted_tick", "u8", (NEIGHBOUR_WORKERS * 8,)),
    ],
    align=True,
)
"""Of arrays the first element counts: ``entries`` there are, ``hand`` is the bucket to search next for one to go,
``next_due`` is a tick; a worker's ``noted_tick`` is at ``worker * 8``."""

NEIGHBOUR_RULES_DTYPE: Final = np.dtype([("reachable_ticks", "u4")], align=True)
"""What the agent says, in two copies of which one is in force: how long a neighbour that was heard counts as there."""


class Neighbours(NamedTuple):
    """The table: head record, buckets (recarray of ``NEIGHBOUR_BUCKET_DTYPE``), which state of each entry is void (u8),
    the rules in force. Entry 0 is none; entry ``bucket * 2 + k + 1`` is number k of a bucket."""

    head: Any
    buckets: Any
    void: Any
    rules: Any


def neighbour_buckets(entry_limit: int) -> int:
    """Return how many buckets hold ``entry_limit`` entries with at most half of the slots in use."""
    buckets = PROBE_LIMIT
    while buckets < entry_limit:
        buckets *= 2
    return buckets


def neighbour_entries(entry_limit: int) -> int:
    """Return how many entries those buckets have, and one for the entry 0 that is none."""
    return 1 + neighbour_buckets(entry_limit) * BUCKET_ENTRIES


def view_neighbours(head: Any, buckets: Any, void: Any, rules: Any) -> Neighbours:
    """Return the table over its memory; ``head`` and ``rules`` are records."""
    return Neighbours(head, buckets, void, rules)


def initialize_neighbours(head: Any, entry_limit: int, random: np.random.Generator) -> None:
    """Make the head of an empty table, whose other memory is zeroed; the hash multipliers are secret."""
    head.multipliers[:] = random.integers(0, 1 << 64, 4, dtype=np.uint64) | np.uint64(1)
    head.index_bits = neighbour_buckets(entry_limit).bit_length() - 1
    head.entry_limit = entry_limit
    head.next_due[0] = NOT_DUE
    head.noted_tick[:] = AWAY


assert NEIGHBOUR_BUCKET_DTYPE.itemsize == LINE_BYTES

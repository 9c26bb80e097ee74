"""Fragmented packets under way: what later fragments learn from the first, and which bytes have passed.

Only a packet's first fragment has a transport header. So its ports are noted, and the fragments that follow are treated
as if they carried them; those that come before it are parked, and routed again once it is there. Nothing is
reassembled: fragments leave as they came.

A fragmented packet is an *entry*: domain, addresses, identification, protocol (RFC 791; over IPv6 the protocol is none
of it, RFC 8200 section 4.5), the ports, and one bit for every eight bytes that have passed: that have gone on, not only
been looked at, for a fragment may have to wait for a neighbour's MAC too, and is then met again. The bits tell

  - fragments that overlap: then the whole packet is refused, what is still to come included (RFC 5722). One that was
    there before is dropped alone, since networks duplicate (RFC 8200 section 4.5);
  - when the packet is complete: then its entry is free again at once, for a fast sender uses an identification again
    within seconds.

Slots are found by hash, in a window of ``WINDOW`` slots from the key's home. A slot is one word and one entry::

    word   63           32 31           8 7       0
           +--------------+--------------+---------+
           | born (tick)  | fingerprint  | state   |           0: free
           +--------------+--------------+---------+

Invariants
  - A word changes by compare-and-swap alone. Whoever makes it BUSY has the entry for itself, and frees or fills it.
  - What is read of an entry counts only if the word is the same afterwards.
  - An entry that is older than ``lifetime`` is as if absent. A BUSY one of that age was left by a worker that was
    killed; the sweep frees both.
  - Several workers may meet fragments of one packet at once: bits, extent and ports change atomically. Two entries of
    one key can come of that; fragments then wait in one of them for a first that was noted in the other, and expire.
  - Ports are noted in place of the ``tag`` of the packet that they belong to: a worker that was held up while the entry
    became another packet's expects another tag, and notes nothing.

Limits: ``entry_limit`` entries. At the limit, or with no free slot in its window, a new one takes the place of the
window's oldest if that is older than ``SPARED_TICKS``; else its fragment is refused. ``EARLY_FRAGMENTS`` wait for each
first.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.layout import LINE_BYTES

FOLLOWS: Final = 0
"""The fragment goes on, with ports and protocol in its columns; what had waited for it stands at the vector's end."""
WAITS: Final = 1
"""It came before its first fragment, and is parked."""
TABLE_FULL: Final = 2
OVERLAPS: Final = 3
"""It covers bytes that were there before, or lies where no fragment can lie; or its packet was refused for that."""

FREE: Final = 0
BUSY: Final = 1
LIVE: Final = 2
REFUSED: Final = 3

UNIT_BYTES: Final = 8
"""Fragments begin at multiples of this (RFC 791 section 3.2)."""
MOST_BYTES: Final = 65535
UNIT_WORDS: Final = (MOST_BYTES // UNIT_BYTES + 1) // 64

WINDOW: Final = 32
EARLY_FRAGMENTS: Final = 8
SPARED_TICKS: Final = 8
"""About a second (ticks: ``fdb/tables.py``)."""
SWEPT_SLOTS: Final = 2048
"""How many slots one sweep looks at."""

FRAGMENT_HEAD_DTYPE: Final = np.dtype(
    [
        ("multipliers", "u8", (6,)),
        ("slot_bits", "u8"),
        ("entry_limit", "u8"),
        # In ticks; written by the agent at any time.
        ("lifetime", "u8"),
        ("reserved", "u8", (7,)),
        # Written by workers: how many entries there are, and where to sweep next; each in a line of its own.
        ("entries", "u8", (8,)),
        ("hand", "u8", (8,)),
    ],
    align=True,
)

FRAGMENT_ENTRY_DTYPE: Final = np.dtype(
    [
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        # domain << 48 | is_ipv6 << 40 | protocol << 32 | identification
        ("word", "u8"),
        # tag << 40, then KNOWN | tag << 40 | protocol << 32 | ports, from the first fragment.
        ("transport", "u8", (1,)),
        # Bytes: end of the packet << 32, once its last fragment is there | end of what has passed.
        ("extent", "u8", (1,)),
        ("covered_units", "u8", (1,)),
        # How many frames are parked for it.
        ("waiting", "u8", (1,)),
        ("reserved", "u8", (7,)),
        ("units", "u8", (UNIT_WORDS,)),
    ],
    align=True,
)


class Fragments(NamedTuple):
    """The table: its head, the slots' words (u8), and their entries (recarray of ``FRAGMENT_ENTRY_DTYPE``)."""

    head: Any
    words: Any
    entries: Any


def fragment_slots(entry_limit: int) -> int:
    """Return how many slots hold ``entry_limit`` entries at half load or less."""
    slots = WINDOW
    while slots < 2 * entry_limit:
        slots *= 2
    return slots


def view_fragments(head: Any, words: Any, entries: Any) -> Fragments:
    """Return the table over its memory; ``head`` is its record."""
    return Fragments(head, words, entries)


def initialize_fragments(head: Any, entry_limit: int, lifetime: int, random: np.random.Generator) -> None:
    """Make the head of an empty table, whose other memory is zeroed. ``lifetime`` is in ticks; the hash multipliers are
    secret."""
    head.multipliers[:] = random.integers(0, 1 << 64, 6, dtype=np.uint64) | np.uint64(1)
    head.slot_bits = fragment_slots(entry_limit).bit_length() - 1
    head.entry_limit = entry_limit
    head.lifetime = lifetime


assert FRAGMENT_ENTRY_DTYPE.itemsize % LINE_BYTES == 0

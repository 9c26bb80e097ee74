"""The forwarding information base (FIB): for an address, the next-hop group of the longest prefix that covers it.

Goals: 10 routes or 1,000,000, one kind of table for IPv4 and IPv6; loaded at once in about a second without compiled
code; changed route by route in place while workers read; small enough for the caches.

It is a trie of compressed blocks (a poptrie, Asai and Ohara 2015, with one word a child instead of two bases a node).
The first 18 bits of an address choose one of the root's words, each further 6 bits one of a block's 64 entries. Of
neighbouring entries that are equal a block stores one, a *run*; bit j of its bitmap is 1 where entry j begins a run::

    root, 2**18 words        a block: one bitmap, and its runs in order, two to a unit of 8 bytes
    +-----+                  +---------------------+----------+----------+-----+----------+
    | ... |       ref ---->  | bitmap (64 bits)    | run 0    | run 1    | ... | run n-1  |   n = 1 … 64
    +-----+      /           +---------------------+----------+----------+-----+----------+
    | word| ----+                                        entry j is run popcount(bitmap & (2 << j) - 1) - 1
    +-----+

    word    31        30            23 22                        0
           +---------+----------------+---------------------------+
           | leaf: 0 | prefix length  | next-hop group, 0 is none |    zeroed memory is a table without routes
           +---------+----------------+---------------------------+
           | node: 1 | ref: the unit where the block begins       |
           +---------+--------------------------------------------+

IPv4 ends after at most 3 blocks (18, 24, 30 bits; a /24 in the first), IPv6 after 19 (a /48 in the fifth).

Invariants
  - Every entry holds its answer: the routes above are pushed down to it. A leaf says how long the prefix was that gave
    the answer, so that a change can tell from the words alone what it may overwrite: a new /20 what has length 20 or
    less, a /20 that goes what has length 20.
  - The form is canonical: neighbouring leaves of a block differ, and no block holds nothing but one leaf. So the same
    routes make the same trie whatever the order in which they came, and what is removed leaves nothing behind.
  - Exactly one word refers to a block.

Changes while workers read. The agent is the only writer. It changes a single word at a time, by one aligned store; it
replaces a block by filling another one and then changing the one word that refers to it. A reader therefore finds,
for every address, the old answer or the new one, and never anything but the present one for an address that the
change does not concern. A route that covers many entries changes them one after the other: meanwhile two addresses may
be answered by two states. Below the block where the prefix ends no run is split or merged, so all of it is in place.
A block that is out of use is filled anew only when no worker can be reading it (``dataplane/generation/grace.py``).
The writer relies on stores becoming visible in their order, as x86 has it.

Bounds. ``route_limit`` routes, and the units given to the table. A route needs at most one block more on each level, of
at most 3 runs, and parts at most one run of it into 3: ``units_for`` has room for the worst case, in memory that costs
nothing before it is used. Loading a whole table needs room for the new one beside the old. Blocks come in 32 sizes;
larger ones are divided when a size has run out. When there is no room, or a worker stands still with the blocks that
have gone out of use, a change is refused and all stays as it was. A million routes as the Internet has them take 10 MiB
for IPv4 and 25 MiB for IPv6, the root's one included; the agent's own record of them takes 70 to 140 MiB more.

Measured against DIR-24-8 for IPv4 (one word for each of 2**24 prefixes): that answers 1.3 to 2.4 times as fast, but a
look-up takes 3 to 6 ns here too while the table is in the caches, and 64 MiB would push everything else out of them; a
short prefix would change millions of words, and IPv6 would need another kind of table.

One table is one set of routes: several tables would be several pairs of arrays, at 1 MiB for each root.
"""

from typing import Any, Final, NamedTuple

import numpy as np

ROOT_BITS: Final = 18
ROOT_SLOTS: Final = 1 << ROOT_BITS
STRIDE: Final = 6
FANOUT: Final = 1 << STRIDE

IPV4_BITS: Final = 32
IPV6_BITS: Final = 128

NODE: Final = 1 << 31
LENGTH_SHIFT: Final = 23
GROUP_MASK: Final = (1 << LENGTH_SHIFT) - 1
LENGTH_MASK: Final = 0xFF
NO_ROUTE: Final = 0
"""The group of an address that no route covers."""

_LONGEST_CHAIN: Final = {IPV4_BITS: 3, IPV6_BITS: 19}
_UNITS_A_LEVEL: Final = 3
_SPARE_UNITS: Final = 1 << 15


class Fib(NamedTuple):
    """One table of routes: ``root`` is uint32[ROOT_SLOTS], ``units`` is uint64[units_for(…)]."""

    root: Any
    units: Any


def units_for(route_limit: int, width: int) -> int:
    """Return how many units of 8 bytes hold ``route_limit`` routes of ``width`` bits, whichever they are."""
    return route_limit * _LONGEST_CHAIN[width] * _UNITS_A_LEVEL + _SPARE_UNITS


def make_fib(route_limit: int, width: int) -> Fib:
    """Return an empty table in private memory."""
    return Fib(np.zeros(ROOT_SLOTS, np.uint32), np.zeros(units_for(route_limit, width), np.uint64))

"""Next hops and next-hop groups: what the number that a look-up of a route returns stands for.

A group is one word. Either it names its only next hop, which is one load for nearly all routes, or it names a *spread*:
256 places, dealt out among up to 64 next hops in proportion to their weights. The last bits of a packet's flow hash
choose the place, so a flow stays with its next hop, and the order of its packets is kept::

    group   31          30                    0        spread   +-----+-----+-----+-----+-----+----
           +-----------+-----------------------+      --------> | hop | hop | hop | hop | hop | …     256 places
           | SPREAD: 1 | spread                | ----/          +-----+-----+-----+-----+-----+----
           | 0         | next hop              |
           +-----------+-----------------------+      group 0 and next hop 0 mean: there is no route

Invariants
  - When a member leaves, only its places are dealt out anew: flows of the others stay where they are. When one comes,
    or weights change, only as many places move as must.
  - A member has its share of the places, rounded, but one at least; where many have so little, the largest give.

Changes while workers read. The agent is the only writer; each change is one aligned store of a word, of a group or of a
place, so a reader finds the old next hop or the new one. A next hop is never rewritten: another one is written first,
then what names it is changed. What nothing names any more is filled anew only when no worker can be reading it
(``dataplane/generation/grace.py``). A group may go only when no route leads to it any more.

Full: a next hop, group or spread that does not fit is refused, and all stays as it was.
"""

from typing import Any, Final, NamedTuple

import numpy as np

NONE: Final = 0
CONNECTED: Final = 1
VIA: Final = 2
BLACKHOLE: Final = 3
UNREACHABLE: Final = 4
LOCAL: Final = 5
KIND_NAMES: Final = ("none", "connected", "via", "blackhole", "unreachable", "local")

NEXTHOP_DTYPE: Final = np.dtype(
    [
        ("address_high", "u8"),
        ("address_low", "u8"),
        ("interface", "u2"),
        ("domain", "u2"),
        ("mtu", "u2"),
        ("peer", "u2"),
        ("kind", "u1"),
        ("is_open", "u1"),
    ],
    align=True,
)
"""One next hop: its kind; the neighbour's address in host order, for VIA (IPv4 mapped); the router's interface and the
filtering domain that it lies in, and the MTU there in bytes; the peer of the overlay behind which all that it leads to
lies, 0 for none; whether the route says that other networks may use it. 32 bytes."""

PLACES: Final = 256
MEMBERS: Final = 64
SPREAD: Final = 1 << 31


class Hops(NamedTuple):
    """Next hops (recarray of ``NEXTHOP_DTYPE``), ``group``: uint32 a group, ``spread``: uint32[spreads, PLACES]."""

    hop: Any
    group: Any
    spread: Any


def make_hops(hops: int, groups: int, spreads: int) -> Hops:
    """Return empty tables in private memory; number 0 of hops and of groups is taken."""
    return Hops(
        np.zeros(hops, NEXTHOP_DTYPE).view(np.recarray),
        np.zeros(groups, np.uint32),
        np.zeros((spreads, PLACES), np.uint32),
    )

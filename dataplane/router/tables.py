"""What the router sees during one burst, and what it keeps between packets.

``docs/router.md`` says what a packet meets in the router, step by step. Everything that a packet is decided by is
read first; only then is anything written. So a packet that must wait (for a neighbour's MAC, for the first fragment of
its packet) waits as it came, and is routed again, wholly, when what it waits for is there.
"""

from typing import Final

import numpy as np

from dataplane.flow.tables import CONVERSATION_DTYPE, TUPLE_DTYPE
from dataplane.vector import MAX_PORTS

BRIDGED: Final = 0
"""An errand: nothing that concerns the router."""
PACKET_ERRAND: Final = 1
ARP_ERRAND: Final = 2
DISCOVERY_ERRAND: Final = 3
MALFORMED_ERRAND: Final = 4
NOT_ROUTABLE_ERRAND: Final = 5
JUDGED: Final = 6
"""A packet that is not for the router, but that policies may have something against."""
UNREADABLE: Final = 7
"""Neither ARP nor a packet, where policies are."""

UNTRACKED: Final = 0
"""How a packet's conversation is known: not at all."""
NEW: Final = 1
KNOWN: Final = 2
RELATED: Final = 3
"""The packet is an ICMP error about a packet of a known flow."""

WAY_DTYPE: Final = np.dtype(
    [
        # The packet's tuple, and what answers to it will carry; the tuple that it leaves with.
        ("conversation", CONVERSATION_DTYPE),
        ("leaves_as", TUPLE_DTYPE),
        ("half", "i8"),
        ("standing", "u1"),
        ("is_redirected", "u1"),
        ("egress", "u4"),
        ("ingress", "u4"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        # Of the burst: the policies' stamp as it began, 0 if there are none.
        ("stamp", "u4"),
        ("is_from_node", "u1"),
        ("members", "u2", (MAX_PORTS,)),
    ],
    align=True,
)
"""What is found out about the packet at hand: its flow's half if it is KNOWN or RELATED, whether its destination is
being translated, and to what; and what policy says of it: the judgements (``policy/tables.py``) of its source's egress
and its destination's ingress, 0 where nobody's policy was asked; whether the node itself has begun the conversation;
who of its domain may have it, if it is for several."""

ERRORS_DTYPE: Final = np.dtype([("due_ns", "u8", (MAX_PORTS, 1))], align=True)
"""What limits ICMP errors: for each port that they go to, when its bucket will be full again."""
ERROR_COST_NS: Final = np.uint64(1_000_000)
ERROR_BURST_NS: Final = np.uint64(50_000_000)
"""A thousand a second, fifty at once."""

CLOCK_DTYPE: Final = np.dtype([("ticks", "u8", (8,)), ("announced", "u8"), ("next_announced", "u8")], align=True)
"""The first of ``ticks`` is the time at which timers ran last, in ticks that do not wrap; the others keep its line
free. ``announced`` stands for the interfaces and links that the router has told everybody of, or is telling: then it
has come to interface ``next_announced``, 0 when it is through."""


COPIED: Final = ("interfaces", "flow_rules", "nat_rules", "neighbour_rules", "overlay", "policy")
"""Arrays of which the copy in force counts."""
OF_WORKER: Final = ("nat_draws", "nat_scratch", "ways", "quotes", "policy_hits", "flow_logs")
"""Arrays that have a record for each worker."""
SHARED: Final = (
    *("fib4_root", "fib4_units", "fib6_root", "fib6_units", "hops", "hop_groups", "hop_spreads"),
    *("flow_head", "flow_buckets", "flow_ring", "flow_records"),
    *("mapping_head", "mapping_buckets", "mapping_ring", "mapping_records"),
    *("neighbour_head", "neighbour_buckets", "neighbour_void", "parking_head", "parking_places", "parking_tails"),
    *("fragment_head", "fragment_words", "fragment_entries", "errors", "clock", "remotes"),
    *("policy_head", "policy_ends", "policy_rows", "policy_cells", "policy_lists", "policy_steps"),
    *("policy_fib4_root", "policy_fib4_units", "policy_fib6_root", "policy_fib6_units"),
)
ROUTER_ARRAYS: Final = (*COPIED, *OF_WORKER, *SHARED)

ROUTER_DTYPE: Final = np.dtype(
    [("in_force", "u8"), ("worker", "u8")]
    + [(name, "u8") for name in ROUTER_ARRAYS]
    + [(f"{name}_count", "i8") for name in ROUTER_ARRAYS],
    align=True,
)
"""Where one process finds the router's arrays: their addresses and lengths, the copy in force, the worker's number.

One pointer stands for all of them: a kernel that took them one by one would have hundreds of arguments, and take
minutes to compile. ``view.py`` makes arrays of them again.
"""

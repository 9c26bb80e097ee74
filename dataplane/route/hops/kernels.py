"""Choosing a group's next hop by the flow."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.route.hops.tables import PLACES, SPREAD

_SPREAD = np.uint32(SPREAD)
_NUMBER = np.uint32(SPREAD - 1)
_PLACE = np.uint32(PLACES - 1)


@inlined
def choose_hop(hops: Any, group: int, flow_hash: int) -> int:
    """Return the index of the next hop for a flow (uint32 hash) in a group; 0 for group 0."""
    word = hops.group[np.int64(group)]
    if word & _SPREAD:
        return hops.spread[np.int64(word & _NUMBER), np.int64(np.uint32(flow_hash) & _PLACE)]
    return word


@kernel
def choose_hops(hops: Any, group: Any, flow_hash: Any, hop: Any, count: int) -> None:
    """Write into ``hop`` (uint32) the next hop of each of ``count`` packets.

    ``group``, ``flow_hash``: uint32.
    """
    for i in range(count):
        hop[i] = choose_hop(hops, group[i], flow_hash[i])

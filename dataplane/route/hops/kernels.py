"""Choosing a group's next hop by the flow."""

from typing import Any

import numpy as np

from dataplane.jit import inlined
from dataplane.route.hops.tables import PLACES, SPREAD

_SPREAD = np.uint32(SPREAD)
_NUMBER = np.uint32(SPREAD - 1)
_PLACE = np.uint32(PLACES - 1)


@inlined
def is_spread(word: int) -> bool:
    """Whether a group's word names a spread."""
    return word & _SPREAD != 0


@inlined
def hop_in_spread(places: Any, word: int, flow_hash: int) -> int:
    """Return the index of the next hop that a flow (uint32 hash) has in the spread that a group's word names."""
    return np.int64(places[np.int64(word & _NUMBER) * PLACES + np.int64(np.uint32(flow_hash) & _PLACE)])


@inlined
def choose_hop(groups: Any, places: Any, group: int, flow_hash: int) -> int:
    """Return the index of the next hop for a flow in a group; 0 for group 0.

    ``groups``: the words of all groups; ``places``: uint32, those of all spreads, one spread after the other.
    """
    word = groups[np.int64(group)]
    if is_spread(word):
        return hop_in_spread(places, word, flow_hash)
    return np.int64(word)

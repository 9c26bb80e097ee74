"""Searching what the agent has sorted: by halving, a dozen steps in the largest table."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel


@inlined
def _is_after(high: Any, low: Any, other_high: Any, other_low: Any) -> bool:
    return high > other_high or (high == other_high and low > other_low)


@kernel
def find_address(highs: Any, lows: Any, count: int, high: Any, low: Any) -> Any:
    """Return where an address stands among the first ``count`` of a sorted table, or -1."""
    first: Any = np.int64(0)
    end: Any = np.int64(count)
    while first < end:
        middle = (first + end) >> 1
        if _is_after(high, low, highs[middle], lows[middle]):
            first = middle + 1
        else:
            end = middle
    if first < np.int64(count) and highs[first] == high and lows[first] == low:
        return first
    return np.int64(-1)


@kernel
def find_published(rules: Any, high: Any, low: Any, word: Any) -> Any:
    """Return which range publishes ``word`` (uint64: protocol << 16 | port) on this address, or -1."""
    # The last range that does not begin behind it.
    first: Any = np.int64(0)
    end: Any = np.int64(rules.published)
    while first < end:
        middle = (first + end) >> 1
        to_high, to_low = rules.published_high[middle], rules.published_low[middle]
        is_before = to_high == high and to_low == low and np.uint64(rules.published_first[middle]) <= word
        if is_before or _is_after(high, low, to_high, to_low):
            first = middle + 1
        else:
            end = middle
    at = first - 1
    is_there = at >= 0 and rules.published_high[at] == high and rules.published_low[at] == low
    return at if is_there and word <= np.uint64(rules.published_last[at]) else np.int64(-1)

"""Limiting how often something happens."""

from typing import Any

import numpy as np

from dataplane.jit import kernel

_UNLIMITED = np.uint64(0)


@kernel
def take_token(due_ns: Any, at: int, cost_ns: int, burst_ns: int, now_ns: int, count: int) -> bool:
    """Take one token from the bucket that ``due_ns[at]`` keeps, which is full at the start; False if there is none.

    A bucket is kept as the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371): a token
    moves it ``cost_ns`` ahead and may not move it further than ``burst_ns`` from now. A cost of 0 is no limit. What is
    worth ``count`` tokens needs one and takes all: on the average the limit holds.
    """
    if cost_ns == _UNLIMITED:
        return True
    due = max(due_ns[at], now_ns)
    if due + cost_ns - now_ns > burst_ns:
        return False
    due_ns[at] = due + cost_ns * np.uint64(count)
    return True

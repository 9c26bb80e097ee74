"""What the agent does with the flow table: it speaks for workers that cannot any more, and reads it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dataplane.flow.tables import AWAY, LIVE


def declare_away(head: Any, worker: int) -> None:
    """Say for a worker that has ended that it holds no flow. Precondition: its process is gone."""
    head.noted_turn[worker * 8] = AWAY


def live_flows(head: Any, records: Any, now: int) -> Iterator[int]:
    """Yield the numbers of the flows that there are at tick ``now``, from a table that workers go on writing."""
    used = records[: int(head.unused[0])]
    remaining = (used["expires"].astype(np.int64) - now) % (1 << 32)
    is_there = (used["status"][:, 0] == LIVE) & (remaining > 0) & (remaining <= 1 << 31)
    yield from np.flatnonzero(is_there).tolist()

"""The agent's side of the flow log: see ``tables.py``. All in blocks, since there may be many events."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dataplane.flowlog.tables import EVENTS, FLOW_EVENT_DTYPE


def set_observed(flow_head: Any, is_observed: bool) -> None:
    """Say whether workers write events: they see it at once."""
    flow_head.observed[0] = int(is_observed)


def take_events(logs: Any) -> Any:
    """Take what waits out of the rings of all workers (records of FLOW_LOG_DTYPE); return it as one array of
    FLOW_EVENT_DTYPE, in order of time."""
    blocks = [block for log in logs for block in take_ring(log)]
    if not blocks:
        return np.zeros(0, FLOW_EVENT_DTYPE)
    events = np.concatenate(blocks)
    return events[np.argsort(events["timestamp_ns"], kind="stable")]


def take_ring(log: Any) -> Iterator[Any]:
    """Yield copies of what waits in one ring, in two parts where it goes around the ring's end; then it is taken."""
    tail, head = int(log.tail[0]), int(log.head[0])
    events = log.events.view(np.ndarray).view(FLOW_EVENT_DTYPE)
    at, count = tail % EVENTS, head - tail
    yield events[at : at + count].copy()
    if at + count > EVENTS:
        yield events[: at + count - EVENTS].copy()
    log.tail[0] = head


def skip_events(logs: Any) -> None:
    """Forget what waits in the rings."""
    for log in logs:
        log.tail[0] = log.head[0]


def lost_events(logs: Any) -> int:
    """Return how many events found no room, ever."""
    return int(logs["lost"][:, 0].sum())


def addresses_of(words: Any, end: int) -> tuple[Any, Any]:
    """Return both halves of the addresses of tuples (n by TUPLE_WORDS): of their source (0) or destination (1)."""
    return words[:, 2 * end], words[:, 2 * end + 1]


def ports_of(words: Any) -> tuple[Any, Any, Any]:
    """Return source ports, destination ports and protocols of tuples."""
    last = words[:, 4]
    return (
        (last >> np.uint64(48)),
        (last >> np.uint64(32)) & np.uint64(0xFFFF),
        (last >> np.uint64(24)) & np.uint64(255),
    )

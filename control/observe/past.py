"""What was before somebody observed: as much as is remembered, and what the flow table still knows."""

from typing import Any

import numpy as np

from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.flow.build import READ_AT_ONCE, is_there
from dataplane.flow.tables import FLOW_DTYPE, TUPLE_DTYPE
from dataplane.flowlog.tables import FLOW_EVENT_DTYPE, NEW, NO_PORT


def flows_as_events(head: Any, records: Any, now_ns: int, seen: Any) -> Any:
    """Return, as NEW events, the beginnings of those flows there are that are not among the events ``seen``.

    Times are the workers', as exact as ticks are. ``head`` and ``records`` are the flow table's, which workers go on
    writing.
    """
    begun = seen[seen["kind"] == NEW]
    known = set(zip(begun["flow"].tolist(), begun["created"].tolist(), strict=True))
    tick = now_ns >> int(TICK_SHIFT)
    blocks = [np.zeros(0, FLOW_EVENT_DTYPE)]
    for first in range(0, int(head.unused[0]), READ_AT_ONCE):
        block = np.array(records[first : min(first + READ_AT_ONCE, int(head.unused[0]))]).view(FLOW_DTYPE)
        there = first + np.flatnonzero(is_there(block, tick & int(TICK_MASK)))
        made = zip(there.tolist(), block["created"][there - first].tolist(), strict=True)
        unseen = np.array([each[0] for each in made if each not in known], np.int64)
        blocks.append(beginnings_of(unseen, block[unseen - first], tick))
    return np.concatenate(blocks)


def beginnings_of(flows: Any, records: Any, tick: int) -> Any:
    """Return NEW events for flows with these numbers and records, as of ``tick`` (which does not wrap)."""
    events = np.zeros(len(flows), FLOW_EVENT_DTYPE)
    for half in ("original", "reply"):
        for n, name in enumerate(TUPLE_DTYPE.names or ()):
            events[half][:, n] = records[half]["key"][name]
    ages = (tick - records["created"].astype(np.int64)) & int(TICK_MASK)
    events["timestamp_ns"] = np.maximum(tick - ages, 0) << int(TICK_SHIFT)
    for n, half in enumerate(("original", "reply")):
        events["packets"][:, n], events["octets"][:, n] = records[half]["packets"], records[half]["bytes"]
    events["egress"], events["ingress"] = records["original"]["judgement"], records["reply"]["judgement"]
    events["flow"], events["created"], events["state"] = flows, records["created"], records["state"]
    events["kind"], events["in_port"], events["judged"] = NEW, NO_PORT, records["judged"]
    return events

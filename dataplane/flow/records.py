"""Free records: a ring that nobody locks, and the turns that say when a record may be used again.

Cell ``p % cells`` holds position ``p``'s record under the number of its lap, ``p // cells``, or under the same lap
nothing; whoever takes the record leaves nothing of the next lap. A cell therefore never has one value twice, and a late
compare-and-swap fails. The ends may lag one position behind the cells; whoever sees it moves them.
"""

from typing import Any, Final

import numpy as np

from dataplane.flow.tables import AWAY, FLOW_WORKERS
from dataplane.jit import kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, store_release

ATTEMPTS: Final = 1024
"""Each further attempt means that another worker came between."""

_LAP_SHIFT = np.uint64(32)
_LAP_MASK = np.uint64(0xFFFF_FFFF)
_RECORD = np.uint64(0xFFFF_FFFF)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


@kernel
def begin_flow_burst(head: Any, worker: int) -> None:
    """Say that ``worker`` holds nothing that it found before. Before it looks anything up, in every burst."""
    store_release(head.noted_turn, worker * 8, load_acquire(head.turn, 0))
    # An atomic read-modify-write orders the store above before the loads of the burst.
    fetch_add(head.turn, 1, _ZERO)


@kernel
def leave_flows(head: Any, worker: int) -> None:
    """Say that ``worker`` holds nothing until its next burst: it is about to sleep."""
    store_release(head.noted_turn, worker * 8, AWAY)


@kernel
def is_let_go(flows: Any, turn: int) -> Any:
    """Whether every worker has begun a burst since ``turn`` was counted, or sleeps."""
    oldest = AWAY
    for worker in range(FLOW_WORKERS):
        oldest = min(oldest, load_acquire(flows.head.noted_turn, worker * 8))
    return oldest >= turn


@kernel
def give_back(flows: Any, flow: int) -> None:
    """Put a record that nothing leads to any more at the end of the ring."""
    head = flows.head
    flows.records[flow].freed_turn = fetch_add(head.turn, 0, _ONE) + _ONE
    mask = np.uint64(len(flows.ring) - 1)
    for _ in range(ATTEMPTS):
        tail = load_acquire(head.ring_tail, 0)
        at: Any = np.int64(tail & mask)
        empty = ((tail >> head.ring_bits) & _LAP_MASK) << _LAP_SHIFT
        filled = compare_and_swap(flows.ring, at, empty, empty | np.uint64(flow))
        compare_and_swap(head.ring_tail, 0, tail, tail + _ONE)
        if filled:
            return


@kernel
def take_record(flows: Any) -> Any:
    """Return a record that no worker holds, first of all one used before, or 0."""
    head = flows.head
    mask = np.uint64(len(flows.ring) - 1)
    for _ in range(ATTEMPTS):
        first = load_acquire(head.ring_head, 0)
        at: Any = np.int64(first & mask)
        lap = (first >> head.ring_bits) & _LAP_MASK
        cell = load_acquire(flows.ring, at)
        if cell >> _LAP_SHIFT == lap:
            flow = np.int64(cell & _RECORD)
            if flow == 0 or not is_let_go(flows, flows.records[flow].freed_turn):
                if load_acquire(head.ring_head, 0) != first:
                    continue
                return take_unused(flows)
            taken = compare_and_swap(flows.ring, at, cell, ((lap + _ONE) & _LAP_MASK) << _LAP_SHIFT)
            compare_and_swap(head.ring_head, 0, first, first + _ONE)
            if taken:
                return flow
        else:
            compare_and_swap(head.ring_head, 0, first, first + _ONE)
    return 0


@kernel
def take_unused(flows: Any) -> Any:
    """Return a record that was never used, so that memory is touched only as it is needed, or 0."""
    for _ in range(ATTEMPTS):
        unused = load_acquire(flows.head.unused, 0)
        if unused >= np.uint64(len(flows.records)):
            return 0
        if compare_and_swap(flows.head.unused, 0, unused, unused + _ONE):
            return np.int64(unused)
    return 0

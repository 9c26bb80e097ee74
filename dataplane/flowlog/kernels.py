"""Writing events: see ``tables.py``. Whoever calls these has seen that somebody observes."""

from typing import Any

import numpy as np

from dataplane.flowlog.tables import CLOSED, EVENTS, NEW, NO_PORT
from dataplane.jit import inlined, kernel
from dataplane.memory import load_acquire, store_release
from dataplane.verdict import DROP

_MASK = np.uint64(EVENTS - 1)
_ONE = np.uint64(1)
_NONE = np.uint64(0)
_NO_ROOM = -1


@inlined
def reserve_event(log: Any) -> int:
    """Return where the next event goes, or less than 0, and one more is lost."""
    head = log.head[0]
    if head - load_acquire(log.tail, 0) >= np.uint64(EVENTS):
        log.lost[0] += _ONE
        return _NO_ROOM
    return np.int64(head & _MASK)


@inlined
def publish_event(log: Any) -> None:
    """Let the agent have the event that was written last."""
    store_release(log.head, 0, log.head[0] + _ONE)


@inlined
def write_words(words: Any, key: Any) -> None:
    """Write a tuple (fields of ``TUPLE_DTYPE``)."""
    words[0], words[1] = key.source_high, key.source_low
    words[2], words[3] = key.destination_high, key.destination_low
    words[4] = key.word


@kernel
def log_begun(log: Any, flow: int, record: Any, vector: Any, i: int) -> None:
    """Tell that frame ``i`` has begun a flow, whose ``record`` (FLOW_DTYPE) is complete but for what comes later."""
    log_flow(log, NEW, flow, record, vector.timestamp_ns[i], np.int64(vector.in_port[i]))


@kernel
def log_closed(log: Any, flow: int, record: Any) -> None:
    """Tell that a flow is over, as of the burst at hand."""
    log_flow(log, CLOSED, flow, record, log.now_ns[0], NO_PORT)


@kernel
def log_flow(log: Any, kind: int, flow: int, record: Any, timestamp_ns: Any, in_port: int) -> None:
    """Tell what a flow is."""
    at = reserve_event(log)
    if at < 0:
        return
    event = log.events[at]
    write_words(event.original, record.original.key)
    write_words(event.reply, record.reply.key)
    event.timestamp_ns = timestamp_ns
    event.packets[0], event.packets[1] = record.original.packets, record.reply.packets
    event.octets[0], event.octets[1] = record.original.bytes, record.reply.bytes
    event.egress, event.ingress = record.original.judgement, record.reply.judgement
    event.flow, event.created, event.judged = np.uint32(flow), record.created, record.judged
    event.in_port, event.kind, event.reason = np.uint16(in_port), np.uint8(kind), np.uint8(0)
    event.direction, event.state = np.uint8(0), record.state
    publish_event(log)


@kernel
def log_packet(log: Any, kind: int, original: Any, reply: Any, vector: Any, i: int, half: int, octets: int) -> None:
    """Tell of frame ``i``, of a conversation with these tuples, and of the flow's ``half`` if that is not 0.

    Reads: its verdict, reason and what policy said of it.
    """
    at = reserve_event(log)
    if at < 0:
        return
    event = log.events[at]
    direction = half & 1
    write_words(event.original, original)
    write_words(event.reply, reply)
    event.timestamp_ns = vector.timestamp_ns[i]
    event.packets[direction], event.packets[1 - direction] = _ONE, _NONE
    event.octets[direction], event.octets[1 - direction] = np.uint64(octets), _NONE
    event.egress, event.ingress = vector.egress_judgement[i], vector.ingress_judgement[i]
    event.flow, event.created, event.judged = np.uint32(half >> 1), np.uint32(0), np.uint32(0)
    event.in_port, event.kind = vector.in_port[i], np.uint8(kind)
    event.reason = vector.reason[i] if vector.verdict[i] == DROP else np.uint8(0)
    event.direction, event.state = np.uint8(direction), np.uint8(0)
    publish_event(log)

"""What packets do to their flow: counters, states, and how long it lives on.

The states are those of the protocol's class: connections of TCP (``tcp.py``), associations of SCTP (``sctp.py``), and
for all else whether packets have been seen one way or both. Each packet that means anything to its flow lets it live
for the timeout of the state that it leaves the flow in. One that does not, because it is out of window or breaks the
protocol, is counted and changes nothing else: whether it goes on is not decided here.

Workers that see one flow's two directions at once write its state without locks. Each direction's counters and most of
its window are written by the worker that receives it; where both change the state at once one change may be lost, and
the flow lives for another state's timeout until the next packet.
"""

from typing import Any

import numpy as np

from dataplane.flow.kernels import expire_at
from dataplane.flow.sctp import begin_sctp, first_sctp_row, track_sctp
from dataplane.flow.tables import (
    ANSWERED,
    ASSURED,
    BEGINS_ANEW,
    CLASS_STATES,
    GENERIC_CLASS,
    ICMP_CLASS,
    ONE_WAY,
    OPENS,
    REPLY,
    SCTP_CLASS,
    TCP_CLASS,
    TRACKED,
    TWO_WAY,
    UDP_CLASS,
    UNCHANGED,
)
from dataplane.flow.tcp import begin_tcp, first_tcp_row, track_tcp
from dataplane.jit import inlined, kernel
from dataplane.wire import PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP

_ONE = np.uint64(1)
_TICK_MASK = np.uint64(0xFFFF_FFFF)


@inlined
def class_of(protocol: int) -> int:
    """Return which states and timeouts a protocol's flows have."""
    if protocol == PROTOCOL_TCP:
        return TCP_CLASS
    if protocol == PROTOCOL_UDP:
        return UDP_CLASS
    if protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6):
        return ICMP_CLASS
    return SCTP_CLASS if protocol == PROTOCOL_SCTP else GENERIC_CLASS


@kernel
def first_timeout(rules: Any, vector: Any, heads: Any, i: int) -> Any:
    """Return for how many ticks a flow lives that frame ``i`` is the first packet of."""
    class_ = class_of(vector.protocol[i])
    row = ONE_WAY
    if class_ == TCP_CLASS:
        row = first_tcp_row(vector, heads, i)
    elif class_ == SCTP_CLASS:
        row = first_sctp_row(vector, heads, i)
    return np.int64(rules.timeouts[class_ * CLASS_STATES + row])


@kernel
def begin_tracking(flows: Any, flow: int, rules: Any, vector: Any, heads: Any, i: int, tick: int) -> None:
    """Count frame ``i`` as the first packet of a flow just made, and begin the flow's state by it.

    Precondition: the frame's columns and headers are as it came. ``tick`` is the frame's, a uint64.
    """
    record = flows.records[flow]
    record.original.packets += _ONE
    record.original.bytes += vector.packet_bytes[i]
    class_ = class_of(vector.protocol[i])
    row = ONE_WAY
    if class_ == TCP_CLASS:
        row = begin_tcp(record, vector, heads, i)
    elif class_ == SCTP_CLASS:
        row = begin_sctp(record, vector, heads, i)
    else:
        record.state = ONE_WAY
    expire_at(record, tick, rules.timeouts[class_ * CLASS_STATES + row])


@inlined
def track_packet(flows: Any, half: int, rules: Any, vector: Any, heads: Any, i: int, tick: int) -> int:
    """Count frame ``i`` as a packet of ``half`` (flow * 2 + direction), and let it change the flow's state.

    Return TRACKED, or BEGINS_ANEW: then nothing has been counted, and the flow is the caller's to remove. Precondition:
    the frame's columns and headers are as it came. ``tick`` is the frame's, a uint64.
    """
    record = flows.records[half >> 1]
    direction = half & 1
    class_ = class_of(vector.protocol[i])
    if class_ == TCP_CLASS:
        row = track_tcp(record, direction, vector, heads, i)
    elif class_ == SCTP_CLASS:
        row = track_sctp(record, direction, vector, heads, i)
    else:
        row = track_exchange(record, direction)
    if row == OPENS:
        return BEGINS_ANEW
    count_packet(record, direction, vector, i)
    if row != UNCHANGED:
        extend_life(record, tick, rules.timeouts[class_ * CLASS_STATES + row])
    return TRACKED


@inlined
def track_exchange(record: Any, direction: int) -> int:
    """Note the direction of a packet of no connection; return the flow's state."""
    if direction == REPLY and record.traits & ASSURED == 0:
        record.traits |= ASSURED | ANSWERED
        record.state = TWO_WAY
    return np.int64(record.state)


@inlined
def count_packet(record: Any, direction: int, vector: Any, i: int) -> None:
    """Count frame ``i``, by the bytes of its IP packet."""
    if direction == REPLY:
        record.reply.packets += _ONE
        record.reply.bytes += vector.packet_bytes[i]
    else:
        record.original.packets += _ONE
        record.original.bytes += vector.packet_bytes[i]


@inlined
def extend_life(record: Any, now: int, timeout: int) -> None:
    """Let a flow live until ``timeout`` ticks after ``now``. Most packets come in the tick of the one before: they
    leave the line clean, which the other direction's worker reads."""
    expires = (now + np.uint64(timeout)) & _TICK_MASK
    if record.expires != expires:
        record.expires = expires

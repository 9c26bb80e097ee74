"""Blocks of events as columns of plain numbers, which is what makes telling them quick."""

from typing import Any, Final

import numpy as np

from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.flowlog.build import ports_of
from dataplane.flowlog.tables import CLOSED, NO_PORT
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP

NO_NUMBER: Final = -1
"""What stands for the port of a protocol that has none, and for the protocol of what is no packet."""
NO_ADDRESS: Final = 1 << 64
"""The upper half of the address of what is no packet; the lower one is the port where it came in."""

_NS: Final = 1_000_000_000
_JUDGEMENT_BITS: Final = 20
_REASON_BITS: Final = 8


def columns_of(events: Any, clock_ns: int, stamp: int) -> tuple[Any, ...]:
    """Return columns for events (FLOW_EVENT_DTYPE), whose times are to be told ``clock_ns`` later, and rules by what
    they are called since the policies' ``stamp``: the verdict's number
    (``ruling_of``); seconds, nanoseconds; protocol; both halves of the source's address, its port; those of the
    destination, as it is after translation; whether anything was translated; the port it came in by; direction; flow;
    packets and bytes of both directions; for how long it lasted, in seconds."""
    original, reply = events["original"], events["reply"]
    port, addressed_port, protocol = ports_of(original)
    to_port, as_port, _ = ports_of(reply)
    time_ns = events["timestamp_ns"].astype(np.int64) + clock_ns
    is_packet = original[:, 4] != 0
    has_ports = np.isin(protocol, (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP))
    is_same = (original[:, :2] == reply[:, 2:4]).all(axis=1) & (original[:, 2:4] == reply[:, :2]).all(axis=1)
    is_same &= (port == as_port) & (addressed_port == to_port)
    return (
        rulings_of(events, stamp),
        *(time_ns // _NS, time_ns % _NS, numbers_where(is_packet, protocol)),
        *(*address_where(is_packet, original, events["in_port"]), numbers_where(has_ports, port)),
        *(*address_where(is_packet, reply, NO_PORT), numbers_where(has_ports, to_port)),
        *(is_packet & ~is_same, events["in_port"], events["direction"], events["flow"]),
        *(events["packets"][:, 0], events["octets"][:, 0], events["packets"][:, 1], events["octets"][:, 1]),
        seconds_lasted(events),
    )


def address_where(is_packet: Any, words: Any, port: Any) -> tuple[Any, Any]:
    """Return both halves of the addresses that tuples come from; NO_ADDRESS and ``port`` where there is no packet."""
    if is_packet.all():
        return words[:, 0], words[:, 1]
    high, low = words[:, 0].astype(object), words[:, 1].astype(object)
    return np.where(is_packet, high, NO_ADDRESS), np.where(is_packet, low, port)


def numbers_where(condition: Any, numbers: Any) -> Any:
    """Return the numbers where the condition holds, and NO_NUMBER elsewhere."""
    return np.where(condition, numbers.astype(np.int64), NO_NUMBER)


def rulings_of(events: Any, stamp: int) -> Any:
    """Return one number for kind, reason and judgements of each event. Of a flow's judgement that is older than the
    stamp nobody knows any more whose rule it was: it is left out."""
    number = events["kind"].astype(np.int64) << _REASON_BITS | events["reason"]
    is_told_now = (events["in_port"] != NO_PORT) | (events["judged"] == stamp)
    for judgement in ("egress", "ingress"):
        number = number << _JUDGEMENT_BITS | np.where(is_told_now, events[judgement], 0)
    return number


def ruling_of(number: int) -> tuple[int, int, int, int]:
    """Return kind, reason, and the judgements of egress and ingress, of such a number."""
    mask = (1 << _JUDGEMENT_BITS) - 1
    ends = number >> 2 * _JUDGEMENT_BITS
    return ends >> _REASON_BITS, ends & ((1 << _REASON_BITS) - 1), number >> _JUDGEMENT_BITS & mask, number & mask


def seconds_lasted(events: Any) -> Any:
    """Return for how long each conversation that is over was there, as exact as ticks are; 0 for the others."""
    ticks = (events["timestamp_ns"] >> TICK_SHIFT).astype(np.int64) - events["created"].astype(np.int64)
    lasted = np.round((ticks & int(TICK_MASK)) * ((1 << int(TICK_SHIFT)) / _NS), 3)
    return np.where((events["kind"] == CLOSED), lasted, 0.0)

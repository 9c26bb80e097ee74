"""What the agent does with the flow table: write its rules, speak for workers that cannot any more, read, kill."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.fdb.build import ticks_of
from dataplane.flow.tables import (
    ASSURED,
    AWAY,
    CLASS_STATES,
    FLOW_DTYPE,
    GENERIC_CLASS,
    ICMP_CLASS,
    LIVE,
    NEVER_SEEN,
    ONE_WAY,
    SCTP_CLASS,
    SCTP_CLOSED,
    SCTP_COOKIE_ECHOED,
    SCTP_COOKIE_WAIT,
    SCTP_ESTABLISHED,
    SCTP_HEARTBEAT_SENT,
    SCTP_SHUTDOWN_ACK_SENT,
    SCTP_SHUTDOWN_SENT,
    SCTP_UNANSWERED,
    TCP_CLASS,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT,
    TCP_LAST_ACK,
    TCP_SIMULTANEOUS_OPEN,
    TCP_SYN_RECEIVED,
    TCP_SYN_SENT,
    TCP_TIME_WAIT,
    TCP_UNANSWERED,
    TWO_WAY,
    UDP_CLASS,
)
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP

UNANSWERED_SECONDS: Final = 300
"""How long a connection that was picked up lives, at most, while only one direction of it is seen."""
LONGEST_TICKS: Final = (1 << 31) - 1
READ_AT_ONCE: Final = 4096

_TICKS: Final = 1 << 32
_ADDRESS_BITS: Final = 128
_LOW: Final = (1 << 64) - 1

TCP_STATES: Final = {
    TCP_SYN_SENT: "syn_sent",
    TCP_SYN_RECEIVED: "syn_received",
    TCP_ESTABLISHED: "established",
    TCP_FIN_WAIT: "fin_wait",
    TCP_CLOSE_WAIT: "close_wait",
    TCP_LAST_ACK: "last_ack",
    TCP_TIME_WAIT: "time_wait",
    TCP_CLOSE: "close",
    TCP_SIMULTANEOUS_OPEN: "simultaneous_open",
}
SCTP_STATES: Final = {
    SCTP_COOKIE_WAIT: "cookie_wait",
    SCTP_COOKIE_ECHOED: "cookie_echoed",
    SCTP_ESTABLISHED: "established",
    SCTP_SHUTDOWN_SENT: "shutdown_sent",
    SCTP_SHUTDOWN_ACK_SENT: "shutdown_ack_sent",
    SCTP_CLOSED: "closed",
    SCTP_HEARTBEAT_SENT: "heartbeat_sent",
}
OTHER_STATES: Final = {ONE_WAY: "one_way", TWO_WAY: "two_way"}


class FlowKey(NamedTuple):
    """What packets of one direction carry: addresses of 128 bits, IPv4 mapped, and ports as the table has them."""

    source: int
    destination: int
    source_port: int
    destination_port: int


class FlowEntry(NamedTuple):
    """One flow. ``packets`` and ``bytes`` are of the original direction and of the reply; times are ticks."""

    flow: int
    protocol: int
    state: str
    traits: int
    original: FlowKey
    reply: FlowKey
    packets: tuple[int, int]
    bytes: tuple[int, int]
    created: int
    expires: int

    @property
    def is_assured(self) -> bool:
        """Whether it is never evicted for another."""
        return bool(self.traits & ASSURED)


def write_flow_rules(rules: Any, seconds: Mapping[str, int]) -> None:
    """Write timeouts into a copy not in force. ``seconds`` are named like the model's timeouts, without their unit;
    those of other things are not looked at."""
    rules.timeouts[:] = 0
    of_tcp = {state: seconds[f"tcp_{name}"] for state, name in TCP_STATES.items() if state != TCP_SIMULTANEOUS_OPEN}
    of_tcp[TCP_SIMULTANEOUS_OPEN] = of_tcp[NEVER_SEEN] = of_tcp[TCP_SYN_SENT]
    of_tcp[TCP_UNANSWERED] = min(of_tcp[TCP_ESTABLISHED], UNANSWERED_SECONDS)
    of_sctp = dict.fromkeys((NEVER_SEEN, SCTP_UNANSWERED, *SCTP_STATES), seconds["sctp"])
    of_sctp[SCTP_ESTABLISHED] = seconds["sctp_established"]
    write_class(rules, TCP_CLASS, of_tcp)
    write_class(rules, SCTP_CLASS, of_sctp)
    either_way = (NEVER_SEEN, ONE_WAY, TWO_WAY)
    write_class(rules, UDP_CLASS, dict.fromkeys(either_way, seconds["udp"]) | {TWO_WAY: seconds["udp_stream"]})
    write_class(rules, ICMP_CLASS, dict.fromkeys(either_way, seconds["icmp"]))
    write_class(rules, GENERIC_CLASS, dict.fromkeys(either_way, seconds["generic"]))


def write_class(rules: Any, class_: int, seconds: Mapping[int, int]) -> None:
    """Write the timeouts of one class by state."""
    for state, duration in seconds.items():
        rules.timeouts[class_ * CLASS_STATES + state] = min(ticks_of(duration), LONGEST_TICKS)


def flow_state_name(protocol: int, state: int) -> str:
    """Return what a flow's state is called."""
    names = {PROTOCOL_TCP: TCP_STATES, PROTOCOL_SCTP: SCTP_STATES}.get(protocol, OTHER_STATES)
    return names.get(state, "new")


def declare_away(head: Any, worker: int) -> None:
    """Say for a worker that has ended that it holds no flow. Precondition: its process is gone."""
    head.noted_turn[worker * 8] = AWAY


def live_flows(head: Any, records: Any, now: int) -> Iterator[int]:
    """Yield the numbers of the flows that there are at tick ``now``, from a table that workers go on writing."""
    used = int(head.unused[0])
    for first in range(0, used, READ_AT_ONCE):
        block = records[first : min(first + READ_AT_ONCE, used)]
        yield from (first + np.flatnonzero(is_there(block, now))).tolist()


def is_there(block: Any, now: int) -> Any:
    """Return of each record whether it is a flow at tick ``now``."""
    remaining = (block["expires"].astype(np.int64) - now) % _TICKS
    return (block["status"][:, 0] == LIVE) & (remaining > 0) & (remaining <= 1 << 31)


def read_flows(head: Any, records: Any, tick: int) -> Iterator[FlowEntry]:
    """Yield the flows that there are at ``tick``, in the order of their numbers.

    Workers go on writing meanwhile, so that what changes is of about now; one that is made where another was may be
    read as half of each.
    """
    used = int(head.unused[0])
    for first in range(0, used, READ_AT_ONCE):
        block = np.array(records[first : min(first + READ_AT_ONCE, used)]).view(FLOW_DTYPE)
        for n in np.flatnonzero(is_there(block, tick)).tolist():
            yield entry_of(first + n, block[n])


def entry_of(flow: int, record: Any) -> FlowEntry:
    """Return one record as an entry."""
    halves = record["original"], record["reply"]
    original, reply = (key_of(half["key"]) for half in halves)
    protocol = int(halves[0]["key"]["word"]) >> 24 & 0xFF
    packets = int(halves[0]["packets"]), int(halves[1]["packets"])
    octets = int(halves[0]["bytes"]), int(halves[1]["bytes"])
    state = flow_state_name(protocol, int(record["state"]))
    times = int(record["created"]), int(record["expires"])
    return FlowEntry(flow, protocol, state, int(record["traits"]), original, reply, packets, octets, *times)


def key_of(key: Any) -> FlowKey:
    """Return a record of a key as plain numbers."""
    source = int(key["source_high"]) << 64 | int(key["source_low"])
    destination = int(key["destination_high"]) << 64 | int(key["destination_low"])
    word = int(key["word"])
    return FlowKey(source, destination, word >> 48, word >> 32 & 0xFFFF)


def kill_flow(records: Any, flow: int, tick: int) -> None:
    """End a flow: from ``tick`` on it is as if absent, and workers sweep it. Precondition: there is one.

    A worker that tracks a packet of it in this very moment may win; ask again whether it is there.
    """
    records["expires"][flow] = tick


def flush_flows(head: Any, records: Any, tick: int) -> int:
    """End all flows; return how many."""
    killed = list(live_flows(head, records, tick))
    for flow in killed:
        kill_flow(records, flow, tick)
    return len(killed)


Prefix = tuple[int, int]
"""A network, an address of 128 bits, and its length; IPv4 mapped."""


class Lapsed(NamedTuple):
    """What conversations do not survive: an end in one of the prefixes ``ends``; one of the addresses ``outside``, by
    which somebody appeared; a row of ``published`` that led to them: protocol, outside address, first and last port,
    inside address and its first port."""

    ends: frozenset[Prefix] = frozenset()
    outside: frozenset[int] = frozenset()
    published: frozenset[tuple[int, int, int, int, int, int]] = frozenset()


def end_flows(head: Any, records: Any, lapsed: Lapsed) -> int:
    """End the flows that rest on what has lapsed, whatever the time is; return how many.

    A flow's life is cut to the moment that it was made in. A worker that tracks a packet of one in this very moment may
    win, as with ``kill_flow``.
    """
    if not any(lapsed):
        return 0
    ended = 0
    for first in range(0, int(head.unused[0]), READ_AT_ONCE):
        block = records[first : min(first + READ_AT_ONCE, int(head.unused[0]))]
        original, reply = block["original"]["key"], block["reply"]["key"]
        hit = are_in(original, "source", lapsed.ends) | are_in(reply, "source", lapsed.ends)
        outside = frozenset((address, _ADDRESS_BITS) for address in lapsed.outside)
        hit |= are_in(original, "destination", outside) | are_in(reply, "destination", outside)
        published = frozenset((row[1], _ADDRESS_BITS) for row in lapsed.published)
        inside = frozenset((row[4], _ADDRESS_BITS) for row in lapsed.published)
        may_be = are_in(original, "destination", published) & are_in(reply, "source", inside) & ~hit
        for n in np.flatnonzero(may_be).tolist():
            hit[n] = is_by_one_of(lapsed.published, original[n], reply[n])
        chosen = first + np.flatnonzero(hit & (block["status"][:, 0] == LIVE))
        records["expires"][chosen] = records["created"][chosen]
        ended += len(chosen)
    return ended


def are_in(keys: Any, end: str, prefixes: frozenset[Prefix]) -> Any:
    """Return of each key whether its ``end``, source or destination, is in one of the prefixes."""
    high, low = keys[f"{end}_high"], keys[f"{end}_low"]
    hit = np.zeros(len(keys), bool)
    for length in {length for _, length in prefixes}:
        networks = {network for network, each in prefixes if each == length}
        mask = (1 << _ADDRESS_BITS) - (1 << _ADDRESS_BITS - length)
        masked_high, masked_low = high & np.uint64(mask >> 64), low & np.uint64(mask & _LOW)
        highs = np.array([network >> 64 for network in networks], np.uint64)
        lows = np.array([network & _LOW for network in networks], np.uint64)
        may_be = np.isin(masked_high, highs) & np.isin(masked_low, lows) & ~hit
        for n in np.flatnonzero(may_be).tolist():
            hit[n] = int(masked_high[n]) << 64 | int(masked_low[n]) in networks
    return hit


def is_by_one_of(published: frozenset[tuple[int, int, int, int, int, int]], original: Any, reply: Any) -> bool:
    """Whether one of these rows led a flow inside."""
    to, end = key_of(original), key_of(reply)
    protocol = int(original["word"]) >> 24 & 0xFF
    return any(
        (protocol, to.destination, end.source) == (each, outside, inside)
        and low <= to.destination_port <= high
        and end.source_port == target + to.destination_port - low
        for each, outside, low, high, inside, target in published
    )

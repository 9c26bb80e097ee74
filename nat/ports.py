"""Choosing a port: the conversation's own if it is free, else one of the same class, at random.

What counts as free is a port with which no other flow has the answers' tuple: so every destination has all ports of an
outside address for itself.
"""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash
from dataplane.flow.kernels import is_same_key, is_taken
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, PROTOCOL_SHIFT, SOURCE_PORT_SHIFT
from dataplane.jit import inlined, kernel
from dataplane.wire import (
    ICMP_ECHO,
    ICMP_TIMESTAMP,
    ICMPV6_ECHO,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
)
from nat.draws import draw
from nat.tables import DRAWS, NAT_EXHAUSTED, OK, REMEMBERED

PORT = np.uint64(0xFFFF)
_PROTOCOL = np.uint64(0xFF)
_NOT_SOURCE = np.uint64(0x0000_FFFF_FFFF_FFFF)
_NOT_DESTINATION = np.uint64(0xFFFF_0000_FFFF_FFFF)
_SYSTEM_PORTS = np.uint64(1024)
_ALL_PORTS = np.uint64(65536)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_HASH = np.uint64(0xFFFF_FFFF_0000_0000)
_TICK = np.uint64(0xFFFF_FFFF)
_SLOT_SHIFT = np.uint64(55)
_SLOT = np.uint64(REMEMBERED - 1)


@inlined
def has_ports(protocol: int) -> bool:
    """Whether both ends of the protocol have ports."""
    return protocol in (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)


@inlined
def set_source_port(key: Any, port: Any) -> None:
    """Give a key (TUPLE_DTYPE) another source port (uint64)."""
    key.word = (key.word & _NOT_SOURCE) | port << SOURCE_PORT_SHIFT


@inlined
def set_destination_port(key: Any, port: Any) -> None:
    """Give a key (TUPLE_DTYPE) another destination port (uint64)."""
    key.word = (key.word & _NOT_DESTINATION) | port << DESTINATION_PORT_SHIFT


@kernel
def class_of_port(word: Any) -> Any:
    """Return the first of the ports that stand in for the source port of a key's ``word``, and how many they are.

    Ports below 1024 stay below (RFC 6056 section 3.2), ids of ICMP queries are all alike. Of what has neither nothing
    can be changed: 0.
    """
    protocol = (word >> PROTOCOL_SHIFT) & _PROTOCOL
    if has_ports(protocol):
        if word >> SOURCE_PORT_SHIFT < _SYSTEM_PORTS:
            return _ONE, _SYSTEM_PORTS - _ONE
        return _SYSTEM_PORTS, _ALL_PORTS - _SYSTEM_PORTS
    kind = (word >> DESTINATION_PORT_SHIFT) & PORT
    is_query = protocol == PROTOCOL_ICMP and kind in (ICMP_ECHO, ICMP_TIMESTAMP)
    if is_query or (protocol == PROTOCOL_ICMPV6 and kind == ICMPV6_ECHO):
        return _ZERO, _ALL_PORTS
    return _ZERO, _ZERO


@inlined
def is_free(flows: Any, conversation: Any, tick: Any) -> bool:
    """Whether answers to the conversation, as ``reply`` has them, would be told from all others."""
    reply = conversation.reply
    return not is_same_key(conversation.original, reply) and not is_taken(flows, reply, tick)


@kernel
def choose_port(nat: Any, flows: Any, conversation: Any, tick: Any) -> int:
    """Find a port for the outside end of a conversation, ``reply.destination``, whose address is set; OK or
    NAT_EXHAUSTED."""
    word = conversation.original.word
    reply = conversation.reply
    set_destination_port(reply, word >> SOURCE_PORT_SHIFT)
    if is_free(flows, conversation, tick):
        return OK
    first, count = class_of_port(word)
    set_destination_port(reply, first)
    mark = exhaustion_mark(flows, reply, tick)
    if count == _ZERO or is_exhausted(nat.draws, mark):
        return NAT_EXHAUSTED
    for _ in range(DRAWS):
        set_destination_port(reply, first + draw(nat.draws, count))
        if is_free(flows, conversation, tick):
            return OK
    note_exhausted(nat.draws, mark)
    return NAT_EXHAUSTED


@inlined
def exhaustion_mark(table: Any, key: Any, tick: Any) -> Any:
    """Return the mark of a search for ports, in this tick, to which ``key`` belongs when it has its class's first."""
    hashed = flow_hash(table.head, key.source_high, key.source_low, key.destination_high, key.destination_low, key.word)
    return (hashed & _HASH) | (tick & _TICK)


@inlined
def is_exhausted(draws: Any, mark: Any) -> bool:
    """Whether this worker has sought in vain in this tick. So a conversation that cannot be had costs little, however
    often it is tried."""
    return draws.exhausted[np.int64((mark >> _SLOT_SHIFT) & _SLOT)] == mark


@inlined
def note_exhausted(draws: Any, mark: Any) -> None:
    """Remember that a search was in vain."""
    draws.exhausted[np.int64((mark >> _SLOT_SHIFT) & _SLOT)] = mark

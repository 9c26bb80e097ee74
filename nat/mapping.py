"""Endpoint-independent mappings (RFC 4787 section 4.1): one outside port for an inside address and port, whoever it is
that they talk to, as long as packets leave by it. ``tables.py`` says how they are kept.

A mapping is an offer, not a condition: its outside port is nobody else's to be mapped to, and inbound it is
open to everybody. Conversations stand by themselves once they are begun, so a mapping that lapses takes none along.
"""

from typing import Any

import numpy as np

from dataplane.flow.index import key_hash
from dataplane.flow.kernels import create_flow, expire_at, find_half, is_taken, remove_flow
from dataplane.flow.tables import (
    ASSURED,
    BEATEN,
    CLASH,
    DESTINATION_PORT_SHIFT,
    NO_HALF,
    PROTOCOL_SHIFT,
    REPLY,
    SOURCE_PORT_SHIFT,
)
from dataplane.jit import inlined, kernel
from nat.draws import draw
from nat.ports import (
    PORT,
    choose_port,
    class_of_port,
    exhaustion_mark,
    is_exhausted,
    is_free,
    note_exhausted,
    set_destination_port,
    set_source_port,
)
from nat.search import find_published
from nat.tables import ATTEMPTS, DRAWS, MAPPING_TICKS, NAT_EXHAUSTED, OK, REFRESH_SHIFT, SOURCES

_PROTOCOL = np.uint64(0xFF)
_PROTOCOL_BITS = np.uint64(16)
_SOURCE_AND_PROTOCOL = np.uint64(0xFFFF_0000_FF00_0000)
_STAMP = np.uint64(0xFFFF)
_REFRESH = np.uint64(REFRESH_SHIFT)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def find_mapping(nat: Any, end: Any, tick: Any) -> Any:
    """Return the mapping of the inside end that is the source of key ``end``, or 0. It is left in the scratch."""
    key = nat.scratch.original
    key.source_high = end.source_high
    key.source_low = end.source_low
    key.destination_high = _ZERO
    key.destination_low = _ZERO
    key.word = end.word & _SOURCE_AND_PROTOCOL
    return find_half(nat.mappings, key, key_hash(nat.mappings.head, key), tick) >> 1


@kernel
def follow_mapping(nat: Any, conversation: Any, tick: Any) -> bool:
    """Lead a conversation that is sent to the outside end of a mapping to its inside end, whoever sends it
    (endpoint-independent filtering, RFC 4787 section 5)."""
    original, reply, key = conversation.original, conversation.reply, nat.scratch.reply
    key.source_high = _ZERO
    key.source_low = _ZERO
    key.destination_high = original.destination_high
    key.destination_low = original.destination_low
    port = (original.word >> DESTINATION_PORT_SHIFT) & PORT
    key.word = port << DESTINATION_PORT_SHIFT | ((original.word >> PROTOCOL_SHIFT) & _PROTOCOL) << PROTOCOL_SHIFT
    half = find_half(nat.mappings, key, key_hash(nat.mappings.head, key), tick)
    if half == NO_HALF:
        return False
    inside = nat.mappings.records[half >> 1].original.key
    reply.source_high = inside.source_high
    reply.source_low = inside.source_low
    set_source_port(reply, inside.word >> SOURCE_PORT_SHIFT)
    return True


@kernel
def choose_mapped(nat: Any, flows: Any, conversation: Any, tick: Any) -> int:
    """Give a conversation the outside end that its sender is mapped to, or else map the sender.

    Return OK, NAT_EXHAUSTED, or BEATEN while another worker is at mapping the same sender and does not come to an end.
    Precondition: the address of ``reply.destination`` is the one that new mappings of the sender have. What has no
    ports is not mapped.
    """
    _, count = class_of_port(conversation.original.word)
    if count == _ZERO:
        return choose_port(nat, flows, conversation, tick)
    for _ in range(ATTEMPTS):
        mapping = find_mapping(nat, conversation.original, tick)
        if mapping != 0:
            outside = nat.mappings.records[mapping].reply.key
            if is_source(nat.rules, outside.destination_high, outside.destination_low):
                expire_at(nat.mappings.records[mapping], tick, MAPPING_TICKS)
                return use_mapping(nat, flows, conversation, outside, tick)
            remove_flow(nat.mappings, mapping)
        outcome = make_mapping(nat, flows, conversation, tick)
        if outcome != BEATEN:
            return outcome
    return BEATEN


@inlined
def is_source(rules: Any, high: Any, low: Any) -> bool:
    """Whether an address is still one of those that hide senders."""
    found = False
    for n in range(2 * SOURCES):
        found |= rules.source_low[n] == low and rules.source_high[n] == high
    return found


@kernel
def use_mapping(nat: Any, flows: Any, conversation: Any, outside: Any, tick: Any) -> int:
    """Give a conversation the outside end of a mapping. If answers to it there would be another flow's, that is one of
    a former mapping, and this one conversation goes by another port."""
    reply = conversation.reply
    reply.destination_high = outside.destination_high
    reply.destination_low = outside.destination_low
    set_destination_port(reply, (outside.word >> DESTINATION_PORT_SHIFT) & PORT)
    if is_free(flows, conversation, tick):
        return OK
    return choose_port(nat, flows, conversation, tick)


@kernel
def make_mapping(nat: Any, flows: Any, conversation: Any, tick: Any) -> int:
    """Map the sender to a port of ``reply.destination``'s address; OK, NAT_EXHAUSTED, or BEATEN if another worker has.

    Precondition: ``find_mapping`` has left the sender in the scratch.
    """
    reply, key = conversation.reply, nat.scratch.reply
    key.source_high = _ZERO
    key.source_low = _ZERO
    key.destination_high = reply.destination_high
    key.destination_low = reply.destination_low
    key.word = nat.scratch.original.word & (_PROTOCOL << PROTOCOL_SHIFT)
    word = conversation.original.word
    first, count = class_of_port(word)
    set_destination_port(key, first)
    mark = exhaustion_mark(nat.mappings, key, tick)
    for attempt in range(DRAWS + 1):
        port = first + draw(nat.draws, count) if attempt else word >> SOURCE_PORT_SHIFT
        set_destination_port(key, port)
        set_destination_port(reply, port)
        if may_be_mapped(nat, key, port, tick) and is_free(flows, conversation, tick):
            outcome = create_flow(nat.mappings, nat.scratch, tick, MAPPING_TICKS)
            if outcome != CLASH:
                return OK if outcome > 0 else (BEATEN if outcome == BEATEN else NAT_EXHAUSTED)
        if attempt == 0 and is_exhausted(nat.draws, mark):
            return NAT_EXHAUSTED
    note_exhausted(nat.draws, mark)
    return NAT_EXHAUSTED


@inlined
def may_be_mapped(nat: Any, key: Any, port: Any, tick: Any) -> bool:
    """Whether the outside end of ``key`` leads nowhere yet."""
    word = ((key.word >> PROTOCOL_SHIFT) & _PROTOCOL) << _PROTOCOL_BITS | port
    is_published = find_published(nat.rules, key.destination_high, key.destination_low, word) >= 0
    return not is_published and not is_taken(nat.mappings, key, tick)


@inlined
def refresh_mapping(nat: Any, flows: Any, half: int, tick: Any) -> None:
    """Let the mapping of the sender of a flow's packet live on, if there is one: for every packet of a flow, both ways.

    ``half`` is what ``find_half`` returned for it. Packets from outside refresh nothing, for who sends them has no
    mapping (RFC 4787 REQ-6).
    """
    if nat.rules.endpoint_independent != 0:
        keep_mapping(nat, flows, half, tick)


@kernel
def keep_mapping(nat: Any, flows: Any, half: int, tick: Any) -> None:
    """Look the sender's mapping up, unless that was done lately, and put its end off."""
    record = flows.records[half >> 1]
    direction = np.uint64(half & 1)
    stamp = ((tick >> _REFRESH) << _ONE | direction) & _STAMP
    if np.uint64(record.refreshed) == stamp:
        return
    record.refreshed = stamp
    if direction == REPLY:
        mapping = find_mapping(nat, record.reply.key, tick)
    else:
        mapping = find_mapping(nat, record.original.key, tick)
    if mapping != 0:
        kept = nat.mappings.records[mapping]
        expire_at(kept, tick, MAPPING_TICKS)
        kept.traits |= record.traits & ASSURED

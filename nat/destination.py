"""Where a new conversation goes to: published ports, static pairs, mappings, in this order."""

from typing import Any

import numpy as np

from dataplane.flow.index import key_hash
from dataplane.flow.kernels import find_half
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, NO_HALF, PROTOCOL_SHIFT, SOURCE_PORT_SHIFT
from dataplane.jit import inlined, kernel
from nat.ports import PORT, has_ports, set_source_port
from nat.search import find_address, find_published

_PROTOCOL = np.uint64(0xFF)
_PROTOCOL_BITS = np.uint64(16)
_ZERO = np.uint64(0)


@kernel
def translate_destination(nat: Any, conversation: Any, tick: Any) -> bool:
    """Say in ``conversation.reply``'s source where the conversation really goes; False if it goes where it says.

    Precondition: ``original`` is the packet's tuple, ``reply`` the same reversed. Any packet may be asked about: what
    is not sent to an outside address is not translated.
    """
    rules = nat.rules
    original, reply = conversation.original, conversation.reply
    protocol = (original.word >> PROTOCOL_SHIFT) & _PROTOCOL
    high, low = original.destination_high, original.destination_low
    if has_ports(protocol):
        port = (original.word >> DESTINATION_PORT_SHIFT) & PORT
        at = find_published(rules, high, low, protocol << _PROTOCOL_BITS | port)
        if at >= 0:
            reply.source_high = rules.published_inside_high[at]
            reply.source_low = rules.published_inside_low[at]
            first = np.uint64(rules.published_first[at]) & PORT
            set_source_port(reply, np.uint64(rules.published_target[at]) + (port - first))
            return True
    at = find_address(rules.outside_high, rules.outside_low, rules.static_pairs, high, low)
    if at >= 0:
        reply.source_high = rules.outside_to_high[at]
        reply.source_low = rules.outside_to_low[at]
        return True
    return has_ports(protocol) and rules.endpoint_independent != 0 and follow_mapping(nat, conversation, tick)


@inlined
def begin_outside_key(key: Any, high: Any, low: Any, port: Any, protocol: Any) -> None:
    """Make ``key`` the reply key of the mapping that has this outside end."""
    key.source_high = _ZERO
    key.source_low = _ZERO
    key.destination_high = high
    key.destination_low = low
    key.word = port << DESTINATION_PORT_SHIFT | protocol << PROTOCOL_SHIFT


@kernel
def follow_mapping(nat: Any, conversation: Any, tick: Any) -> bool:
    """Lead a conversation that is sent to the outside end of a mapping to the inside end: whoever sends it (RFC 4787,
    endpoint-independent filtering)."""
    original, reply, wanted = conversation.original, conversation.reply, nat.scratch.reply
    port = (original.word >> DESTINATION_PORT_SHIFT) & PORT
    protocol = (original.word >> PROTOCOL_SHIFT) & _PROTOCOL
    begin_outside_key(wanted, original.destination_high, original.destination_low, port, protocol)
    half = find_half(nat.mappings, wanted, key_hash(nat.mappings.head, wanted), tick)
    if half == NO_HALF:
        return False
    inside = nat.mappings.records[half >> 1].original.key
    reply.source_high = inside.source_high
    reply.source_low = inside.source_low
    set_source_port(reply, inside.word >> SOURCE_PORT_SHIFT)
    return True

"""Where a new conversation goes to: published ports, mappings, static pairs; what is said of one port comes first."""

from typing import Any

import numpy as np

from dataplane.flow.tables import DESTINATION_PORT_SHIFT, PROTOCOL_SHIFT
from dataplane.jit import kernel
from nat.mapping import follow_mapping
from nat.ports import PORT, has_ports, set_source_port
from nat.search import find_address, find_published

_PROTOCOL = np.uint64(0xFF)
_PROTOCOL_BITS = np.uint64(16)


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
        if rules.endpoint_independent != 0 and follow_mapping(nat, conversation, tick):
            return True
    at = find_address(rules.outside_high, rules.outside_low, rules.static_pairs, high, low)
    if at < 0:
        return False
    reply.source_high = rules.outside_to_high[at]
    reply.source_low = rules.outside_to_low[at]
    return True

"""The outside end of a new conversation: which address, and by ``ports.py`` which port."""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash
from dataplane.jit import inlined, kernel
from dataplane.wire import IPV4_MAPPED_PREFIX
from nat.mapping import choose_mapped
from nat.ports import choose_port
from nat.search import find_address
from nat.tables import NO_ADDRESS, SOURCES

_ZERO: Any = np.uint64(0)
_HALF_WORD = np.uint64(32)
_MAPPED = np.uint64(IPV4_MAPPED_PREFIX >> 32)


@inlined
def static_outside(rules: Any, high: Any, low: Any) -> Any:
    """Return where among the static pairs, by their inside addresses, an address stands, or -1.

    Who has a pair appears as its outside address whenever a packet leaves by the uplink, in a network that
    masquerades or not.
    """
    return find_address(rules.inside_high, rules.inside_low, rules.static_pairs, high, low)


@kernel
def choose_source(nat: Any, flows: Any, conversation: Any, tick: Any) -> int:
    """Say in ``conversation.reply``'s destination as whom the sender appears outside.

    Return OK, NAT_EXHAUSTED or NO_ADDRESS; where ends are mapped also BEATEN. A static pair's inside address has its
    outside one; others share those of ``sources``, and each of them always has the same (RFC 4787 REQ-2).
    """
    rules = nat.rules
    original, reply = conversation.original, conversation.reply
    high, low = original.source_high, original.source_low
    at = static_outside(rules, high, low)
    if at >= 0:
        reply.destination_high = rules.inside_to_high[at]
        reply.destination_low = rules.inside_to_low[at]
        return choose_port(nat, flows, conversation, tick)
    at = source_for(nat, high, low)
    if at < 0:
        return NO_ADDRESS
    reply.destination_high = rules.source_high[at]
    reply.destination_low = rules.source_low[at]
    if rules.endpoint_independent != 0:
        return choose_mapped(nat, flows, conversation, tick)
    return choose_port(nat, flows, conversation, tick)


@kernel
def source_for(nat: Any, high: Any, low: Any) -> Any:
    """Return where among ``sources`` the address stands that hides this inside one, or -1."""
    is_ipv4 = high == _ZERO and low >> _HALF_WORD == _MAPPED
    first: Any = np.int64(0 if is_ipv4 else SOURCES)
    count = np.uint64(nat.rules.sources[0 if is_ipv4 else 1])
    if count == _ZERO:
        return np.int64(-1)
    hashed = flow_hash(nat.mappings.head, high, low, _ZERO, _ZERO, _ZERO)
    return first + np.int64(((hashed >> _HALF_WORD) * count) >> _HALF_WORD)

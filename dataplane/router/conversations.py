"""Which conversation a packet belongs to, on nodes that translate addresses; nothing is written but the way."""

from typing import Any

import numpy as np

from dataplane.flow.index import key_hash
from dataplane.flow.kernels import find_half, is_half
from dataplane.flow.tables import (
    DESTINATION_PORT_SHIFT,
    NO_HALF,
    PROTOCOL_SHIFT,
    SOURCE_PORT_SHIFT,
)
from dataplane.jit import inlined, kernel
from dataplane.router.lookahead import word_of_packet
from dataplane.router.routes import first_hop
from dataplane.router.tables import KNOWN, NEW, RELATED, UNTRACKED
from dataplane.router.view import flow_head_of, flows_of, nat_of, next_hops_of, quote_of, way_of
from dataplane.vector import LATER_FRAGMENT, WHOLE
from dataplane.wire import PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from nat.destination import translate_destination
from nat.errors import read_quote
from nat.tables import QUOTES_PACKET

_PORT = np.uint64(0xFFFF)
_PROTOCOL = np.uint64(0xFF)


@inlined
def lacks_transport(vector: Any, i: int) -> bool:
    """Whether frame ``i`` ends inside the transport header that its protocol must have."""
    if vector.transport_at[i] != 0 or vector.fragment[i] == LATER_FRAGMENT:
        return False
    protocol = vector.protocol[i]
    if protocol == PROTOCOL_ICMP:
        return not vector.is_ipv6[i]
    if protocol == PROTOCOL_ICMPV6:
        return vector.is_ipv6[i] != 0
    return protocol in (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)


@inlined
def reversed_word(word: Any) -> Any:
    """Return the last word of the tuple of packets that go the other way."""
    return (
        ((word >> DESTINATION_PORT_SHIFT) & _PORT) << SOURCE_PORT_SHIFT
        | (word >> SOURCE_PORT_SHIFT) << DESTINATION_PORT_SHIFT
        | ((word >> PROTOCOL_SHIFT) & _PROTOCOL) << PROTOCOL_SHIFT
    )


@inlined
def copy_reversed(key: Any, target: Any) -> None:
    """Write into ``target`` the tuple of packets that go the other way."""
    target.source_high, target.source_low = key.destination_high, key.destination_low
    target.destination_high, target.destination_low = key.source_high, key.source_low
    target.word = reversed_word(key.word)


@inlined
def half_of(flows: Any, vector: Any, key: Any, i: int, tick: Any) -> Any:
    """Return the half that frame ``i``, whose tuple is ``key``, belongs to, or NO_HALF: most likely the one that was
    seen ahead."""
    likely = np.int64(vector.likely_half[i])
    if vector.fragment[i] != WHOLE:
        return find_half(flows, key, key_hash(flows.head, key), tick)
    if likely != NO_HALF and is_half(flows, likely, key, tick):
        return likely
    return find_half(flows, key, vector.flow_hash[i], tick)


@inlined
def find_conversation(vector: Any, heads: Any, router: Any, i: int, tick: Any) -> None:
    """Fill the way for frame ``i``: its standing, its half, and where it really goes.

    Reads: the packet's columns, of which ports and protocol of later fragments are known by now; the flow table; what
    is published. The quick case is a packet of a known flow.
    """
    way = way_of(router)
    original = way.conversation.original
    original.source_high, original.source_low = vector.source_high[i], vector.source_low[i]
    original.destination_high, original.destination_low = vector.destination_high[i], vector.destination_low[i]
    original.word = word_of_packet(vector, i)
    flows = flows_of(router)
    way.is_redirected = 0
    if is_message(vector, i):
        relate_message(vector, heads, router, i, tick)
        return
    way.half = half_of(flows, vector, original, i, tick)
    if way.half != NO_HALF:
        way.standing = KNOWN
        flow = flows.records[way.half >> 1]
        if way.half & 1:
            copy_reversed(flow.original.key, way.leaves_as)
        else:
            copy_reversed(flow.reply.key, way.leaves_as)
        way.destination_high = way.leaves_as.destination_high
        way.destination_low = way.leaves_as.destination_low
        return
    begin_conversation(vector, router, i, tick)


@inlined
def is_message(vector: Any, i: int) -> bool:
    """Whether frame ``i`` is ICMP that neither asks nor answers: it has no conversation but one that it may quote."""
    return vector.ports[i] == 0 and vector.protocol[i] == (PROTOCOL_ICMPV6 if vector.is_ipv6[i] else PROTOCOL_ICMP)


@kernel
def relate_message(vector: Any, heads: Any, router: Any, i: int, tick: Any) -> None:
    """Fill the way for a message of ICMP: RELATED if it is an error about a known flow."""
    way = way_of(router)
    way.destination_high, way.destination_low = vector.destination_high[i], vector.destination_low[i]
    way.standing = UNTRACKED
    if read_quote(vector, heads, i, quote_of(router)) == QUOTES_PACKET:
        find_quoted(vector, router, i, tick)


@kernel
def begin_conversation(vector: Any, router: Any, i: int, tick: Any) -> None:
    """Fill the way for the first packet of a conversation."""
    way = way_of(router)
    way.destination_high, way.destination_low = vector.destination_high[i], vector.destination_low[i]
    way.standing = NEW
    reply = way.conversation.reply
    copy_reversed(way.conversation.original, reply)
    if translate_destination(nat_of(router), way.conversation, tick):
        way.is_redirected = 1
        way.destination_high, way.destination_low = reply.source_high, reply.source_low


@kernel
def find_quoted(vector: Any, router: Any, i: int, tick: Any) -> None:
    """Find the flow of the packet that ICMP error ``i`` quotes, and where the error therefore goes.

    Only those speak of a packet towards whom it went: the error comes in where the packet's destination is.
    """
    way, towards = way_of(router), quote_of(router).towards
    half = find_half(flows_of(router), towards, key_hash(flow_head_of(router), towards), tick)
    hop = next_hops_of(router)[first_hop(router, towards.source_high, towards.source_low)]
    if half == NO_HALF or hop.interface != vector.interface[i]:
        return
    way.half = half
    way.standing = RELATED
    flow = flows_of(router).records[half >> 1]
    if half & 1:
        copy_reversed(flow.original.key, way.leaves_as)
    else:
        copy_reversed(flow.reply.key, way.leaves_as)
    if towards.destination_high != way.leaves_as.destination_high or (
        towards.destination_low != way.leaves_as.destination_low
    ):
        way.destination_high = way.leaves_as.destination_high
        way.destination_low = way.leaves_as.destination_low

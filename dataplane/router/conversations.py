"""Which conversation a packet belongs to, on nodes that translate addresses; nothing is written but the way."""

from typing import Any

import numpy as np

from dataplane.flow.index import key_hash
from dataplane.flow.kernels import find_half, is_half
from dataplane.flow.tables import (
    NO_HALF,
)
from dataplane.jit import inlined, kernel
from dataplane.router.routes import first_hop
from dataplane.router.tables import KNOWN, NEW, RELATED, UNTRACKED
from dataplane.router.tuples import copy_reversed, word_of_packet, zone_of
from dataplane.router.view import flow_head_of, flows_of, nat_of, next_hops_of, quote_of, way_of
from dataplane.vector import LATER_FRAGMENT, WHOLE
from dataplane.wire import PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from nat.destination import translate_destination
from nat.errors import read_quote
from nat.tables import QUOTES_PACKET

_ANYWHERE = np.uint64(0)


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
def half_of(flows: Any, vector: Any, key: Any, i: int, likely: Any, tick: Any) -> Any:
    """Return the half that frame ``i``, whose tuple is ``key``, belongs to, or NO_HALF: most likely the one that was
    seen ahead."""
    if vector.fragment[i] != WHOLE:
        return find_half(flows, key, key_hash(flows.head, key), tick)
    if likely != NO_HALF and is_half(flows, likely, key, tick):
        return likely
    return find_half(flows, key, vector.flow_hash[i], tick)


@inlined
def find_conversation(vector: Any, heads: Any, router: Any, i: int, likely: Any, tick: Any) -> None:
    """Fill the way for frame ``i``: its standing, its half, and where it really goes.

    Reads: the packet's columns, of which ports and protocol of later fragments are known by now; the flow table; what
    is published; ``likely``, the half that was seen ahead. The quick case is a packet of a known flow.
    """
    find_flow(vector, heads, router, i, likely, tick)
    way = way_of(router)
    if way.standing == KNOWN:
        flow = flows_of(router).records[way.half >> 1]
        if way.half & 1:
            copy_reversed(flow.original.key, way.leaves_as)
        else:
            copy_reversed(flow.reply.key, way.leaves_as)
        way.destination_high = way.leaves_as.destination_high
        way.destination_low = way.leaves_as.destination_low
    elif way.standing == NEW:
        redirect_conversation(router, tick)


@inlined
def find_flow(vector: Any, heads: Any, router: Any, i: int, likely: Any, tick: Any) -> None:
    """Do so as if nothing were translated, but for messages; the conversation of a NEW one begins with its tuple.

    Writes: likely_half, the half if the packet is of a known flow.
    """
    way, flows = way_of(router), flows_of(router)
    original = way.conversation.original
    original.source_high, original.source_low = vector.source_high[i], vector.source_low[i]
    original.destination_high, original.destination_low = vector.destination_high[i], vector.destination_low[i]
    original.word = word_of_packet(vector, i)
    way.is_redirected = 0
    if is_message(vector, i):
        relate_message(vector, heads, router, i, tick)
        return
    way.half = half_of(flows, vector, original, i, likely, tick)
    if way.half != NO_HALF:
        vector.likely_half[i] = way.half
        way.standing = KNOWN
        return
    way.standing = NEW
    copy_reversed(original, way.conversation.reply)


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
def redirect_conversation(router: Any, tick: Any) -> None:
    """Say where the first packet of a conversation really goes."""
    way = way_of(router)
    original, reply = way.conversation.original, way.conversation.reply
    way.destination_high, way.destination_low = original.destination_high, original.destination_low
    if translate_destination(nat_of(router), way.conversation, tick):
        way.is_redirected = 1
        way.destination_high, way.destination_low = reply.source_high, reply.source_low


@inlined
def is_told_to_sender(vector: Any, towards: Any, i: int) -> bool:
    """Whether ICMP error ``i`` goes to who sent the packet that it quotes."""
    return (
        vector.destination_high[i] == towards.destination_high and vector.destination_low[i] == towards.destination_low
    )


@kernel
def find_quoted(vector: Any, router: Any, i: int, tick: Any) -> None:
    """Find the flow of the packet that ICMP error ``i`` quotes, and where the error therefore goes.

    Only those speak of a packet towards whom it went: the error comes in where the packet's destination is. Where
    policies are, it must go to who sent the packet, lest others be told something in the name of that conversation.
    """
    way, towards = way_of(router), quote_of(router).towards
    zone = zone_of(vector, i)
    towards.word |= zone
    half = find_half(flows_of(router), towards, key_hash(flow_head_of(router), towards), tick)
    hop = next_hops_of(router)[first_hop(router, towards.source_high, towards.source_low)]
    if half == NO_HALF or (zone == _ANYWHERE and hop.interface != vector.interface[i]):
        return
    if way.stamp != 0 and not is_told_to_sender(vector, towards, i):
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

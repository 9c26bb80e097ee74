"""Whether policies let a packet pass: asked of first packets, and of packets of flows once policies have changed.

A flow keeps the stamp that it was judged under. Its other packets cost one comparison, until the stamp is another; then
the flow is judged anew, whichever of its packets comes, in the direction in which it was begun. So it is if a packet
enters by another port than those before it, or if a bridged one leaves by another, or nobody knows by which: for who is
behind a port counts, and not the address.
"""

from typing import Any, Final

import numpy as np

from dataplane.flow.tables import BEGUN_BY_NODE, REPLY, SOURCE_PORT_SHIFT
from dataplane.interfaces.tables import NODE, SERVES
from dataplane.jit import inlined, kernel
from dataplane.policy.kernels import policy_key
from dataplane.router.exempt import is_exempt
from dataplane.router.judgement import count_judgement, end_behind, find_end, judge_ends, policy_is_on, policy_stamp
from dataplane.router.permission import is_from_link
from dataplane.router.tables import KNOWN, NEW, RELATED
from dataplane.router.view import flows_of, interfaces_of, way_of

ROUTED: Final = -2
"""In place of the port that a packet leaves by: it goes to an address, not to a MAC."""
UNKNOWN: Final = -1
"""It goes to a MAC, but nobody knows behind which port that is (``known_port``)."""

_OFF = np.uint32(0)
_PORT = np.uint32(0xFFFF)
_PORT_BITS = 16
_ONE_PORT = 0xFFFF


@inlined
def begin_judging(router: Any) -> None:
    """Note for a burst under which stamp its packets are judged; before any of them is."""
    way_of(router).stamp = policy_stamp(router) if policy_is_on(router) else _OFF


@inlined
def may_pass(vector: Any, router: Any, i: int, port: Any, high: Any, low: Any) -> bool:
    """Whether policies let frame ``i`` go to an address, behind ``port``, which may be ROUTED or UNKNOWN.

    Reads: the way. Writes: the judgements of the frame, and of the flow that it is of; what is denied changes no flow.
    """
    way = way_of(router)
    if way.stamp == _OFF or way.standing == RELATED:
        return True
    if way.standing == KNOWN:
        record = flows_of(router).records[way.half >> 1]
        if record.judged == way.stamp and record.between == ports_of_flow(vector, record, way, i, port):
            return True
    return judge_packet(vector, router, i, port, high, low)


@inlined
def may_be_served(vector: Any, heads: Any, router: Any, i: int, high: Any, low: Any) -> bool:
    """Whether policies let frame ``i`` go to an address of the router's own."""
    if way_of(router).stamp == _OFF or is_exempt(vector, heads, router, i):
        return True
    return may_pass(vector, router, i, ROUTED, high, low)


@kernel
def judge_packet(vector: Any, router: Any, i: int, port: Any, high: Any, low: Any) -> bool:
    """Ask the policies of both ends of frame ``i``, or of the flow that it is of."""
    way = way_of(router)
    sender = end_behind(router, np.int64(vector.in_port[i]), vector.source_high[i], vector.source_low[i])
    receiver = end_behind(router, port, high, low) if port > UNKNOWN else find_end(router, high, low)
    record = flows_of(router).records[way.half >> 1 if way.standing == KNOWN else 0]
    asked = np.uint64(vector.ports[i] & _PORT)
    way.is_from_node = is_from_node(vector, router, i)
    if way.standing == NEW:
        asked = way.conversation.reply.word >> SOURCE_PORT_SHIFT
    elif way.standing == KNOWN:
        asked = record.reply.key.word >> SOURCE_PORT_SHIFT
        if way.half & 1 == REPLY:
            sender, receiver = receiver, sender
            way.is_from_node = record.traits & BEGUN_BY_NODE != 0
    passes = judge_ends(router, sender, receiver, policy_key(vector.protocol[i], asked), way.is_from_node != 0)
    if way.standing == KNOWN and record.judged == way.stamp:
        count_judgement(router, way.egress, record.original.judgement)
        count_judgement(router, way.ingress, record.reply.judgement)
    else:
        count_judgement(router, way.egress, vector.egress_judgement[i])
        count_judgement(router, way.ingress, vector.ingress_judgement[i])
    vector.egress_judgement[i] = way.egress
    vector.ingress_judgement[i] = way.ingress
    if passes and way.standing == KNOWN:
        note_judgement(vector, record, way, i, port)
    return passes


@inlined
def ports_of_flow(vector: Any, record: Any, way: Any, i: int, port: Any) -> Any:
    """Return a number (uint32) for the ports that a flow goes between, who began it first, if frame ``i`` of it leaves
    by ``port``; if that is ROUTED, the other end is where packets from there have come in, 0 if none has."""
    entered = np.int64(vector.in_port[i]) + 1
    noted = np.int64(record.between)
    if way.standing == KNOWN and way.half & 1 == REPLY:
        left = noted >> _PORT_BITS if port == ROUTED else port + 1
        return np.uint32(left << _PORT_BITS | entered)
    left = noted & _ONE_PORT if port == ROUTED else port + 1
    return np.uint32(entered << _PORT_BITS | left)


@kernel
def is_from_node(vector: Any, router: Any, i: int) -> bool:
    """Whether the node itself, or what the agent serves, has sent frame ``i``."""
    entering = interfaces_of(router).interface[vector.interface[i]]
    if entering.traits & SERVES:
        return True
    return entering.traits & NODE != 0 and is_from_link(vector, router, entering, i)


@inlined
def note_judgement(vector: Any, record: Any, way: Any, i: int, port: Any) -> None:
    """Let a flow pass on by what has just been said of frame ``i`` of it, which leaves by ``port``, or is ROUTED."""
    record.original.judgement = way.egress
    record.reply.judgement = way.ingress
    record.judged = way.stamp
    record.between = ports_of_flow(vector, record, way, i, port)


@inlined
def note_new_flow(vector: Any, router: Any, flow: int, i: int, port: Any) -> None:
    """Let a flow that has just been made for frame ``i`` pass on by what was said of that."""
    vector.likely_half[i] = flow * 2
    way = way_of(router)
    if way.stamp == _OFF:
        return
    record = flows_of(router).records[flow]
    note_judgement(vector, record, way, i, port)
    if way.is_from_node:
        record.traits |= BEGUN_BY_NODE

"""What policies make of frames that are not for the router: judged, tracked, and bridged as they are.

A packet for one station is of a conversation, as it would be if it were routed. One that goes to several has none: its
sender's policies are asked once, those of each that may have it by themselves. What is no packet can be allowed by no
rule, so neither end may be isolated.
"""

from typing import Any, Final

import numpy as np

from dataplane.drop import drop
from dataplane.flow.kernels import create_flow, remove_flow
from dataplane.flow.states import begin_tracking, first_timeout, track_packet
from dataplane.flow.tables import BEATEN, BEGINS_ANEW, NO_HALF, TABLE_FULL
from dataplane.forward.kernels import flood_frame, is_reached, known_port, may_flood, send_frame
from dataplane.jit import expanded, inlined, kernel
from dataplane.policy.kernels import policy_key
from dataplane.router.addresses import claims_ipv4
from dataplane.router.beyond import send_beyond
from dataplane.router.conversations import find_flow, lacks_transport
from dataplane.router.exempt import asks_for_address
from dataplane.router.judged import is_from_node, may_pass, note_new_flow
from dataplane.router.judgement import (
    count_judgement,
    end_behind,
    end_of_port,
    find_end,
    is_confined,
    is_isolated,
    judge_egress,
    judge_ingress,
    same_pod,
)
from dataplane.router.packets import ATTEMPTS, is_placed, passes
from dataplane.router.tables import KNOWN, NEW, UNTRACKED
from dataplane.router.view import flow_rules_of, flows_of, way_of
from dataplane.vector import WHOLE
from dataplane.verdict import (
    FLOW_TABLE_FULL,
    MALFORMED_TRANSPORT,
    MARTIAN_ADDRESS,
    NAT_EXHAUSTED,
    POLICY_DENIED,
    POLICY_UNREADABLE,
    STORM_UNKNOWN_UNICAST,
)
from dataplane.wire import MAC_GROUP_BIT

_PORT = np.uint32(0xFFFF)
_NOTHING = np.uint32(0)

NOBODY: Final = 0
ASK: Final = -1
"""Who of those that are isolated may have a frame's copies, instead of the one with an end: none; all that allow it."""


@expanded
def bridge_packet(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, tick: Any) -> None:
    """Take frame ``i``, a packet that is not for the router, to where its destination is, if policies let it pass.

    Reads: the packet's columns, flow_hash, destination_bucket. Writes: verdict, egress queues, flows, judgements.
    Waiting fragments that it lets go stand behind it in the vector afterwards.
    """
    port = known_port(vector, tables, i)
    likely = np.int64(vector.likely_half[i])
    vector.likely_half[i] = NO_HALF
    for _ in range(ATTEMPTS):
        if try_to_bridge(vector, arena, tables, router, egress, i, port, likely, tick):
            return
    drop(vector, i, FLOW_TABLE_FULL)


@expanded
def try_to_bridge(
    vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, port: Any, likely: Any, tick: Any
) -> bool:
    """Do so, or return False, with nothing written, if the packet's flow has come or gone meanwhile."""
    way_of(router).standing = UNTRACKED
    if claims_ipv4(vector, i):
        drop(vector, i, MARTIAN_ADDRESS)
        return True
    if lacks_transport(vector, i):
        drop(vector, i, MALFORMED_TRANSPORT)
        return True
    if vector.fragment[i] != WHOLE and not is_placed(vector, arena, router, i, tick):
        return True
    if vector.destination_mac[i] & MAC_GROUP_BIT:
        if vector.fragment[i] == WHOLE or passes(vector, arena, router, i):
            send_to_group(vector, tables, router, egress, i)
        return True
    if port >= 0 and end_of_port(router, port) == 0 and asks_for_address(vector, router, i):
        send_frame(vector, tables.forward, tables.switches, egress, i, port)
        return True
    find_flow(vector, arena.heads, router, i, likely, tick)
    if not may_pass(vector, router, i, port, vector.destination_high[i], vector.destination_low[i]):
        drop(vector, i, POLICY_DENIED)
        return True
    outcome = follow_conversation(vector, arena.heads, router, i, port, tick)
    if outcome == BEATEN:
        return False
    if outcome < 0:
        drop(vector, i, FLOW_TABLE_FULL if outcome == TABLE_FULL else NAT_EXHAUSTED)
    elif vector.fragment[i] == WHOLE or passes(vector, arena, router, i):
        if port >= 0:
            send_frame(vector, tables.forward, tables.switches, egress, i, port)
        elif not send_beyond(vector, arena.heads, tables, router, egress, i):
            flood_packet(vector, tables, router, egress, i)
    return True


@kernel
def follow_conversation(vector: Any, heads: Any, router: Any, i: int, port: Any, tick: Any) -> int:
    """Count frame ``i`` in its flow, or make one; return 0 or more, or why there is none: BEATEN if that must be begun
    again."""
    way, flows, rules = way_of(router), flows_of(router), flow_rules_of(router)
    if way.standing == KNOWN:
        if track_packet(flows, way.half, rules, vector, heads, i, tick) != BEGINS_ANEW:
            return 0
        remove_flow(flows, way.half >> 1)
        return BEATEN
    if way.standing != NEW:
        return 0
    flow = create_flow(flows, way.conversation, tick, first_timeout(rules, vector, heads, i))
    if flow > 0:
        begin_tracking(flows, flow, rules, vector, heads, i, tick)
        note_new_flow(vector, router, flow, i, port)
    return flow


@kernel
def flood_packet(vector: Any, tables: Any, router: Any, egress: Any, i: int) -> None:
    """Queue frame ``i``, which may go to its destination, but nobody knows where that is, for who may see it."""
    if may_flood(vector, tables, i):
        receiver = find_end(router, vector.destination_high[i], vector.destination_low[i])
        flood_where_allowed(vector, tables, router, egress, i, receiver, POLICY_DENIED)
    else:
        drop(vector, i, STORM_UNKNOWN_UNICAST)


@kernel
def send_to_group(vector: Any, tables: Any, router: Any, egress: Any, i: int) -> None:
    """Queue frame ``i``, a packet to a group, for all whose policies, and its sender's, let them have it."""
    way = way_of(router)
    sender = end_behind(router, np.int64(vector.in_port[i]), vector.source_high[i], vector.source_low[i])
    receiver = find_end(router, vector.destination_high[i], vector.destination_low[i])
    key = policy_key(vector.protocol[i], vector.ports[i] & _PORT)
    may_leave = True
    if not asks_for_address(vector, router, i):
        may_leave = judge_egress(router, sender, receiver, key)
        count_judgement(router, way.egress, _NOTHING)
        vector.egress_judgement[i] = way.egress
    if not may_leave:
        drop(vector, i, POLICY_DENIED)
        return
    flood_where_allowed(vector, tables, router, egress, i, ASK, POLICY_DENIED)


@kernel
def bridge_unreadable(vector: Any, heads: Any, tables: Any, router: Any, egress: Any, i: int) -> None:
    """Send frame ``i``, which is neither ARP nor a packet, on between those that no policy is about."""
    port = known_port(vector, tables, i)
    if is_confined(router, end_of_port(router, vector.in_port[i])):
        drop(vector, i, POLICY_UNREADABLE)
    elif port >= 0:
        if is_isolated(router, end_of_port(router, port)):
            drop(vector, i, POLICY_UNREADABLE)
        else:
            send_frame(vector, tables.forward, tables.switches, egress, i, port)
    elif not send_beyond(vector, heads, tables, router, egress, i):
        if vector.destination_mac[i] & MAC_GROUP_BIT or may_flood(vector, tables, i):
            flood_where_allowed(vector, tables, router, egress, i, NOBODY, POLICY_UNREADABLE)
        else:
            drop(vector, i, STORM_UNKNOWN_UNICAST)


@kernel
def flood_where_allowed(vector: Any, tables: Any, router: Any, egress: Any, i: int, friend: Any, reason: int) -> None:
    """Queue frame ``i`` for those of its domain that policies let have it: who is isolated must be ``friend``, or, if
    that is ASK, allow it. ``reason``: why it ends if nobody is left who could have had it."""
    forward, way = tables.forward, way_of(router)
    first = forward.flood_first[vector.domain[i]]
    kept = left = left_out = 0
    for k in range(forward.flood_count[vector.domain[i]]):
        port = forward.flood_members[first + k]
        is_meant = is_reached(forward, vector.in_port[i], port)
        if is_meant and not admits(vector, router, i, np.int64(port), friend, left == 0):
            left_out += 1
            continue
        left += is_meant
        way.members[kept] = port
        kept += 1
    if left == 0 and left_out > 0:
        drop(vector, i, reason)
    else:
        flood_frame(vector, forward, tables.switches, egress, i, way.members, 0, kept)


@inlined
def admits(vector: Any, router: Any, i: int, port: Any, friend: Any, is_alone: bool) -> bool:
    """Whether policies let what is behind a port have frame ``i``. ``is_alone``: nobody has it yet, and so a refusal
    is what is known of it."""
    member = end_of_port(router, port)
    if not is_isolated(router, member):
        return True
    if friend != ASK:
        return same_pod(router, member, friend)
    return lets_in(vector, router, i, member, is_alone)


@kernel
def lets_in(vector: Any, router: Any, i: int, member: Any, is_alone: bool) -> bool:
    """Whether the policies of an end let in frame ``i``, a packet to a group that it is of."""
    way = way_of(router)
    sender = end_behind(router, np.int64(vector.in_port[i]), vector.source_high[i], vector.source_low[i])
    if same_pod(router, sender, member) or is_from_node(vector, router, i):
        return True
    may_enter = judge_ingress(router, sender, member, policy_key(vector.protocol[i], vector.ports[i] & _PORT))
    count_judgement(router, way.ingress, _NOTHING)
    if may_enter or is_alone:
        vector.ingress_judgement[i] = way.ingress
    return may_enter

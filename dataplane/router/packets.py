"""What becomes of a packet that was sent to the router's MAC: the steps of ``docs/router.md``, first match wins.

All that a packet is decided by is read before anything is written: who must wait waits as it came.
"""

from typing import Any, Final

import numpy as np

from dataplane.drop import drop
from dataplane.flow.kernels import is_same_key, remove_flow
from dataplane.flow.states import begin_tracking, first_timeout, track_packet
from dataplane.flow.tables import BEATEN, BEGINS_ANEW, NO_HALF, TABLE_FULL
from dataplane.fragment.cut import cut_packet
from dataplane.fragment.kernels import follow_fragment, pass_fragment
from dataplane.fragment.tables import FOLLOWS, OVERLAPS, WAITS
from dataplane.interfaces.tables import MASQUERADES, SERVES, UPLINK
from dataplane.jit import expanded, inlined, kernel
from dataplane.memory import load_u16_be
from dataplane.neighbour.table import meet_neighbour, wait_for_neighbour
from dataplane.neighbour.tables import NO_ROOM, SEND, SEND_AND_PROBE, UNREACHABLE
from dataplane.packet.superframes import largest_packet
from dataplane.route.hops.tables import BLACKHOLE, CONNECTED, LOCAL, VIA
from dataplane.route.hops.tables import UNREACHABLE as NO_WAY
from dataplane.router.addresses import has_martian, stays_on_link
from dataplane.router.beyond import aim_questions, aim_routed, known_mac
from dataplane.router.complaints import (
    SAY_NO_ROUTE,
    SAY_TIME_EXCEEDED,
    SAY_TOO_BIG,
    SAY_UNREACHABLE,
    refuse,
)
from dataplane.router.conversations import find_conversation, lacks_transport
from dataplane.router.departure import address_frame, send_out
from dataplane.router.judged import ROUTED, may_pass, note_new_flow
from dataplane.router.permission import PERMITTED, forbid, is_hidden, reason_against
from dataplane.router.routes import find_group, hop_of
from dataplane.router.service import serve_packet
from dataplane.router.tables import KNOWN, RELATED, UNTRACKED
from dataplane.router.tuples import copy_reversed
from dataplane.router.view import (
    fib4_of,
    fib6_of,
    flow_rules_of,
    flows_of,
    fragments_of,
    interfaces_of,
    nat_of,
    neighbours_of,
    next_hops_of,
    parking_of,
    quote_of,
    way_of,
)
from dataplane.superframe.cut import cut_superframe
from dataplane.vector import SLOT_BYTES, WHOLE
from dataplane.verdict import (
    BURST_FULL,
    CONSUME,
    DROP,
    FLOW_TABLE_FULL,
    FRAGMENT_OVERLAP,
    FRAGMENT_TABLE_FULL,
    MALFORMED_TRANSPORT,
    MARTIAN_ADDRESS,
    NAT_EXHAUSTED,
    NEIGHBOUR_UNRESOLVED,
    NO_ROUTE,
    PACKET_TOO_BIG,
    POLICY_DENIED,
    ROUTE_BLACKHOLE,
    TTL_EXCEEDED,
)
from dataplane.virtio import is_superframe
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_TTL,
    IPV6_HOP_LIMIT,
)
from nat.addresses import decrement_ttl
from nat.errors import translate_error
from nat.kernels import translate_packet
from nat.mapping import refresh_mapping
from nat.open import open_flow

_NONE = np.uint64(0)

ATTEMPTS: Final = 8
"""Each further one means that another worker has made the same flow, or the flow began anew."""


@expanded
def route_packet(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, tick: Any) -> None:
    """Take frame ``i``, a packet for the router, to where it goes.

    Reads: the packet's columns, route_group, flow_hash, interface. Writes: the packet, its columns, verdict, egress
    queues, flows. Frames that it causes stand behind it in the vector afterwards.
    """
    likely = np.int64(vector.likely_half[i])
    vector.likely_half[i] = NO_HALF
    for _ in range(ATTEMPTS):
        if try_to_route(vector, arena, tables, router, egress, i, likely, tick):
            return
    drop(vector, i, FLOW_TABLE_FULL)


@expanded
def try_to_route(
    vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, likely: Any, tick: Any
) -> bool:
    """Do so, or return False, with nothing written, if the packet's flow has come or gone meanwhile."""
    heads, way = arena.heads, way_of(router)
    entering = interfaces_of(router).interface[vector.interface[i]]
    if has_martian(vector, i):
        drop(vector, i, MARTIAN_ADDRESS)
        return True
    high, low = vector.destination_high[i], vector.destination_low[i]
    group = vector.route_group[i]
    way.standing = UNTRACKED
    way.is_redirected = 0
    is_placed_fragment = False
    if interfaces_of(router).tracks and entering.traits & SERVES == 0:
        if lacks_transport(vector, i):
            drop(vector, i, MALFORMED_TRANSPORT)
            return True
        if vector.fragment[i] != WHOLE and not is_placed(vector, arena, router, i, tick):
            return True
        is_placed_fragment = vector.fragment[i] != WHOLE
        find_conversation(vector, heads, router, i, likely, tick)
        if way.destination_low != low or way.destination_high != high:
            high, low = way.destination_high, way.destination_low
            group = find_group(fib4_of(router), fib6_of(router), high, low)

    hop = next_hops_of(router)[np.int64(hop_of(router, vector, i, group))]
    if hop.kind == LOCAL:
        serve_packet(vector, arena, tables, router, egress, i, hop, high, low)
        return True
    if stays_on_link(vector, i):
        drop(vector, i, MARTIAN_ADDRESS)
        return True
    if hop.kind != CONNECTED and hop.kind != VIA:
        refuse_route(vector, arena, router, tables.switches, egress, i, hop.kind)
        return True
    if not is_let_go(vector, arena, tables, router, egress, i, entering, hop, high, low):
        return True
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    if heads[at + (IPV6_HOP_LIMIT if vector.is_ipv6[i] else IPV4_TTL)] <= 1:
        refuse(vector, arena, router, tables.switches, egress, i, TTL_EXCEEDED, SAY_TIME_EXCEEDED, 0)
        return True
    is_cut = vector.packet_bytes[i] > hop.mtu and largest_packet(vector, heads, i) > hop.mtu
    if is_cut and may_not_be_cut(vector, heads, i):
        refuse(vector, arena, router, tables.switches, egress, i, PACKET_TOO_BIG, SAY_TOO_BIG, hop.mtu)
        return True

    if hop.kind == VIA:
        high, low = hop.address_high, hop.address_low
    domain, number = np.int64(hop.domain), np.int64(hop.interface)
    mac = find_mac(vector, arena, router, tables.switches, egress, i, hop, high, low, tick)
    if mac == _NONE:
        return True

    if way.standing != UNTRACKED and not enter_conversation(vector, arena, router, entering, hop, i, tick):
        return False
    if vector.verdict[i] == DROP or (is_placed_fragment and not passes(vector, arena, router, i)):
        return True
    decrement_ttl(heads, at, vector.is_ipv6[i])
    address_frame(vector, heads, i, mac, interfaces_of(router).interface[number].mac)
    stays = number == np.int64(vector.interface[i])
    vector.domain[i] = domain
    aim_routed(vector, router, i, number, high, low)
    send_whole(vector, arena, tables, egress, i, np.int64(hop.mtu) if is_cut else 0, stays)
    return True


@expanded
def is_let_go(
    vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, entering: Any, hop: Any, high: Any, low: Any
) -> bool:
    """Whether networks and policies let frame ``i`` go by ``hop`` to an address; it is dropped if they do not."""
    if way_of(router).standing < KNOWN:
        reason = reason_against(vector, router, entering, hop, i)
        if reason != PERMITTED:
            forbid(vector, arena, router, tables.switches, egress, i, reason)
            return False
    if may_pass(vector, router, i, ROUTED, high, low):
        return True
    drop(vector, i, POLICY_DENIED)
    return False


@expanded
def send_whole(vector: Any, arena: Any, tables: Any, egress: Any, i: int, mtu: int, stays: bool) -> None:
    """Send frame ``i`` out, in pieces of ``mtu`` if that is not 0; where it may not go, none of it goes."""
    pieces = vector.count
    if mtu and not cut_to_fit(vector, arena, i, mtu):
        vector.count = pieces
        drop(vector, i, BURST_FULL)
        return
    send_out(vector, tables, egress, i, stays)
    if vector.verdict[i] == DROP:
        vector.count = pieces


@kernel
def cut_to_fit(vector: Any, arena: Any, i: int, mtu: int) -> bool:
    """Cut frame ``i`` into packets of ``mtu``, a superframe first into its segments; False if there is no room for all
    of them, and what frame ``i`` is then is nobody's to send."""
    segments = vector.count
    if is_superframe(arena.heads, i * SLOT_BYTES) and not cut_superframe(vector, arena, i):
        return False
    for j in range(segments, vector.count):
        if vector.packet_bytes[j] > mtu and not cut_packet(vector, arena, j, mtu):
            return False
    return vector.packet_bytes[i] <= mtu or bool(cut_packet(vector, arena, i, mtu))


@inlined
def may_not_be_cut(vector: Any, heads: Any, i: int) -> bool:
    """Whether frame ``i`` must not be fragmented on its way: IPv6, and what says so."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES + IPV4_FRAGMENT
    return vector.is_ipv6[i] != 0 or load_u16_be(heads, at) & IPV4_DONT_FRAGMENT != 0


@kernel
def is_placed(vector: Any, arena: Any, router: Any, i: int, tick: Any) -> bool:
    """Let fragment ``i`` know its ports; False if it waits for the first one, or was dropped."""
    outcome = follow_fragment(fragments_of(router), parking_of(router), vector, arena, i, tick)
    if outcome == FOLLOWS:
        return True
    if outcome == WAITS:
        vector.verdict[i] = CONSUME
    else:
        drop(vector, i, FRAGMENT_OVERLAP if outcome == OVERLAPS else FRAGMENT_TABLE_FULL)
    return False


@kernel
def passes(vector: Any, arena: Any, router: Any, i: int) -> bool:
    """Note that fragment ``i`` goes on; False, and it was dropped, if another has just taken its place."""
    if pass_fragment(fragments_of(router), parking_of(router), vector, arena.heads, i):
        return True
    drop(vector, i, FRAGMENT_OVERLAP)
    return False


@kernel
def refuse_route(vector: Any, arena: Any, router: Any, switches: Any, egress: Any, i: int, kind: int) -> None:
    """End frame ``i``, which no route takes on: a blackhole does so silently."""
    if kind == BLACKHOLE:
        drop(vector, i, ROUTE_BLACKHOLE)
    elif kind == NO_WAY:
        refuse(vector, arena, router, switches, egress, i, NO_ROUTE, SAY_UNREACHABLE, 0)
    else:
        refuse(vector, arena, router, switches, egress, i, NO_ROUTE, SAY_NO_ROUTE, 0)


@expanded
def find_mac(
    vector: Any, arena: Any, router: Any, switches: Any, egress: Any, i: int, hop: Any, high: Any, low: Any, tick: Any
) -> Any:
    """Return the MAC (uint64) of an address behind next hop ``hop``, 0 if frame ``i`` waits for it or was dropped."""
    domain = np.int64(hop.domain)
    mac, act = known_mac(router, np.int64(hop.interface), domain, high, low), SEND
    if mac == _NONE:
        mac, act = meet_neighbour(neighbours_of(router), domain, high, low, tick)
    if act != SEND:
        asked = vector.count
        if not has_mac(vector, arena, router, switches, egress, i, domain, high, low, act, tick):
            mac = _NONE
        aim_questions(vector, arena.heads, router, asked)
    return mac


@kernel
def has_mac(
    vector: Any,
    arena: Any,
    router: Any,
    switches: Any,
    egress: Any,
    i: int,
    domain: int,
    high: Any,
    low: Any,
    act: int,
    tick: Any,
) -> bool:
    """Do what frame ``i``'s neighbour needs: ask for it, and keep the frame meanwhile. True if the frame may go on."""
    if act == UNREACHABLE:
        refuse(vector, arena, router, switches, egress, i, NEIGHBOUR_UNRESOLVED, SAY_UNREACHABLE, 0)
        return False
    if act == NO_ROOM:
        drop(vector, i, NEIGHBOUR_UNRESOLVED)
        return False
    neighbours, parking, interfaces = neighbours_of(router), parking_of(router), interfaces_of(router)
    kept = wait_for_neighbour(neighbours, parking, interfaces, vector, arena, i, domain, high, low, act, tick)
    if act == SEND_AND_PROBE:
        return True
    if kept:
        vector.verdict[i] = CONSUME
    else:
        drop(vector, i, NEIGHBOUR_UNRESOLVED)
    return False


@expanded
def enter_conversation(vector: Any, arena: Any, router: Any, entering: Any, hop: Any, i: int, tick: Any) -> bool:
    """Count frame ``i`` in its flow, make one if it has none, and translate it; False if that must be begun again.

    It is dropped where no flow can be made for it.
    """
    heads, way = arena.heads, way_of(router)
    if way.standing == RELATED:
        translate_error(vector, heads, i, quote_of(router), way.leaves_as)
        return True
    if way.standing == KNOWN:
        if track_packet(flows_of(router), way.half, flow_rules_of(router), vector, heads, i, tick) == BEGINS_ANEW:
            remove_flow(flows_of(router), way.half >> 1)
            return False
        refresh_mapping(nat_of(router), flows_of(router), way.half, tick)
    else:
        outcome = begin_flow(vector, heads, router, entering, hop, i, tick)
        if outcome == BEATEN:
            return False
        if outcome <= 0:
            drop(vector, i, FLOW_TABLE_FULL if outcome == TABLE_FULL else NAT_EXHAUSTED)
            return True
        copy_reversed(way.conversation.reply, way.leaves_as)
    is_translated = not is_same_key(way.leaves_as, way.conversation.original)
    if is_translated and not translate_packet(vector, heads, i, way.leaves_as):
        drop(vector, i, MALFORMED_TRANSPORT)
    return True


@kernel
def begin_flow(vector: Any, heads: Any, router: Any, entering: Any, hop: Any, i: int, tick: Any) -> int:
    """Make a flow for frame ``i``, the first packet of a conversation; return it, or why there is none.

    Its source is translated where it leaves a network that masquerades by the uplink, and where it comes back inside by
    a published port, for the answer to come back through here.
    """
    way, leaving = way_of(router), interfaces_of(router).interface[hop.interface]
    translates = False
    if entering.traits & UPLINK == 0:
        if leaving.traits & UPLINK:
            translates = is_hidden(vector, router, entering, i)
        else:
            is_within = hop.interface == vector.interface[i]
            translates = way.is_redirected != 0 and (entering.traits & MASQUERADES != 0 or is_within)
    timeout = first_timeout(flow_rules_of(router), vector, heads, i)
    flow = open_flow(nat_of(router), flows_of(router), way.conversation, translates, tick, timeout)
    if flow > 0:
        begin_tracking(flows_of(router), flow, flow_rules_of(router), vector, heads, i, tick)
        note_new_flow(vector, router, flow, i, ROUTED)
    return flow

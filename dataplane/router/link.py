"""What stations on a link ask and say: ARP and neighbour discovery, answered for the router's addresses."""

from typing import Any

import numpy as np

from dataplane.admit.kernels import owns_address
from dataplane.drop import drop
from dataplane.interfaces.tables import PROXIES, SERVES, SPANS, UPLINK
from dataplane.jit import kernel
from dataplane.memory import load_u64_be
from dataplane.neighbour.arp import answer_arp, arp_sender, arp_sender_mac, arp_target, read_arp
from dataplane.neighbour.nd import (
    answer_solicitation,
    find_link_address,
    message_end,
    read_discovery,
    source_link_address,
)
from dataplane.neighbour.ra import answer_router_solicitation
from dataplane.neighbour.table import note_neighbour
from dataplane.neighbour.tables import (
    FROM_ROUTER,
    HEARD,
    MALFORMED,
    NOT_ARP,
    OVERRIDES,
    ROUTER_SOLICITATION_BYTES,
    SOLICITATION_BYTES,
    SOLICITED,
    TARGET,
    TARGET_LINK_ADDRESS,
)
from dataplane.router.addresses import is_link_local
from dataplane.router.beyond import aim_frame, comes_from_beyond, known_mac
from dataplane.router.complaints import send_back
from dataplane.router.routes import is_local, is_on_link
from dataplane.router.view import interfaces_of, neighbours_of, parking_of
from dataplane.verdict import CONSUME, GATEWAY_CLAIMED, MALFORMED_NEIGHBOUR, NOT_ROUTABLE
from dataplane.wire import (
    ARP_REQUEST,
    ICMP_ID,
    IPV4_MAPPED_PREFIX,
    MAC_GROUP_BIT,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    ROUTER_SOLICITATION,
)

_NONE = np.uint64(0)


@kernel
def meet_arp(vector: Any, arena: Any, admit: Any, switches: Any, router: Any, egress: Any, i: int, tick: Any) -> bool:
    """Take frame ``i``, an ARP frame, if it is for the router; False if it is to be bridged.

    Whoever speaks for an address on the link is heard; whoever claims one of the router's is dropped.
    """
    heads = arena.heads
    operation = read_arp(vector, heads, i)
    interface = interfaces_of(router).interface[vector.interface[i]]
    if operation == NOT_ARP:
        if vector.destination_mac[i] != interface.mac:
            return False
        drop(vector, i, NOT_ROUTABLE)
        return True
    sender, target, mac = arp_sender(vector, heads, i), arp_target(vector, heads, i), arp_sender_mac(vector, heads, i)
    if is_claimed(router, vector, i, _NONE, sender, mac):
        drop(vector, i, GATEWAY_CLAIMED)
        return True
    is_probe = sender == IPV4_MAPPED_PREFIX
    is_ours = answers_for(router, admit, vector, i, _NONE, target, is_probe) and sender != target
    if not is_probe:
        hear(vector, arena, router, i, _NONE, sender, mac, HEARD, is_ours, tick)
    if operation == ARP_REQUEST:
        answer = mac_to_say(vector, router, i, _NONE, target, is_ours, is_probe)
        if answer != _NONE:
            answer_arp(vector, heads, i, answer)
            send_back(vector, switches, egress, i)
        if answer != _NONE or is_ours:
            vector.verdict[i] = CONSUME
            return True
    if vector.destination_mac[i] == interface.mac:
        vector.verdict[i] = CONSUME
        return True
    return False


@kernel
def mac_to_say(vector: Any, router: Any, i: int, high: Any, low: Any, is_ours: bool, is_probe: bool) -> Any:
    """Return the MAC (uint64) to answer frame ``i`` with, which asks for an address, 0 if it is not answered here.

    Where other nodes have gateways of their own, their stations are not answered with this one; and what the agent
    knows of other nodes' stations is answered for them, but to who probes: the station itself defends its address.
    """
    interface = interfaces_of(router).interface[vector.interface[i]]
    if comes_from_beyond(vector, router, i):
        return _NONE
    if is_ours:
        return interface.mac
    if interface.traits & SPANS == 0:
        return _NONE
    aim_frame(vector, router, i, high, low)
    domain = np.int64(vector.domain[i])
    return _NONE if is_probe else known_mac(router, np.int64(vector.interface[i]), domain, high, low)


@kernel
def answers_for(router: Any, admit: Any, vector: Any, i: int, high: Any, low: Any, is_probe: bool) -> bool:
    """Whether the router answers, where frame ``i`` came in, for an address: its own, or in a routed network all but
    those of the port itself.

    A station that probes whether anybody has the address that it wants (RFC 5227, RFC 4862) is asking about its own,
    and a link-local address is of the station's side of the link.
    """
    number = np.int64(vector.interface[i])
    if is_local(router, high, low, number):
        return True
    if is_probe or is_link_local(high):
        return False
    is_proxy = interfaces_of(router).interface[number].traits & PROXIES != 0
    return is_proxy and not owns_address(admit.ports[vector.in_port[i]], high, low)


@kernel
def is_claimed(router: Any, vector: Any, i: int, high: Any, low: Any, mac: Any) -> bool:
    """Whether ``mac`` claims an address that is the router's own where frame ``i`` came in."""
    number = np.int64(vector.interface[i])
    return mac != interfaces_of(router).interface[number].mac and is_local(router, high, low, number)


@kernel
def hear(
    vector: Any, arena: Any, router: Any, i: int, high: Any, low: Any, mac: Any, kind: int, asks_us: bool, tick: Any
) -> None:
    """Note that an address on the link says it has ``mac``; who does not ask the router makes no new entry."""
    number, domain = np.int64(vector.interface[i]), np.int64(vector.domain[i])
    if is_on_link(router, high, low, number, domain):
        note_neighbour(
            neighbours_of(router),
            parking_of(router),
            vector,
            arena,
            i,
            domain,
            high,
            low,
            mac,
            kind,
            asks_us,
            tick,
        )


@kernel
def meet_discovery(
    vector: Any, arena: Any, admit: Any, switches: Any, router: Any, egress: Any, i: int, tick: Any
) -> bool:
    """Take frame ``i``, a message of neighbour discovery, if it is for the router; False if it is to be bridged."""
    heads = arena.heads
    is_to_router = vector.destination_mac[i] == interfaces_of(router).interface[vector.interface[i]].mac
    is_to_group = vector.destination_mac[i] & MAC_GROUP_BIT != 0
    kind = read_discovery(vector, heads, i)
    if kind == NEIGHBOUR_SOLICITATION:
        if meet_solicitation(vector, arena, admit, switches, router, egress, i, tick):
            return True
    elif kind == NEIGHBOUR_ADVERTISEMENT:
        if meet_advertisement(vector, arena, router, i, tick):
            return True
    elif kind == ROUTER_SOLICITATION and (is_to_router or is_to_group) and is_router_for_ipv6(router, vector, i):
        if vector.source_high[i] | vector.source_low[i] != _NONE:
            mac = source_link_address(vector, heads, i, ROUTER_SOLICITATION_BYTES)
            if mac != _NONE:
                hear(vector, arena, router, i, vector.source_high[i], vector.source_low[i], mac, HEARD, True, tick)
        vector.verdict[i] = CONSUME
        if not comes_from_beyond(vector, router, i):
            answer_router_solicitation(vector, heads, i, interfaces_of(router).interface[vector.interface[i]])
            send_back(vector, switches, egress, i)
        return True
    elif kind == MALFORMED and is_to_router:
        drop(vector, i, MALFORMED_NEIGHBOUR)
        return True
    if is_to_router:  # An advertisement for the router, or one of another router, which does not listen to any.
        vector.verdict[i] = CONSUME
    return is_to_router


@kernel
def is_router_for_ipv6(router: Any, vector: Any, i: int) -> bool:
    """Whether stations where frame ``i`` came in shall take the router for theirs."""
    interface = interfaces_of(router).interface[vector.interface[i]]
    has_addresses = interface.traits & PROXIES != 0 or (interface.address6_high | interface.address6_low) != _NONE
    return has_addresses and interface.traits & (UPLINK | SERVES) == 0


@kernel
def meet_solicitation(
    vector: Any, arena: Any, admit: Any, switches: Any, router: Any, egress: Any, i: int, tick: Any
) -> bool:
    """Answer frame ``i``, a valid neighbour solicitation, if the router answers for its target."""
    heads = arena.heads
    at = np.int64(vector.transport_at[i]) + TARGET
    high, low = load_u64_be(heads, at), load_u64_be(heads, at + 8)
    source_high, source_low = vector.source_high[i], vector.source_low[i]
    mac = source_link_address(vector, heads, i, SOLICITATION_BYTES)
    if mac != _NONE and is_claimed(router, vector, i, source_high, source_low, mac):
        drop(vector, i, GATEWAY_CLAIMED)
        return True
    is_probe = source_high | source_low == _NONE
    is_ours = answers_for(router, admit, vector, i, high, low, is_probe) and (source_high != high or source_low != low)
    if mac != _NONE:
        hear(vector, arena, router, i, source_high, source_low, mac, HEARD, is_ours, tick)
    answer = mac_to_say(vector, router, i, high, low, is_ours, is_probe)
    if answer != _NONE:
        answer_solicitation(vector, heads, i, answer, FROM_ROUTER if is_ours else 0)
        send_back(vector, switches, egress, i)
    if answer == _NONE and not is_ours:
        return False
    vector.verdict[i] = CONSUME
    return True


@kernel
def meet_advertisement(vector: Any, arena: Any, router: Any, i: int, tick: Any) -> bool:
    """Hear frame ``i``, a valid neighbour advertisement; True if it was dropped for claiming the router's address."""
    heads = arena.heads
    at = np.int64(vector.transport_at[i])
    high, low = load_u64_be(heads, at + TARGET), load_u64_be(heads, at + TARGET + 8)
    mac = find_link_address(heads, at + SOLICITATION_BYTES, message_end(vector, i), TARGET_LINK_ADDRESS)
    if is_claimed(router, vector, i, high, low, mac):
        drop(vector, i, GATEWAY_CLAIMED)
        return True
    kind = heads[at + ICMP_ID] & (SOLICITED | OVERRIDES)
    hear(vector, arena, router, i, high, low, mac, kind, False, tick)
    return False

"""Packets to the router's own addresses: echo is answered, names are asked of the agent, all else is refused."""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.icmp.kernels import answer_echo
from dataplane.interfaces.tables import ANSWERS_NAMES, NODE, PROXIES, UPLINK
from dataplane.jit import inlined, kernel
from dataplane.router.addresses import stays_on_link
from dataplane.router.complaints import SAY_NO_PORT, SAY_NO_PROTOCOL, refuse, reset, send_back
from dataplane.router.departure import address_frame, send_out
from dataplane.router.judged import may_be_served
from dataplane.router.permission import is_from_link
from dataplane.router.tables import RELATED
from dataplane.router.view import interfaces_of, nat_of, way_of
from dataplane.vector import WHOLE
from dataplane.verdict import CONSUME, MARTIAN_ADDRESS, NO_SERVICE, POLICY_DENIED, UNRELATED_ERROR, UNSOLICITED
from dataplane.wire import (
    ICMP_ECHO,
    ICMPV6_ECHO,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
)
from nat.errors import is_error

_DESTINATION = np.uint32(0xFFFF)
_DNS_PORT = 53


@kernel
def serve_packet(
    vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, hop: Any, high: Any, low: Any
) -> None:
    """Answer, pass on or refuse frame ``i``, whose destination is an address of the router's own by way of ``hop``."""
    interfaces, switches = interfaces_of(router), tables.switches
    entering = interfaces.interface[vector.interface[i]]
    protocol = vector.protocol[i]
    is_from_here = hop.interface == vector.interface[i] or entering.traits & PROXIES != 0
    if stays_on_link(vector, i) and not is_from_here:
        drop(vector, i, MARTIAN_ADDRESS)
    elif not may_be_served(vector, arena.heads, router, i, high, low):
        drop(vector, i, POLICY_DENIED)
    elif is_stranger(vector, router, entering, i) and hop.interface != vector.interface[i]:
        drop(vector, i, UNSOLICITED)
    elif is_echo_request(vector, arena.heads, i):
        vector.verdict[i] = CONSUME
        answer_echo(vector, arena.heads, i)
        send_back(vector, switches, egress, i)
    elif asks_for_names(vector, interfaces, entering, hop, i):
        address_frame(vector, arena.heads, i, interfaces.service_mac, interfaces.interface[hop.interface].mac)
        vector.domain[i] = interfaces.service_domain
        send_out(vector, tables, egress, i, False)
    elif protocol == (PROTOCOL_ICMPV6 if vector.is_ipv6[i] else PROTOCOL_ICMP):
        meet_message(vector, arena.heads, router, hop, i)
    elif entering.traits & UPLINK and nat_of(router).rules.translates:
        drop(vector, i, UNSOLICITED)
    elif protocol == PROTOCOL_TCP:
        reset(vector, arena, router, switches, egress, i, NO_SERVICE)
    elif protocol == PROTOCOL_UDP:
        refuse(vector, arena, router, switches, egress, i, NO_SERVICE, SAY_NO_PORT, 0)
    else:
        refuse(vector, arena, router, switches, egress, i, NO_SERVICE, SAY_NO_PROTOCOL, 0)


@kernel
def is_stranger(vector: Any, router: Any, entering: Any, i: int) -> bool:
    """Whether frame ``i`` comes from outside of what hides behind the uplink, and not from the node itself."""
    if entering.traits & UPLINK == 0 or not nat_of(router).rules.translates:
        return False
    return not (entering.traits & NODE and is_from_link(vector, router, entering, i))


@kernel
def meet_message(vector: Any, heads: Any, router: Any, hop: Any, i: int) -> None:
    """Take an ICMP message; an error to the address that hides others must be about a known flow."""
    interfaces = interfaces_of(router)
    at = np.int64(vector.transport_at[i])
    hides = nat_of(router).rules.translates and interfaces.interface[hop.interface].traits & UPLINK
    is_related = way_of(router).standing == RELATED
    if hides and at != 0 and is_error(heads[at], vector.is_ipv6[i]) and not is_related:
        drop(vector, i, UNRELATED_ERROR)
    else:
        vector.verdict[i] = CONSUME


@inlined
def is_echo_request(vector: Any, heads: Any, i: int) -> bool:
    """Whether frame ``i`` is an unfragmented echo request."""
    at = np.int64(vector.transport_at[i])
    if at == 0 or vector.fragment[i] != WHOLE:
        return False
    if vector.is_ipv6[i]:
        return vector.protocol[i] == PROTOCOL_ICMPV6 and heads[at] == ICMPV6_ECHO
    return vector.protocol[i] == PROTOCOL_ICMP and heads[at] == ICMP_ECHO


@inlined
def asks_for_names(vector: Any, interfaces: Any, entering: Any, hop: Any, i: int) -> bool:
    """Whether frame ``i`` is for the answerer of names behind the router's address, and comes from inside."""
    return (
        vector.protocol[i] in (PROTOCOL_UDP, PROTOCOL_TCP)
        and vector.ports[i] & _DESTINATION == _DNS_PORT
        and vector.transport_at[i] != 0
        and interfaces.interface[hop.interface].traits & ANSWERS_NAMES != 0
        and interfaces.service_domain != 0
        and entering.traits & UPLINK == 0
    )

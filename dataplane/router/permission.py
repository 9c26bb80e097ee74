"""Who may go from which network to which: asked of packets of no known flow; those of a known one were let go once."""

from typing import Any, Final

import numpy as np

from dataplane.drop import drop
from dataplane.interfaces.tables import INTERNAL, MASQUERADES, NODE, SERVES, UPLINK
from dataplane.jit import inlined, kernel
from dataplane.route.hops.tables import CONNECTED, LOCAL
from dataplane.router.complaints import SAY_PROHIBITED, refuse
from dataplane.router.routes import first_hop, is_on_link
from dataplane.router.tables import UNTRACKED
from dataplane.router.view import interfaces_of, nat_of, next_hops_of, way_of
from dataplane.verdict import MARTIAN_ADDRESS, NETWORK_INTERNAL, NETWORKS_ISOLATED, UNRELATED_ERROR, UNSOLICITED
from nat.source import static_outside

PERMITTED: Final = 0


@inlined
def reason_against(vector: Any, router: Any, entering: Any, hop: Any, i: int) -> int:
    """Return why frame ``i``, of no known flow, may not go from its network to that of ``hop``, or PERMITTED."""
    leaving = interfaces_of(router).interface[hop.interface]
    if entering.traits & UPLINK and claims_inside(vector, router, i):
        return MARTIAN_ADDRESS
    if way_of(router).is_redirected:
        is_within = hop.interface == vector.interface[i]
        return PERMITTED if is_within or (entering.traits | leaving.traits) & INTERNAL == 0 else NETWORK_INTERNAL
    if entering.traits & UPLINK:
        if entering.traits & NODE and is_from_link(vector, router, entering, i):
            return PERMITTED
        if leaving.traits & INTERNAL:
            return NETWORK_INTERNAL
        return UNSOLICITED if leaving.traits & (MASQUERADES | UPLINK) else PERMITTED
    if (entering.traits | leaving.traits) & SERVES:
        return PERMITTED
    if leaving.traits & UPLINK:
        if entering.traits & INTERNAL:
            return NETWORK_INTERNAL
        is_message = way_of(router).standing == UNTRACKED
        return UNRELATED_ERROR if is_message and is_hidden(vector, router, entering, i) else PERMITTED
    return PERMITTED if hop.is_open or hop.interface == vector.interface[i] else NETWORKS_ISOLATED


@kernel
def claims_inside(vector: Any, router: Any, i: int) -> bool:
    """Whether frame ``i`` comes from an address that is the router's own, or of a station on another link."""
    hop = next_hops_of(router)[first_hop(router, vector.source_high[i], vector.source_low[i])]
    return hop.kind == LOCAL or (hop.kind == CONNECTED and hop.interface != vector.interface[i])


@inlined
def is_hidden(vector: Any, router: Any, entering: Any, i: int) -> bool:
    """Whether who sent frame ``i`` appears outside by another address."""
    if entering.traits & MASQUERADES:
        return True
    return static_outside(nat_of(router).rules, vector.source_high[i], vector.source_low[i]) >= 0


@kernel
def is_from_link(vector: Any, router: Any, entering: Any, i: int) -> bool:
    """Whether frame ``i`` comes from a station on the link of the interface that it came in by."""
    number = np.int64(vector.interface[i])
    return is_on_link(router, vector.source_high[i], vector.source_low[i], number, np.int64(entering.domain))


@kernel
def forbid(vector: Any, arena: Any, router: Any, switches: Any, egress: Any, i: int, reason: int) -> None:
    """Drop frame ``i``, and say so to those inside; to strangers nothing is said, nor of messages (RFC 5508 REQ-4)."""
    entering = interfaces_of(router).interface[vector.interface[i]]
    if entering.traits & UPLINK or reason == UNRELATED_ERROR:
        drop(vector, i, reason)
    else:
        refuse(vector, arena, router, switches, egress, i, reason, SAY_PROHIBITED, 0)

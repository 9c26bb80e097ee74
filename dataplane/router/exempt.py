"""What no policy is asked about: without it stations would have no addresses, and find nobody.

ARP is none of IP, and let pass before. Neighbour discovery and multicast listeners stay on their link (RFC 4861, RFC
3810). Of DHCP an endpoint is a client (RFC 2131 section 4.1, RFC 8415 section 7.2), and what is no endpoint a server: a
client needs no leave to ask, but an endpoint that would hear it is none that must be asked, and lets it in or not.
"""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.router.judgement import end_of_port
from dataplane.vector import WHOLE
from dataplane.wire import NEIGHBOUR_ADVERTISEMENT, PROTOCOL_ICMPV6, PROTOCOL_UDP, ROUTER_SOLICITATION

LISTENER_QUERY: Final = 130
LISTENER_DONE: Final = 132
LISTENER_REPORT2: Final = 143

ASKS: Final = (68 << 16 | 67, 546 << 16 | 547)
ANSWERS: Final = (67 << 16 | 68, 547 << 16 | 546)
DHCP: Final = (*ASKS, *ANSWERS)
"""Ports of DHCP, and of that of IPv6."""


@kernel
def is_exempt(vector: Any, heads: Any, router: Any, i: int) -> bool:
    """Whether frame ``i``, a packet whose columns are filled, is let pass whatever policies say."""
    at = np.int64(vector.transport_at[i])
    if at == 0 or vector.fragment[i] != WHOLE:
        return False
    if vector.protocol[i] == PROTOCOL_ICMPV6 and vector.is_ipv6[i]:
        kind = heads[at]
        is_discovery = ROUTER_SOLICITATION <= kind <= NEIGHBOUR_ADVERTISEMENT
        return is_discovery or LISTENER_QUERY <= kind <= LISTENER_DONE or kind == LISTENER_REPORT2
    if vector.protocol[i] != PROTOCOL_UDP or vector.ports[i] not in DHCP:
        return False
    is_pod = end_of_port(router, vector.in_port[i]) != 0
    return vector.ports[i] in (ASKS if is_pod else ANSWERS)


@inlined
def asks_for_address(vector: Any, router: Any, i: int) -> bool:
    """Whether frame ``i``, a packet whose columns are filled, is an endpoint's to servers of DHCP."""
    if vector.protocol[i] != PROTOCOL_UDP or vector.ports[i] not in ASKS:
        return False
    return vector.fragment[i] == WHOLE and end_of_port(router, vector.in_port[i]) != 0

"""What the router asks and says of its own accord, in frames that it originates."""

from typing import Any

import numpy as np

from dataplane.interfaces.tables import SPANS
from dataplane.jit import inlined, kernel
from dataplane.neighbour.arp import write_arp_request
from dataplane.neighbour.nd import write_advertisement, write_solicitation
from dataplane.neighbour.tables import LINK_LOCAL_HIGH
from dataplane.originate import originate_frame
from dataplane.wire import IPV4_MAPPED_PREFIX, MAC_BROADCAST

_NONE = np.uint64(0)
_HALF_WORD = np.uint64(32)


@inlined
def is_mapped(high: Any, low: Any) -> bool:
    """Whether an address is an IPv4 one."""
    return high == _NONE and low >> _HALF_WORD == IPV4_MAPPED_PREFIX >> _HALF_WORD


@kernel
def originate_on_link(vector: Any, heads: Any, cause: int, domain: int) -> Any:
    """Add an empty frame for a domain's link, or return -1 if the vector has no room for it."""
    k = originate_frame(vector, heads, cause)
    if k >= 0:
        vector.domain[k] = domain
        vector.vlan_tci[k] = 0
    return k


@kernel
def ask_neighbour(
    interface: Any, vector: Any, heads: Any, cause: int, domain: int, high: Any, low: Any, mac: Any
) -> bool:
    """Originate a request for an address: to ``mac``, or if that is 0 to all who may have it. False if there is no
    room.

    ``interface`` is the record of the domain's, whose own address asks; one that is none asks nobody.
    """
    if interface.mac == _NONE:
        return True
    k = originate_on_link(vector, heads, cause, domain)
    if k < 0:
        return False
    if is_mapped(high, low):
        to = mac if mac != _NONE else MAC_BROADCAST
        # Other nodes' stations shall not take this router for theirs, which has the same address.
        sender = _NONE if interface.traits & SPANS else interface.address4
        write_arp_request(vector, heads, k, to, interface.mac, sender, low)
    else:
        own = interface.link_local_low
        write_solicitation(vector, heads, k, mac, interface.mac, LINK_LOCAL_HIGH, own, high, low)
    return True


@kernel
def announce_address(interface: Any, vector: Any, heads: Any, cause: int, domain: int, high: Any, low: Any) -> bool:
    """Originate word to all on a link that an address is the interface's: an ARP announcement (RFC 5227 section 3) or
    an unsolicited advertisement (RFC 4861 section 7.2.6). False if there is no room."""
    k = originate_on_link(vector, heads, cause, domain)
    if k < 0:
        return False
    if is_mapped(high, low):
        write_arp_request(vector, heads, k, MAC_BROADCAST, interface.mac, low, low)
    else:
        write_advertisement(vector, heads, k, interface.mac, high, low)
    return True


@kernel
def announce_interface(interface: Any, vector: Any, heads: Any, cause: int, domain: int) -> int:
    """Announce all addresses of an interface's record on a domain's link; return how many frames that took."""
    announced = 0
    if interface.mac == _NONE:
        return announced
    if interface.address4 != _NONE:
        announced += announce_address(interface, vector, heads, cause, domain, _NONE, interface.address4)
    if interface.address6_high | interface.address6_low != _NONE:
        high, low = interface.address6_high, interface.address6_low
        announced += announce_address(interface, vector, heads, cause, domain, high, low)
    if interface.link_local_low != _NONE:
        low = interface.link_local_low
        announced += announce_address(interface, vector, heads, cause, domain, LINK_LOCAL_HIGH, low)
    return announced

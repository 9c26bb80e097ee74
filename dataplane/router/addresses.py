"""Which addresses no router forwards, and which stay on their link."""

from typing import Any

import numpy as np

from dataplane.jit import inlined

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_MAPPED = np.uint64(0x0000_FFFF)
_HALF = np.uint64(32)
_FIRST_OF_4 = np.uint64(24)
_FIRST_OF_6 = np.uint64(56)
_BYTE = np.uint64(0xFF)
_LOOPBACK = np.uint64(127)
_GROUPS = np.uint64(224)
_LINK_LOCAL_BITS = np.uint64(54)
_LINK_LOCAL = np.uint64(0xFE80 >> 6)
_PREFIX_OF_4 = np.uint64(16)
_LINK_LOCAL4 = np.uint64(0xFFFF_A9FE)


@inlined
def is_martian4(low: Any) -> bool:
    """Whether an IPv4 address is of 0/8, 127/8 or 224/3: no source or destination that is routed."""
    first = (low >> _FIRST_OF_4) & _BYTE
    return first in (_NONE, _LOOPBACK) or first >= _GROUPS


@inlined
def is_mapped(high: Any, low: Any) -> bool:
    """Whether an address is of ::ffff:0:0/96, as columns hold those of IPv4."""
    return high == _NONE and low >> _HALF == _MAPPED


@inlined
def is_martian6(high: Any, low: Any) -> bool:
    """Whether an IPv6 address is ::, ::1, of ff00::/8, or one of ::ffff:0:0/96, which are nobody's on a wire."""
    if high >> _FIRST_OF_6 == _BYTE:
        return True
    return (high == _NONE and low <= _ONE) or is_mapped(high, low)


@inlined
def is_link_local(high: Any) -> bool:
    """Whether an address, by its upper half, is of fe80::/10."""
    return high >> _LINK_LOCAL_BITS == _LINK_LOCAL


@inlined
def is_link_local4(high: Any, low: Any) -> bool:
    """Whether an address is of 169.254/16."""
    return high == _NONE and low >> _PREFIX_OF_4 == _LINK_LOCAL4


@inlined
def has_martian(vector: Any, i: int) -> bool:
    """Whether frame ``i`` comes from or goes to an address that no router forwards (RFC 1812 5.3.7, RFC 4291 2.5)."""
    if vector.is_ipv6[i]:
        return is_martian6(vector.source_high[i], vector.source_low[i]) or is_martian6(
            vector.destination_high[i], vector.destination_low[i]
        )
    return is_martian4(vector.source_low[i]) or is_martian4(vector.destination_low[i])


@inlined
def claims_ipv4(vector: Any, i: int) -> bool:
    """Whether frame ``i``, a packet of IPv6, comes from or goes to an address by which columns mean one of IPv4."""
    if not vector.is_ipv6[i]:
        return False
    return is_mapped(vector.source_high[i], vector.source_low[i]) or is_mapped(
        vector.destination_high[i], vector.destination_low[i]
    )


@inlined
def stays_on_link(vector: Any, i: int) -> bool:
    """Whether frame ``i`` comes from or goes to a link-local address."""
    return is_link_local(vector.source_high[i]) or is_link_local(vector.destination_high[i])

"""Router advertisements (RFC 4861 section 4.2): what an interface's record says, to whoever solicits it."""

from typing import Any

import numpy as np

from dataplane.icmp.headers import write_ipv6_addresses
from dataplane.interfaces.tables import ANSWERS_NAMES
from dataplane.jit import kernel
from dataplane.memory import store_u16_be, store_u32_be, store_u64_be
from dataplane.neighbour.frames import write_ethernet
from dataplane.neighbour.nd import finish, source_link_address, write_link_address
from dataplane.neighbour.tables import (
    ALL_NODES_HIGH,
    ALL_NODES_LOW,
    ALL_NODES_MAC,
    AUTONOMOUS,
    AUTONOMOUS_BITS,
    LINK_LOCAL_HIGH,
    MTU_OPTION,
    NAME_SERVER_BYTES,
    NAME_SERVERS,
    ON_LINK,
    OPTION_BYTES,
    OWN_HOPS,
    PREFERRED_LIFETIME_S,
    PREFIX_BYTES,
    PREFIX_INFORMATION,
    ROUTER_ADVERTISEMENT_BYTES,
    ROUTER_LIFETIME_S,
    ROUTER_SOLICITATION_BYTES,
    SOURCE_LINK_ADDRESS,
    VALID_LIFETIME_S,
)
from dataplane.wire import ETHERNET_BYTES, IPV6_BYTES, ROUTER_ADVERTISEMENT, TYPE_IPV6

_NONE = np.uint64(0)


@kernel
def begin_option(heads: Any, at: Any, kind: int, count: int) -> None:
    """Write the first eight bytes of an option of ``count`` bytes, all but kind and length 0."""
    store_u64_be(heads, at, _NONE)
    heads[at] = kind
    heads[at + 1] = count // OPTION_BYTES


@kernel
def write_prefix(heads: Any, at: Any, interface: Any, p: int) -> None:
    """Write the option for the interface's prefix ``p``; only a /64 is one to make addresses from."""
    bits = np.int64(interface.prefix_length[p])
    begin_option(heads, at, PREFIX_INFORMATION, PREFIX_BYTES)
    heads[at + 2] = bits
    heads[at + 3] = ON_LINK | AUTONOMOUS if bits == AUTONOMOUS_BITS else ON_LINK
    store_u32_be(heads, at + 4, np.uint32(VALID_LIFETIME_S))
    store_u32_be(heads, at + 8, np.uint32(PREFERRED_LIFETIME_S))
    store_u32_be(heads, at + 12, np.uint32(0))
    store_u64_be(heads, at + 16, interface.prefix_high[p])
    store_u64_be(heads, at + 24, interface.prefix_low[p])


@kernel
def write_options(heads: Any, at: Any, interface: Any) -> Any:
    """Write all options; return where they end: at most 168 bytes further."""
    write_link_address(heads, at, SOURCE_LINK_ADDRESS, interface.mac)
    begin_option(heads, at + OPTION_BYTES, MTU_OPTION, OPTION_BYTES)
    store_u32_be(heads, at + OPTION_BYTES + 4, np.uint32(interface.mtu))
    at += 2 * OPTION_BYTES
    for p in range(interface.prefixes):
        write_prefix(heads, at, interface, p)
        at += PREFIX_BYTES
    if interface.traits & ANSWERS_NAMES and (interface.address6_high | interface.address6_low) != _NONE:
        begin_option(heads, at, NAME_SERVERS, NAME_SERVER_BYTES)
        store_u32_be(heads, at + 4, np.uint32(ROUTER_LIFETIME_S))
        store_u64_be(heads, at + 8, interface.address6_high)
        store_u64_be(heads, at + 16, interface.address6_low)
        at += NAME_SERVER_BYTES
    return at


@kernel
def answer_router_solicitation(vector: Any, heads: Any, i: int, interface: Any) -> None:
    """Turn frame ``i``, a valid router solicitation, into the interface's advertisement to whoever solicited it.

    One who asks from no address is answered through all nodes (RFC 4861 section 6.2.6).
    """
    ip: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    icmp = ip + IPV6_BYTES
    to_high, to_low = vector.source_high[i], vector.source_low[i]
    to_mac = source_link_address(vector, heads, i, ROUTER_SOLICITATION_BYTES)
    if to_mac == _NONE:
        to_mac = vector.source_mac[i]
    if (to_high | to_low) == _NONE:
        to_high, to_low, to_mac = ALL_NODES_HIGH, ALL_NODES_LOW, ALL_NODES_MAC
    count = write_options(heads, icmp + ROUTER_ADVERTISEMENT_BYTES, interface) - icmp
    write_ethernet(vector, heads, i, to_mac, interface.mac, TYPE_IPV6, IPV6_BYTES + count)
    write_ipv6_addresses(heads, ip, LINK_LOCAL_HIGH, interface.link_local_low, to_high, to_low)
    store_u16_be(heads, icmp, np.uint16(ROUTER_ADVERTISEMENT << 8))
    store_u64_be(heads, icmp + 4, _NONE)
    store_u32_be(heads, icmp + 12, np.uint32(0))
    heads[icmp + 4] = OWN_HOPS
    store_u16_be(heads, icmp + 6, np.uint16(ROUTER_LIFETIME_S))
    finish(heads, ip, count)

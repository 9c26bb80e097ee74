"""Whom an inner frame claims to come from: port security for frames that other nodes send.

What the agent knows to be at one node, no other may speak for: a MAC or an address of an endpoint, or an address of a
subnet that a peer has; and for what ports here have nobody else may. What nobody has told us of may be anybody's.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.ethernet import skip_tags
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u32_be, load_u64, load_u64_be
from dataplane.router.routes import first_hop, is_ipv4
from dataplane.router.view import next_hops_of
from dataplane.vector import NO_PEER
from dataplane.verdict import SPOOFED_ADDRESS, SPOOFED_MAC
from dataplane.wire import (
    ARP_BYTES,
    ARP_SENDER_IPV4,
    ARP_SENDER_MAC,
    IPV4_BYTES,
    IPV4_MAPPED_PREFIX,
    IPV4_SOURCE,
    IPV6_BYTES,
    IPV6_NEXT_HEADER,
    IPV6_SOURCE,
    MAC_MASK,
    NEIGHBOUR_ADVERTISEMENT,
    PROTOCOL_ICMPV6,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
)
from encap.index import find_address, find_link, peer_of, prefetch_address, prefetch_link
from encap.tables import ABSENT

_NONE = np.uint64(0)
_ADVERTISED = 8
"""Where an advertisement says whose address it is about, from its ICMPv6 header on (RFC 4861 section 4.4)."""
_ADVERTISED_END = 24


@inlined
def note_claims(vector: Any, heads: Any, remotes: Any, i: int) -> None:
    """Note the address that frame ``i`` comes from in source_high and source_low, 0 if it has none, and ask the caches
    for what ``check_claims`` will read."""
    ether_type, at, held = skip_tags(vector, heads, i)
    high, low = _NONE, _NONE
    if ether_type == TYPE_IPV4 and held >= IPV4_BYTES:
        low = mapped(heads, at + IPV4_SOURCE)
    elif ether_type == TYPE_IPV6 and held >= IPV6_BYTES:
        high, low = load_u64_be(heads, at + IPV6_SOURCE), load_u64_be(heads, at + IPV6_SOURCE + 8)
        if is_ipv4(high, low):  # Mapped addresses are nobody's on a wire (RFC 4291 section 2.5.5.2).
            low = _NONE
    elif ether_type == TYPE_ARP and held >= ARP_BYTES:
        low = mapped(heads, at + ARP_SENDER_IPV4)
    vector.source_high[i], vector.source_low[i] = high, low
    prefetch_link(remotes, vector.domain[i], vector.source_mac[i])
    prefetch_address(remotes, vector.domain[i], high, low)


@inlined
def mapped(heads: Any, at: Any) -> Any:
    """Return the low half of the IPv4 address at ``at``, 0 of 0.0.0.0, which is nobody's."""
    address = np.uint64(load_u32_be(heads, at))
    return IPV4_MAPPED_PREFIX | address if address else _NONE


@inlined
def check_claims(vector: Any, heads: Any, tables: Any, router: Any, i: int) -> None:
    """Drop frame ``i``, which ``note_claims`` has met, if what it claims is another node's."""
    remotes, domain, peer = tables.remotes, vector.domain[i], np.int64(vector.remote[i])
    is_elsewhere = is_link_elsewhere(remotes, domain, vector.source_mac[i], peer)
    if is_elsewhere or (vector.ether_type[i] != TYPE_IPV4 and is_speaker_elsewhere(vector, heads, remotes, i)):
        drop(vector, i, SPOOFED_MAC)
        return
    is_elsewhere = is_address_elsewhere(remotes, router, domain, vector.source_high[i], vector.source_low[i], peer)
    if is_elsewhere or (
        vector.ether_type[i] != TYPE_IPV4 and is_advertised_elsewhere(vector, heads, tables, router, i)
    ):
        drop(vector, i, SPOOFED_ADDRESS)


@inlined
def is_link_elsewhere(remotes: Any, domain: Any, mac: Any, peer: Any) -> bool:
    """Whether a MAC in a domain is known to be at another node than ``peer``, this one being another."""
    owner = peer_of(find_link(remotes, domain, mac))
    return owner not in (NO_PEER, peer)


@inlined
def is_address_elsewhere(remotes: Any, router: Any, domain: Any, high: Any, low: Any, peer: Any) -> bool:
    """Whether an address in a domain's network is known to be at another node, by itself or by its subnet."""
    if high | low == _NONE:
        return False
    value = find_address(remotes, domain, high, low)
    if value != ABSENT:
        return peer_of(value) != peer
    return is_subnet_elsewhere(router, np.int64(domain), high, low, peer)


@kernel
def is_subnet_elsewhere(router: Any, domain: Any, high: Any, low: Any, peer: Any) -> bool:
    """Whether the subnet that an address is of is another peer's in this domain."""
    hop = next_hops_of(router)[first_hop(router, high, low)]
    return hop.domain == domain and hop.peer not in (NO_PEER, peer)


@kernel
def is_speaker_elsewhere(vector: Any, heads: Any, remotes: Any, i: int) -> bool:
    """Whether frame ``i`` is ARP that names the MAC of another node's endpoint as its sender's."""
    ether_type, at, held = skip_tags(vector, heads, i)
    if ether_type != TYPE_ARP or held < ARP_BYTES:
        return False
    sender = load_u64(heads, at + ARP_SENDER_MAC) & MAC_MASK
    return is_link_elsewhere(remotes, vector.domain[i], sender, np.int64(vector.remote[i]))


@kernel
def is_advertised_elsewhere(vector: Any, heads: Any, tables: Any, router: Any, i: int) -> bool:
    """Whether frame ``i`` is a neighbour advertisement about an address of another node's. Valid or not, it counts."""
    ether_type, at, held = skip_tags(vector, heads, i)
    if ether_type != TYPE_IPV6 or held < IPV6_BYTES + _ADVERTISED_END:
        return False
    icmp = at + IPV6_BYTES
    if heads[at + IPV6_NEXT_HEADER] != PROTOCOL_ICMPV6 or heads[icmp] != NEIGHBOUR_ADVERTISEMENT:
        return False
    high, low = load_u64_be(heads, icmp + _ADVERTISED), load_u64_be(heads, icmp + _ADVERTISED + 8)
    peer = np.int64(vector.remote[i])
    return is_address_elsewhere(tables.remotes, router, vector.domain[i], high, low, peer)

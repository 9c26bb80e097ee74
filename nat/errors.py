"""ICMP errors about a flow (RFC 5508 section 4): reading the packet that one quotes, and translating both.

    | IP header | ICMP error, 8 bytes | quoted IP header | 8 or more bytes of the quoted transport header … |
      outer       checksum over all ICMP bytes   the quoted packet goes the opposite way

Quotes may end anywhere behind these 8 bytes, and in the spill buffer. What lies behind the head is left alone.
"""

from typing import Any

import numpy as np

from dataplane.checksum import adjust_checksum, difference, sum_bytes
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, PROTOCOL_SHIFT, SOURCE_PORT_SHIFT
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64_be
from dataplane.vector import FIRST_FRAGMENT, WHOLE
from dataplane.wire import (
    ETHERNET_BYTES,
    ICMP_BYTES,
    ICMP_CHECKSUM,
    ICMP_ID,
    ICMP_PARAMETER_PROBLEM,
    ICMP_SOURCE_QUENCH,
    ICMP_TIME_EXCEEDED,
    ICMP_UNREACHABLE,
    ICMPV6_PARAMETER_PROBLEM,
    ICMPV6_UNREACHABLE,
    IPV4_BYTES,
    IPV4_DESTINATION,
    IPV4_FRAGMENT,
    IPV4_MAPPED_PREFIX,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_DESTINATION,
    IPV6_FRAGMENT_OFFSET,
    IPV6_MORE_FRAGMENTS,
    IPV6_NEXT_HEADER,
    IPV6_OFFSET_MASK,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    NEXT_DESTINATION_OPTIONS,
    NEXT_FRAGMENT,
    NEXT_HOP_BY_HOP,
    NEXT_ROUTING,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
)
from nat.addresses import rewrite_addresses
from nat.tables import NO_ERROR, QUOTE_MALFORMED, QUOTES_LATER_FRAGMENT, QUOTES_PACKET
from nat.transport import NO_PORTS, PORTS, QUERY, form_of_ports, rewrite_sctp, rewrite_transport

_QUOTED_TRANSPORT = 8
_EXTENSIONS = 8
_PORT = np.uint64(0xFFFF)
_PORT_BITS = np.uint64(16)
_IPV4_MAPPED = np.uint64(IPV4_MAPPED_PREFIX)


@inlined
def is_error(kind: int, is_ipv6: int) -> bool:
    """Whether an ICMP type is an error that quotes a packet; redirects are none that may pass a translator."""
    if is_ipv6:
        return ICMPV6_UNREACHABLE <= kind <= ICMPV6_PARAMETER_PROBLEM
    return kind in (ICMP_UNREACHABLE, ICMP_SOURCE_QUENCH, ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM)


@kernel
def read_quote(vector: Any, heads: Any, i: int, quote: Any) -> int:
    """Say in ``quote`` (QUOTE_DTYPE) which packet frame ``i`` quotes; return a code of ``tables.py``.

    The gate: the IP header lies in the head, and 8 bytes of ICMP if ``transport_at`` is not 0. All else is checked
    here. ``quote.towards`` is what a flow is found by, in the direction in which the error goes.
    """
    at: Any = np.int64(vector.transport_at[i])
    is_ipv6 = vector.is_ipv6[i]
    wanted = PROTOCOL_ICMPV6 if is_ipv6 else PROTOCOL_ICMP
    if (
        at == 0
        or vector.fragment[i] > FIRST_FRAGMENT
        or vector.protocol[i] != wanted
        or not is_error(heads[at], is_ipv6)
    ):
        return NO_ERROR
    head_at: Any = np.int64(vector.head_at[i])
    in_head = head_at + np.int64(vector.head_length[i])
    ends_at = min(in_head, head_at + ETHERNET_BYTES + np.int64(vector.packet_bytes[i]))
    quote.packet_at = at + ICMP_BYTES
    quote.is_ipv6 = is_ipv6
    code = _read_ipv6(heads, ends_at, quote) if is_ipv6 else _read_ipv4(heads, ends_at, quote)
    if code != QUOTES_PACKET:
        return code
    transport_at: Any = np.int64(quote.transport_at)
    if transport_at + _QUOTED_TRANSPORT > ends_at:
        return QUOTE_MALFORMED
    # Padding and extensions (RFC 4884) may follow a short packet.
    whole = transport_at + max(np.int64(quote.transport_bytes), _QUOTED_TRANSPORT)
    quote.ends_at = min(ends_at, whole)
    _read_tuple(heads, quote)
    return QUOTES_PACKET


@kernel
def _read_ipv4(heads: Any, ends_at: int, quote: Any) -> int:
    at: Any = np.int64(quote.packet_at)
    if at + IPV4_BYTES > ends_at:
        return QUOTE_MALFORMED
    header = (np.int64(heads[at]) & 15) * 4
    if heads[at] >> 4 != 4 or header < IPV4_BYTES:
        return QUOTE_MALFORMED
    fragment = np.int64(load_u16_be(heads, at + IPV4_FRAGMENT))
    if fragment & IPV4_OFFSET_MASK:
        return QUOTES_LATER_FRAGMENT
    quote.fragment = FIRST_FRAGMENT if fragment & IPV4_MORE_FRAGMENTS else WHOLE
    quote.protocol = heads[at + IPV4_PROTOCOL]
    quote.transport_at = at + header
    quote.transport_bytes = max(np.int64(load_u16_be(heads, at + IPV4_TOTAL_LENGTH)) - header, 0)
    return QUOTES_PACKET


@kernel
def _read_ipv6(heads: Any, ends_at: int, quote: Any) -> int:
    start: Any = np.int64(quote.packet_at)
    if start + IPV6_BYTES > ends_at or heads[start] >> 4 != 6:
        return QUOTE_MALFORMED
    quote.fragment = WHOLE
    following = heads[start + IPV6_NEXT_HEADER]
    at: Any = start + IPV6_BYTES
    for _ in range(_EXTENSIONS):
        if following not in (NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_DESTINATION_OPTIONS):
            break
        if at + 8 > ends_at:
            return QUOTE_MALFORMED
        if following == NEXT_FRAGMENT:
            fragment = np.int64(load_u16_be(heads, at + IPV6_FRAGMENT_OFFSET))
            if fragment & IPV6_OFFSET_MASK:
                return QUOTES_LATER_FRAGMENT
            if fragment & IPV6_MORE_FRAGMENTS:
                quote.fragment = FIRST_FRAGMENT
            length: Any = 8
        else:
            length = 8 + 8 * np.int64(heads[at + 1])
        following = heads[at]
        at += length
    quote.protocol = following
    quote.transport_at = at
    payload = np.int64(load_u16_be(heads, start + IPV6_PAYLOAD_LENGTH))
    quote.transport_bytes = max(payload - (at - start - IPV6_BYTES), 0)
    return QUOTES_PACKET


@kernel
def _read_tuple(heads: Any, quote: Any) -> None:
    at: Any = np.int64(quote.packet_at)
    transport_at: Any = np.int64(quote.transport_at)
    towards = quote.towards
    if quote.is_ipv6:
        towards.source_high = load_u64_be(heads, at + IPV6_DESTINATION)
        towards.source_low = load_u64_be(heads, at + IPV6_DESTINATION + 8)
        towards.destination_high = load_u64_be(heads, at + IPV6_SOURCE)
        towards.destination_low = load_u64_be(heads, at + IPV6_SOURCE + 8)
    else:
        towards.source_high = towards.destination_high = np.uint64(0)
        towards.source_low = _IPV4_MAPPED | np.uint64(load_u32_be(heads, at + IPV4_DESTINATION))
        towards.destination_low = _IPV4_MAPPED | np.uint64(load_u32_be(heads, at + IPV4_SOURCE))
    form = form_of_ports(heads, transport_at, quote.protocol, quote.is_ipv6)
    source = destination = np.uint64(0)
    if form == PORTS:
        source = np.uint64(load_u16_be(heads, transport_at))
        destination = np.uint64(load_u16_be(heads, transport_at + 2))
    elif form != NO_PORTS:
        identifier = np.uint64(load_u16_be(heads, transport_at + ICMP_ID))
        kind = query_type(heads[transport_at])
        source, destination = (identifier, kind) if form == QUERY else (kind, identifier)
    protocol = np.uint64(quote.protocol)
    towards.word = destination << SOURCE_PORT_SHIFT | source << DESTINATION_PORT_SHIFT | protocol << PROTOCOL_SHIFT


@inlined
def query_type(kind: int) -> Any:
    """Return the type of the query that a query or answer of ICMP type ``kind`` belongs to, a uint64."""
    if kind == 0:
        return np.uint64(8)
    if kind == 14:
        return np.uint64(13)
    if kind == 129:
        return np.uint64(128)
    return np.uint64(kind)


@kernel
def translate_error(vector: Any, heads: Any, i: int, quote: Any, key: Any) -> None:
    """Translate frame ``i`` and the packet it quotes, where packets of tuple ``quote.towards`` become ``key``.

    The gate: ``read_quote`` returned QUOTES_PACKET, and nothing was changed since. ``key`` is a TUPLE_DTYPE record of
    the same protocol. Of the outer addresses those change that the flow translates: so routers on its way keep their
    own, except that those behind a translated source are hidden behind it. Writes: the packet and the address columns.
    """
    at: Any = np.int64(vector.transport_at[i])
    outer_at: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    first: Any = np.int64(quote.packet_at)
    # Up to the end of a TCP header, as far as it is there: all that is changed.
    count = min(np.int64(quote.ends_at), np.int64(quote.transport_at) + 20) - first
    old = sum_bytes(heads, first, count)
    _translate_quoted(heads, quote, key)
    grown = difference(old, sum_bytes(heads, first, count))

    was = quote.towards
    if was.source_high != key.source_high or was.source_low != key.source_low:
        vector.source_high[i], vector.source_low[i] = key.source_high, key.source_low
    if was.destination_high != key.destination_high or was.destination_low != key.destination_low:
        vector.destination_high[i], vector.destination_low[i] = key.destination_high, key.destination_low
    outer = rewrite_addresses(
        heads,
        outer_at,
        vector.is_ipv6[i],
        vector.source_high[i],
        vector.source_low[i],
        vector.destination_high[i],
        vector.destination_low[i],
    )
    if vector.is_ipv6[i]:
        grown += outer
    adjust_checksum(heads, at + ICMP_CHECKSUM, grown)


@kernel
def _translate_quoted(heads: Any, quote: Any, key: Any) -> None:
    transport_at: Any = np.int64(quote.transport_at)
    ends_at: Any = np.int64(quote.ends_at)
    packet_at: Any = np.int64(quote.packet_at)
    length: Any = np.int64(quote.transport_bytes)
    word = key.word >> DESTINATION_PORT_SHIFT
    ports = (word & _PORT) << _PORT_BITS | word >> _PORT_BITS
    grown = rewrite_addresses(
        heads,
        packet_at,
        quote.is_ipv6,
        key.destination_high,
        key.destination_low,
        key.source_high,
        key.source_low,
    )
    if quote.protocol == PROTOCOL_SCTP:
        # The CRC32c of a first fragment depends on the length of the whole: it is left as it was.
        readable = ends_at if quote.fragment == WHOLE else transport_at + _QUOTED_TRANSPORT
        rewrite_sctp(heads, transport_at, readable, length, ports, False)
    else:
        rewrite_transport(heads, transport_at, ends_at, quote.protocol, quote.is_ipv6, ports, grown, False)

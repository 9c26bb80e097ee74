"""Translating packets: addresses, ports, every checksum that covers them, and what ICMP errors quote."""

from tests.naive.packet import Packet, Quote, Tuple
from tests.naive.wire import ICMP, ICMPV6, SCTP, TCP, UDP, Address, adjusted, crc32c

CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
QUERIES, ANSWERS = {(4, 8), (4, 13), (6, 128)}, {(4, 0), (4, 14), (6, 129)}


def translate(packet: Packet, new: Tuple) -> bytes:
    """Return the packet with the addresses and ports of ``new``."""
    data = bytearray(packet.data)
    write_addresses(data, 0, packet.version, new.source, new.destination)
    if packet.transport is not None and packet.fragment != "later":
        rewrite_transport(data, packet.transport, len(data), packet.version, packet.tuple, new)
    return bytes(data)


def write_addresses(data: bytearray, at: int, version: int, source: Address, destination: Address) -> None:
    """Give the IP header at ``at`` other addresses."""
    first, length = (at + 12, 8) if version == 4 else (at + 8, 32)
    old, new = bytes(data[first : first + length]), source.packed + destination.packed
    data[first : first + length] = new
    if version == 4 and old != new:
        data[at + 10 : at + 12] = adjusted(bytes(data[at + 10 : at + 12]), old, new)


def rewrite_transport(data: bytearray, at: int, end: int, version: int, old: Tuple, new: Tuple) -> None:
    """Give the transport header at ``at`` the ports of ``new``; what lies behind ``end`` is not there."""
    protocol = old.protocol
    before = bytes(data)
    if protocol in (TCP, UDP, SCTP):
        data[at : at + 4] = new.sport.to_bytes(2, "big") + new.dport.to_bytes(2, "big")
    elif (version, protocol) in ((4, ICMP), (6, ICMPV6)):
        if (version, data[at]) in QUERIES:
            data[at + 4 : at + 6] = new.sport.to_bytes(2, "big")
        elif (version, data[at]) in ANSWERS:
            data[at + 4 : at + 6] = new.dport.to_bytes(2, "big")
    if protocol == SCTP:
        rewrite_crc(data, at, end, before)
        return
    if protocol not in CHECKSUM_AT or (version, protocol) in ((4, ICMPV6), (6, ICMP)):
        return
    field = at + CHECKSUM_AT[protocol]
    if field + 2 > end:
        return
    stored = bytes(before[field : field + 2])
    if protocol == UDP and version == 4 and stored == b"\0\0":
        return
    was, now = before[at : at + 8], bytes(data[at : at + 8])
    if protocol != ICMP:
        was += old.source.packed + old.destination.packed
        now += new.source.packed + new.destination.packed
    if was == now:
        return
    fresh = adjusted(stored, was, now)
    data[field : field + 2] = b"\xff\xff" if protocol == UDP and fresh == b"\0\0" else fresh


def rewrite_crc(data: bytearray, at: int, end: int, before: bytes) -> None:
    """Change the CRC32c of SCTP as much as the packet's rightful one changes: what was wrong stays wrong."""
    if at + 12 > end or before[at : at + 4] == data[at : at + 4]:
        return
    hole, rest = at + 8, at + 12
    stored = int.from_bytes(before[hole:rest], "little")
    old = crc32c(before[at:hole] + bytes(4) + before[rest:end])
    new = crc32c(bytes(data[at:hole]) + bytes(4) + bytes(data[rest:end]))
    data[hole:rest] = (stored ^ old ^ new).to_bytes(4, "little")


def translate_error(packet: Packet, quote: Quote, key: Tuple) -> bytes:
    """Return an ICMP error and the packet it quotes, where packets of tuple ``quote.towards`` become ``key``.

    Of the outer addresses those change that the conversation's translation changes.
    """
    assert packet.transport is not None
    was = quote.towards
    outer = outer_tuple(packet, quote, key)
    data = bytearray(packet.data)
    write_addresses(data, quote.packet, packet.version, key.destination, key.source)
    inner_old, inner_new = was.reversed(), key.reversed()
    if inner_old.protocol == SCTP:
        rewrite_quoted_sctp(data, quote, inner_new)
    else:
        rewrite_transport(data, quote.transport, quote.end, packet.version, inner_old, inner_new)
    at = packet.transport
    old, new = bytes(packet.data[quote.packet :]), bytes(data[quote.packet :])
    if packet.version == 6:
        old = packet.tuple.source.packed + packet.tuple.destination.packed + old
        new = outer.source.packed + outer.destination.packed + new
    data[at + 2 : at + 4] = adjusted(bytes(data[at + 2 : at + 4]), old, new)
    write_addresses(data, 0, packet.version, outer.source, outer.destination)
    return bytes(data)


def outer_tuple(packet: Packet, quote: Quote, key: Tuple) -> Tuple:
    """Return the tuple that the error itself has after translation."""
    was = quote.towards
    source = key.source if key.source != was.source else packet.tuple.source
    destination = key.destination if key.destination != was.destination else packet.tuple.destination
    return packet.tuple._replace(source=source, destination=destination)


def rewrite_quoted_sctp(data: bytearray, quote: Quote, new: Tuple) -> None:
    """Rewrite the ports of a quoted SCTP packet; its CRC32c as if all of it were there, which by difference works."""
    at = quote.transport
    before = bytes(data[at : at + 4])
    data[at : at + 4] = new.sport.to_bytes(2, "big") + new.dport.to_bytes(2, "big")
    hole, rest = at + 8, at + 12
    if quote.fragment != "whole" or rest > quote.end or before == bytes(data[at : at + 4]):
        return
    behind = bytes(max(quote.length, 4) - 4)
    flipped = crc32c(before + behind) ^ crc32c(bytes(data[at : at + 4]) + behind)
    stored = int.from_bytes(data[hole:rest], "little")
    data[hole:rest] = (stored ^ flipped).to_bytes(4, "little")


def decrement_ttl(data: bytes) -> bytes:
    """Return the packet one hop further."""
    if data[0] >> 4 == 6:
        return data[:7] + bytes([data[7] - 1]) + data[8:]
    new = bytes([data[8] - 1, data[9]])
    return data[:8] + new + adjusted(data[10:12], data[8:10], new) + data[12:]


def cut(data: bytes, mtu: int) -> list[bytes]:
    """Return the fragments of an IPv4 packet, none longer than ``mtu`` (RFC 791 section 3.2)."""
    header = (data[0] & 15) * 4
    placed = int.from_bytes(data[6:8], "big")
    offset, is_last = placed & 0x1FFF, not placed & 0x2000
    later_options = copied_options(data[20:header])
    fragments: list[bytes] = []
    at, end = header, len(data)
    while at < end:
        options = later_options if fragments else data[20:header]
        size = 20 + len(options)
        taken = end - at if size + end - at <= mtu else (mtu - size) // 8 * 8
        more = 0 if is_last and at + taken == end else 0x2000
        place = (placed & 0xC000 | more | offset + (at - header) // 8).to_bytes(2, "big")
        begin = bytes([0x40 | size // 4, data[1]]) + (size + taken).to_bytes(2, "big") + data[4:6] + place + data[8:10]
        whole = begin + b"\0\0" + data[12:20] + options
        total = sum(int.from_bytes(whole[k : k + 2], "big") for k in range(0, size, 2))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        fragments.append(begin + (total ^ 0xFFFF).to_bytes(2, "big") + whole[12:] + data[at : at + taken])
        at += taken
    return fragments


def copied_options(options: bytes) -> bytes:
    """Return those options that every fragment carries, padded to words."""
    kept, at = b"", 0
    while at < len(options) and options[at]:
        length = 1 if options[at] == 1 else max(options[at + 1] if at + 1 < len(options) else 2, 2)
        if options[at] & 0x80:
            kept += options[at : at + length]
        at += length
    return kept + bytes(-len(kept) % 4)

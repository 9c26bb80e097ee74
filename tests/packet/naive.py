"""Parsing a packet in plain Python, over bytes: what the compiled parser must agree with."""

import struct
from dataclasses import dataclass

HEAD_BYTES = 320
"""How much of a frame a stage may read."""
MAPPED = 0xFFFF << 32
SHORTEST_TRANSPORT = {1: 8, 58: 8, 6: 20, 17: 8, 132: 12}
EXTENSIONS = (0, 43, 44, 60)
MOST_EXTENSIONS = 8


@dataclass(frozen=True)
class Parsed:
    """What is known of a packet; ``transport`` is the offset of its transport header in the packet, None if not there,
    ``ports`` the source's and the destination's."""

    is_ipv6: bool
    total: int
    source: int
    destination: int
    protocol: int
    fragment: str
    transport: int | None
    ports: tuple[int, int]


def parse(frame: bytes) -> Parsed | None:
    """Return what the packet in an untagged ``frame`` says, or None if its header is not in order."""
    (ether_type,) = struct.unpack_from("!H", frame, 12)
    return parse_ipv4(frame[14:]) if ether_type == 0x0800 else parse_ipv6(frame[14:])


def parse_ipv4(payload: bytes) -> Parsed | None:
    """Return what an IPv4 packet says."""
    if len(payload) < 20 or payload[0] >> 4 != 4:
        return None
    header = (payload[0] & 0x0F) * 4
    total = int.from_bytes(payload[2:4], "big")
    if not 20 <= header <= total <= len(payload):
        return None
    if ones_complement_sum(payload[:header]) != 0xFFFF:
        return None
    placed = int.from_bytes(payload[6:8], "big")
    fragment = kind(placed & 0x1FFF, bool(placed & 0x2000))
    source, destination = (MAPPED | int.from_bytes(payload[at : at + 4], "big") for at in (12, 16))
    transport, ports = read_transport(payload, total, payload[9], fragment, header)
    return Parsed(False, total, source, destination, payload[9], fragment, transport, ports)


def parse_ipv6(payload: bytes) -> Parsed | None:
    """Return what an IPv6 packet says."""
    if len(payload) < 40 or payload[0] >> 4 != 6:
        return None
    total = 40 + int.from_bytes(payload[4:6], "big")
    if total > len(payload):
        return None
    protocol, offset, fragment = payload[6], 40, "whole"
    for _ in range(MOST_EXTENSIONS):
        if protocol not in EXTENSIONS or fragment == "later":
            break
        if offset + 8 > total:
            return None
        if 14 + offset + 8 > HEAD_BYTES:
            break
        length = 8
        if protocol == 44:
            placed = int.from_bytes(payload[offset + 2 : offset + 4], "big")
            fragment = kind(placed >> 3, bool(placed & 1))
        else:
            length = (payload[offset + 1] + 1) * 8
        protocol, offset = payload[offset], offset + length
        if offset > total:
            return None
    followed = protocol not in EXTENSIONS
    source, destination = (int.from_bytes(payload[at : at + 16], "big") for at in (8, 24))
    transport, ports = read_transport(payload, total, protocol, fragment, offset) if followed else (None, (0, 0))
    return Parsed(True, total, source, destination, protocol, fragment, transport, ports)


def kind(offset: int, more: bool) -> str:
    """Return whether a packet is whole, the first of its fragments, or a later one."""
    if offset:
        return "later"
    return "first" if more else "whole"


def read_transport(
    payload: bytes, total: int, protocol: int, fragment: str, offset: int
) -> tuple[int | None, tuple[int, int]]:
    """Return where the transport header is, if it is there, and its ports."""
    end = offset + SHORTEST_TRANSPORT.get(protocol, 0)
    if fragment == "later" or end > total or 14 + end > HEAD_BYTES:
        return None, (0, 0)
    if protocol in (6, 17, 132):
        return offset, struct.unpack_from("!HH", payload, offset)
    if protocol in (1, 58):
        return offset, query_ports(protocol, payload[offset], int.from_bytes(payload[offset + 4 : offset + 6], "big"))
    return offset, (0, 0)


def query_ports(protocol: int, type_: int, identifier: int) -> tuple[int, int]:
    """Return an ICMP query's identifier and type, those of an answer the other way round."""
    questions = {1: {8: 0, 13: 14}, 58: {128: 129}}[protocol]
    for question, answer in questions.items():
        if type_ == question:
            return identifier, question
        if type_ == answer:
            return question, identifier
    return 0, 0


def ones_complement_sum(words: bytes) -> int:
    """Return the ones' complement sum of 16-bit words (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total

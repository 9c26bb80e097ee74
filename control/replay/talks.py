"""Recorded conversations: those of a capture, each begun by who sent its first packet there."""

import struct
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from control.errors import UserError
from control.fabric.entries import PROTOCOL_NAMES
from control.policy.diff import Conversation
from dataplane.ports.pcap.errors import CaptureError
from dataplane.ports.pcap.files import open_capture, prepare_kernels
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV6_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_VLAN,
)

_LONGEST_HEADERS = 256
_WITH_PORTS = (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)
_ECHO = {PROTOCOL_ICMP: 8, PROTOCOL_ICMPV6: 128}
_EXTENSIONS = (0, 43, 60)
"""IPv6's hop-by-hop options, routing and destination options (RFC 8200 section 4)."""
_FRAGMENT = 44
_SYN, _ACK = 0x02, 0x10


class Said(NamedTuple):
    """What one packet says of its conversation; addresses packed. ``answers``: it is by itself seen to be an answer."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    protocol: int
    answers: bool = False


def read_capture(path: Path) -> Counter[Conversation]:
    """Return the conversations of a capture, and how many there were of each. UserError if it is none.

    Addresses count as they stand there. ARP, neighbour discovery and ICMP errors are no conversations.
    """
    prepare_kernels()
    try:
        capture = open_capture(path)
    except CaptureError as error:
        raise UserError(str(error), status=2) from None
    seen: set[tuple[bytes, int, bytes, int, int]] = set()
    counted: Counter[Conversation] = Counter()
    for frame in frames_of(capture):
        said = said_in(frame)
        if said is None:
            continue
        forth = said.source, said.source_port, said.destination, said.destination_port, said.protocol
        back = said.destination, said.destination_port, said.source, said.source_port, said.protocol
        if forth in seen or back in seen:
            continue
        source, _, destination, port, protocol = begun = back if said.answers else forth
        seen.add(begun)
        name = PROTOCOL_NAMES.get(protocol, str(protocol))
        ends = ip_address(source), ip_address(destination)
        counted[Conversation(*ends, name, port if protocol in _WITH_PORTS else 0)] += 1
    return counted


def frames_of(capture: Any) -> Iterator[bytes]:
    """Yield the first bytes of every frame, in order of time."""
    frames, data = capture.frames, capture.data
    for n in frames["timestamp_ns"].argsort(kind="stable").tolist():
        at = int(frames["offset"][n])
        yield data[at : at + min(int(frames["captured_bytes"][n]), _LONGEST_HEADERS)].tobytes()


def said_in(frame: bytes) -> Said | None:
    """Return what a frame says; None if it is of no conversation, or too short to tell."""
    at = ETHERNET_BYTES
    try:
        (kind,) = struct.unpack_from("!H", frame, 12)
        while kind == TYPE_VLAN:
            (kind,) = struct.unpack_from("!H", frame, at + 2)
            at += 4
        if kind == TYPE_IPV4:
            return _ipv4_in(frame, at)
        return _ipv6_in(frame, at) if kind == TYPE_IPV6 else None
    except (struct.error, IndexError):
        return None


def _ipv4_in(frame: bytes, at: int) -> Said | None:
    (fragment,) = struct.unpack_from("!H", frame, at + 6)
    if fragment & 0x1FFF:
        return None
    transport = at + (frame[at] & 0xF) * 4
    return _transport_in(frame, transport, frame[at + 9], frame[at + 12 : at + 16], frame[at + 16 : at + 20])


def _ipv6_in(frame: bytes, at: int) -> Said | None:
    source, destination = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    kind, transport = frame[at + 6], at + IPV6_BYTES
    while kind in _EXTENSIONS or kind == _FRAGMENT:
        if kind == _FRAGMENT:
            if struct.unpack_from("!H", frame, transport + 2)[0] & 0xFFF8:
                return None
            kind, transport = frame[transport], transport + 8
        else:
            kind, transport = frame[transport], transport + (frame[transport + 1] + 1) * 8
    return _transport_in(frame, transport, kind, source, destination)


def _transport_in(frame: bytes, at: int, protocol: int, source: bytes, destination: bytes) -> Said | None:
    if len(destination) < len(source):
        return None
    if protocol in _WITH_PORTS:
        source_port, destination_port = struct.unpack_from("!HH", frame, at)
        answers = protocol == PROTOCOL_TCP and frame[at + 13] & (_SYN | _ACK) == _SYN | _ACK
        return Said(source, source_port, destination, destination_port, protocol, answers)
    if protocol in _ECHO:
        request = _ECHO[protocol]
        if frame[at] not in (request, request + 1 if protocol == PROTOCOL_ICMPV6 else 0):
            return None
        (identifier,) = struct.unpack_from("!H", frame, at + 4)
        return Said(source, identifier, destination, identifier, protocol, frame[at] != request)
    return Said(source, 0, destination, 0, protocol)

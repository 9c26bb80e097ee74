"""Write pcapng (draft-ietf-opsawg-pcapng) to a file or a pipe while it happens, for tools that read it live.

Goal: whatever has been written so far is a whole file, so that tshark at the other end of a pipe shows every packet at
once. Limits: plain Python, some hundred thousand packets a second; replay uses ``kernels.append_record``.
"""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import BinaryIO, Final, NamedTuple

from dataplane.ports.pcap.linktypes import ETHERNET
from dataplane.ports.pcap.tables import (
    BLOCK_FRAMING_BYTES,
    BYTE_ORDER_MAGIC,
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    MAX_CAPTURED_BYTES,
    OPTION_END,
    OPTION_IF_NAME,
    OPTION_IF_TSRESOL,
    SECTION_HEADER,
)

OPTION_COMMENT: Final = 1
OPTION_SHB_USERAPPL: Final = 4
OPTION_EPB_FLAGS: Final = 2
MAX_OPTION_BYTES: Final = 0xFFFF
NANOSECOND_RESOLUTION: Final = 9
UNKNOWN_SECTION_LENGTH: Final = -1


class Direction(IntEnum):
    """Which way a packet went, seen from the fabric; the values are those of epb_flags bits 0 and 1."""

    UNKNOWN = 0
    INBOUND = 1
    OUTBOUND = 2


class CapturedPacket(NamedTuple):
    """One packet: nanoseconds since 1970, index into the writer's interfaces, its bytes from the Ethernet header on.

    ``original_bytes`` says how long it was if ``data`` is only its beginning; ``comment`` is shown by Wireshark.
    """

    timestamp_ns: int
    interface: int
    data: bytes
    direction: Direction = Direction.UNKNOWN
    original_bytes: int | None = None
    comment: str | None = None


class PcapngWriter:
    """Writes one section to ``stream``, a buffered binary stream that the caller opened and closes.

    ``interfaces`` are the names of those that packets refer to by index; more may be added later. Writing raises what
    the stream raises: ``BrokenPipeError`` once the reader of a pipe has gone.
    """

    def __init__(self, stream: BinaryIO, interfaces: Sequence[str] = (), application: str = "tapestry") -> None:
        self._stream = stream
        self._interfaces = len(interfaces)
        descriptions = [interface_block(name) for name in interfaces]
        self._send(b"".join([section_block(application), *descriptions]))

    def add_interface(self, name: str) -> int:
        """Describe one more interface and return its index."""
        self._send(interface_block(name))
        self._interfaces += 1
        return self._interfaces - 1

    def write(self, packets: Iterable[CapturedPacket]) -> None:
        """Write a batch of packets and flush, so that a reader has them now."""
        blocks = []
        for packet in packets:
            if not 0 <= packet.interface < self._interfaces:
                raise ValueError(f"expected an interface below {self._interfaces}, found {packet.interface}")
            blocks.append(packet_block(packet))
        self._send(b"".join(blocks))

    def _send(self, blocks: bytes) -> None:
        self._stream.write(blocks)
        self._stream.flush()


def section_block(application: str) -> bytes:
    """Return a section header block of version 1.0 that leaves its length open."""
    header = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, UNKNOWN_SECTION_LENGTH)
    return block(SECTION_HEADER, header + options([(OPTION_SHB_USERAPPL, application.encode())]))


def interface_block(name: str) -> bytes:
    """Return the description of an Ethernet interface whose time stamps are nanoseconds."""
    described = [(OPTION_IF_NAME, name.encode()), (OPTION_IF_TSRESOL, bytes([NANOSECOND_RESOLUTION]))]
    return block(INTERFACE_DESCRIPTION, struct.pack("<HHI", ETHERNET, 0, MAX_CAPTURED_BYTES) + options(described))


def packet_block(packet: CapturedPacket) -> bytes:
    """Return the enhanced packet block of ``packet``."""
    captured = len(packet.data)
    original = captured if packet.original_bytes is None else packet.original_bytes
    high, low = packet.timestamp_ns >> 32, packet.timestamp_ns & 0xFFFF_FFFF
    header = struct.pack("<IIIII", packet.interface, high, low, captured, original)
    described = []
    if packet.comment:
        described.append((OPTION_COMMENT, packet.comment.encode()))
    if packet.direction:
        described.append((OPTION_EPB_FLAGS, struct.pack("<I", packet.direction)))
    return block(ENHANCED_PACKET, header + padded(packet.data) + options(described))


def options(described: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a list of (code, value) as pcapng encodes it; nothing at all if it is empty."""
    if not described:
        return b""
    encoded = []
    for code, value in described:
        kept = value[:MAX_OPTION_BYTES]
        encoded.append(struct.pack("<HH", code, len(kept)) + padded(kept))
    return b"".join(encoded) + struct.pack("<HH", OPTION_END, 0)


def block(block_type: int, body: bytes) -> bytes:
    """Return ``body``, padded to 4 bytes already, in the framing of a block."""
    length = len(body) + BLOCK_FRAMING_BYTES
    return struct.pack("<II", block_type, length) + body + struct.pack("<I", length)


def padded(value: bytes) -> bytes:
    """Return ``value`` with zeros behind it up to a multiple of 4 bytes."""
    return value + b"\0" * (-len(value) % 4)

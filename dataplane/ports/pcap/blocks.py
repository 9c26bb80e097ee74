"""Kernels over pcapng files: walk the blocks, learn the interfaces, index the frames.

Every block (draft-ietf-opsawg-pcapng section 3.1) has the same framing, in the byte order of its section::

     0            4            8                                length - 4   length
     +------------+------------+--------------------------------+------------+
     | type       | length     | body, padded to 4 bytes        | length     |
     +------------+------------+--------------------------------+------------+

Blocks that carry neither a frame nor an interface are passed over. A file may hold several sections, each with its own
byte order and interfaces; interfaces are numbered through the whole file here.
"""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.ports.pcap.clock import nanoseconds_of, set_resolution
from dataplane.ports.pcap.kernels import note_frame, read_u16, read_u32, stop
from dataplane.ports.pcap.tables import (
    BLOCK_FRAMING_BYTES,
    BLOCK_LENGTHS_DIFFER,
    BLOCK_TOO_SHORT,
    BLOCK_UNALIGNED,
    BYTE_ORDER_MAGIC,
    BYTE_ORDER_MAGIC_SWAPPED,
    CUT_IN_BLOCK,
    CUT_IN_HEADER,
    END_OF_FILE,
    ENHANCED_PACKET,
    FRAME_OUTSIDE_BLOCK,
    FRAME_TOO_LONG,
    INDEX_FULL,
    INTERFACE_DESCRIPTION,
    MAX_CAPTURED_BYTES,
    NANOSECONDS_PER_SECOND,
    NO_BYTE_ORDER,
    OBSOLETE_PACKET,
    OPTION_END,
    OPTION_IF_FCSLEN,
    OPTION_IF_NAME,
    OPTION_IF_TSOFFSET,
    OPTION_IF_TSRESOL,
    OPTION_OUTSIDE_BLOCK,
    SECTION_HEADER,
    SIMPLE_PACKET,
    TOO_MANY_INTERFACES,
    UNKNOWN_INTERFACE,
    UNKNOWN_VERSION,
)

U32 = np.uint64(32)
PER_SECOND = np.uint64(NANOSECONDS_PER_SECOND)
SECTION_VERSION = 1
DEFAULT_RESOLUTION = 6
# Whole blocks at their shortest, framing included.
SECTION_HEADER_BYTES = 28
INTERFACE_BYTES = 20
SIMPLE_PACKET_BYTES = 16
PACKET_BYTES = 32


@kernel
def read_u64(data: Any, at: int, low_at: int, swapped: int) -> Any:
    """Return the uint64 whose high and low halves are the 32-bit integers at ``at`` and ``low_at``."""
    return (np.uint64(read_u32(data, at, swapped)) << U32) | np.uint64(read_u32(data, low_at, swapped))


@kernel
def find_byte_order(data: Any, at: int, reader: Any) -> bool:
    """Set ``reader.swapped`` from the section header at ``at``, of which 12 bytes are there."""
    magic = read_u32(data, at + 8, 0)
    if magic != BYTE_ORDER_MAGIC and magic != BYTE_ORDER_MAGIC_SWAPPED:
        stop(reader, NO_BYTE_ORDER, BYTE_ORDER_MAGIC, magic)
        return False
    reader.swapped = magic == BYTE_ORDER_MAGIC_SWAPPED
    return True


@kernel
def shortest_block(block_type: int) -> int:
    """Return how many bytes a block of that type has at least."""
    if block_type in (ENHANCED_PACKET, OBSOLETE_PACKET):
        return PACKET_BYTES
    if block_type == SECTION_HEADER:
        return SECTION_HEADER_BYTES
    if block_type == INTERFACE_DESCRIPTION:
        return INTERFACE_BYTES
    if block_type == SIMPLE_PACKET:
        return SIMPLE_PACKET_BYTES
    return BLOCK_FRAMING_BYTES


@kernel
def open_block(data: Any, reader: Any) -> bool:
    """Check the framing of the block at ``reader.position``; say in ``reader`` what it is, or why reading ends."""
    at = reader.position
    left = len(data) - at
    if left == 0:
        stop(reader, END_OF_FILE, 0, 0)
        return False
    if left < BLOCK_FRAMING_BYTES:
        stop(reader, CUT_IN_HEADER, BLOCK_FRAMING_BYTES, left)
        return False
    block_type = read_u32(data, at, reader.swapped)
    if block_type == SECTION_HEADER and not find_byte_order(data, at, reader):
        return False
    length = read_u32(data, at + 4, reader.swapped)
    shortest = shortest_block(block_type)
    if length < shortest:
        stop(reader, BLOCK_TOO_SHORT, shortest, length)
        return False
    if length & 3:
        stop(reader, BLOCK_UNALIGNED, 4, length)
        return False
    if length > left:
        stop(reader, CUT_IN_BLOCK, length, left)
        return False
    closing = read_u32(data, at + length - 4, reader.swapped)
    if closing != length:
        stop(reader, BLOCK_LENGTHS_DIFFER, length, closing)
        return False
    reader.block_type = block_type
    reader.block_bytes = length
    return True


@kernel
def open_section(data: Any, reader: Any) -> bool:
    """Enter the section at ``reader.position``: its interfaces are yet to come."""
    version = read_u16(data, reader.position + 12, reader.swapped)
    if version != SECTION_VERSION:
        stop(reader, UNKNOWN_VERSION, SECTION_VERSION, version)
        return False
    reader.section_start = reader.interfaces
    return True


@kernel
def take_option(data: Any, at: int, code: int, length: int, interface: Any, swapped: int) -> None:
    """Write into ``interface`` what the option whose ``length`` bytes of value begin at ``at`` says of it."""
    if code == OPTION_IF_TSRESOL and length == 1:
        set_resolution(interface, np.int64(data[at]))
    elif code == OPTION_IF_TSOFFSET and length == 8:
        seconds = read_u64(data, at, at + 4, swapped) if swapped else read_u64(data, at + 4, at, swapped)
        interface.offset_ns = seconds * PER_SECOND
    elif code == OPTION_IF_FCSLEN and length == 1:
        interface.fcs_bytes = data[at]
    elif code == OPTION_IF_NAME:
        interface.name_offset = at
        interface.name_bytes = length


@kernel
def describe_interface(data: Any, interfaces: Any, reader: Any) -> bool:
    """Add the interface whose description block stands at ``reader.position`` to ``interfaces``."""
    if reader.interfaces >= len(interfaces):
        stop(reader, TOO_MANY_INTERFACES, len(interfaces), reader.interfaces + 1)
        return False
    at = reader.position
    swapped = reader.swapped
    interface = interfaces[reader.interfaces]
    interface.link_type = read_u16(data, at + 8, swapped)
    interface.snap_bytes = read_u32(data, at + 12, swapped)
    set_resolution(interface, DEFAULT_RESOLUTION)
    end = at + reader.block_bytes - 4
    option = at + 16
    while option + 4 <= end:
        code = read_u16(data, option, swapped)
        length = read_u16(data, option + 2, swapped)
        if code == OPTION_END:
            break
        if length > end - option - 4:
            stop(reader, OPTION_OUTSIDE_BLOCK, end - option - 4, length)
            return False
        take_option(data, option + 4, code, length, interface, swapped)
        option += 4 + ((length + 3) & ~3)
    reader.interfaces += 1
    return True


@kernel
def index_packet(data: Any, frame: Any, interfaces: Any, reader: Any) -> bool:
    """Index the frame of the packet block at ``reader.position``, of any of the three types."""
    at = reader.position
    swapped = reader.swapped
    block_type = reader.block_type
    number = 0
    if block_type == ENHANCED_PACKET:
        number = read_u32(data, at + 8, swapped)
    elif block_type == OBSOLETE_PACKET:
        number = read_u16(data, at + 8, swapped)
    described = reader.interfaces - reader.section_start
    if number >= described:
        stop(reader, UNKNOWN_INTERFACE, described, number)
        return False
    index = reader.section_start + number
    interface = interfaces[index]
    if block_type == SIMPLE_PACKET:
        # It has neither a time, so it takes that of the frame before, nor a captured length.
        timestamp_ns = reader.last_timestamp_ns
        wire = read_u32(data, at + 8, swapped)
        offset = at + 12
        room = reader.block_bytes - SIMPLE_PACKET_BYTES
        captured = min(wire, room)
        if interface.snap_bytes:
            captured = min(captured, np.int64(interface.snap_bytes))
    else:
        timestamp_ns = nanoseconds_of(interface, read_u64(data, at + 12, at + 16, swapped))
        captured = read_u32(data, at + 20, swapped)
        wire = read_u32(data, at + 24, swapped)
        offset = at + 28
        room = reader.block_bytes - PACKET_BYTES
    if captured > MAX_CAPTURED_BYTES:
        stop(reader, FRAME_TOO_LONG, MAX_CAPTURED_BYTES, captured)
        return False
    if captured > room:
        stop(reader, FRAME_OUTSIDE_BLOCK, room, captured)
        return False
    frame.input = index
    note_frame(frame, interface, reader, timestamp_ns, offset, captured, wire)
    return True


@kernel
def index_blocks(data: Any, frames: Any, interfaces: Any, reader: Any) -> int:
    """Index the frames of the blocks from ``reader.position`` on until the file ends, breaks, or ``frames`` is full.

    Reads: ``data`` (uint8, the whole file), ``interfaces``, ``reader``.
    Writes: ``frames[:returned]`` (``FRAME_DTYPE``), ``interfaces`` (``INTERFACE_DTYPE``, as they are described and
    used), ``reader``: its ``outcome`` is ``INDEX_FULL`` if more may follow, and then the next call goes on from there.
    Precondition: the file begins with a section header's block type.
    """
    count = 0
    reader.outcome = INDEX_FULL
    while count < len(frames):
        if not open_block(data, reader):
            break
        block_type = reader.block_type
        if block_type in (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET):
            if not index_packet(data, frames[count], interfaces, reader):
                break
            count += 1
        elif block_type == SECTION_HEADER:
            if not open_section(data, reader):
                break
        elif block_type == INTERFACE_DESCRIPTION and not describe_interface(data, interfaces, reader):
            break
        reader.position += reader.block_bytes
    return count

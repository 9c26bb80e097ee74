"""Kernels over classic capture files: index the records of one, and append records to a buffer.

A record (draft-ietf-opsawg-pcap section 5), in the byte order of the file's magic number::

     0                   4                   8               12              16
     +-------------------+-------------------+---------------+---------------+----------
     | seconds           | micro/nanoseconds | bytes here    | bytes on wire | frame
     +-------------------+-------------------+---------------+---------------+----------

The files come from anywhere, so nothing in them is trusted: every length is checked against what is left.
"""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import copy_bytes
from dataplane.ports.pcap.tables import (
    CAPTURED_FIRST,
    CUT_IN_FRAME,
    CUT_IN_HEADER,
    END_OF_FILE,
    FRAME_TOO_LONG,
    INDEX_FULL,
    MAX_CAPTURED_BYTES,
    NANOSECONDS_PER_SECOND,
    ORIGINAL_FIRST,
    RECORD_HEADER_BYTES,
)

U8 = np.uint64(8)
U16 = np.uint64(16)
U32 = np.uint64(32)
PER_SECOND = np.uint64(NANOSECONDS_PER_SECOND)


@kernel
def read_u16(data: Any, at: int, swapped: int) -> Any:
    """Return the 16-bit integer at ``at`` as int64: little-endian, or big-endian if ``swapped``."""
    first = np.int64(data[at])
    second = np.int64(data[at + 1])
    if swapped:
        return (first << 8) | second
    return (second << 8) | first


@kernel
def read_u32(data: Any, at: int, swapped: int) -> Any:
    """Return the 32-bit integer at ``at`` as int64: little-endian, or big-endian if ``swapped``."""
    first = read_u16(data, at, swapped)
    second = read_u16(data, at + 2, swapped)
    if swapped:
        return (first << 16) | second
    return (second << 16) | first


@kernel
def stop(reader: Any, outcome: int, expected: int, found: int) -> None:
    """Write into ``reader`` why it goes no further."""
    reader.outcome = outcome
    reader.expected = expected
    reader.found = found


@kernel
def note_frame(
    frame: Any, interface: Any, reader: Any, timestamp_ns: Any, offset: int, captured: int, wire: int
) -> None:
    """Write one frame's entry, and count it for its interface and its reader. ``frame.input`` is the caller's."""
    frame.timestamp_ns = timestamp_ns
    frame.offset = offset
    frame.captured_bytes = captured
    frame.original_bytes = wire
    interface.frames += np.uint64(1)
    if timestamp_ns < reader.last_timestamp_ns:
        reader.disordered += 1
    reader.last_timestamp_ns = timestamp_ns
    if captured < wire:
        reader.shortened += 1


@kernel
def index_records(data: Any, frames: Any, interfaces: Any, reader: Any) -> int:
    """Index the records from ``reader.position`` on until the file ends, breaks, or ``frames`` is full.

    Reads: ``data`` (uint8, the whole file), ``interfaces[0].multiplier`` (nanoseconds a tick), ``reader``.
    Writes: ``frames[:returned]`` (``FRAME_DTYPE``), ``interfaces[0].frames``, ``reader``: its ``outcome`` is
    ``INDEX_FULL`` if more may follow, and then the next call goes on from there.
    Precondition: ``reader.position`` is behind the file header, ``record_header_bytes`` is 16 or 24.
    """
    interface = interfaces[0]
    multiplier = interface.multiplier
    header = reader.record_header_bytes
    swapped = reader.swapped
    order = reader.length_order
    size = len(data)
    count = 0
    reader.outcome = INDEX_FULL
    while count < len(frames):
        at = reader.position
        if at == size:
            stop(reader, END_OF_FILE, 0, 0)
            break
        if size - at < header:
            stop(reader, CUT_IN_HEADER, header, size - at)
            break
        captured = read_u32(data, at + 8, swapped)
        wire = read_u32(data, at + 12, swapped)
        if order == ORIGINAL_FIRST or (order != CAPTURED_FIRST and captured > wire):
            captured, wire = wire, captured
        if captured > MAX_CAPTURED_BYTES:
            stop(reader, FRAME_TOO_LONG, MAX_CAPTURED_BYTES, captured)
            break
        if captured > size - at - header:
            stop(reader, CUT_IN_FRAME, captured, size - at - header)
            break
        seconds = np.uint64(read_u32(data, at, swapped))
        ticks = np.uint64(read_u32(data, at + 4, swapped))
        frames[count].input = 0
        timestamp_ns = seconds * PER_SECOND + ticks * multiplier
        note_frame(frames[count], interface, reader, timestamp_ns, at + header, captured, wire)
        reader.position = at + header + captured
        count += 1
    return count


@kernel
def write_u32(buffer: Any, at: int, value: Any) -> None:
    """Store the low 32 bits of ``value`` (uint64) at ``at``, little-endian."""
    for i in range(4):
        buffer[at + i] = np.uint8((value >> (U8 * np.uint64(i))) & np.uint64(0xFF))


@kernel
def append_record(
    buffer: Any,
    at: int,
    timestamp_ns: Any,
    heads: Any,
    head_at: int,
    head_bytes: int,
    tails: Any,
    tail_at: int,
    tail_bytes: int,
) -> int:
    """Append one record to a capture in memory and return where the next one goes; -1 if ``buffer`` has no room.

    The record is of the format that ``writing.FILE_HEADER`` announces: little-endian, nanoseconds. The frame's bytes
    come in two pieces, as the arena keeps them. All arrays are uint8 and contiguous.

    Reads: ``heads[head_at:][:head_bytes]``, ``tails[tail_at:][:tail_bytes]``. Writes: ``buffer[at:returned]``.
    Precondition: the pieces lie inside their arrays.
    """
    length = head_bytes + tail_bytes
    body = at + RECORD_HEADER_BYTES
    if body + length > len(buffer):
        return -1
    timestamp = np.uint64(timestamp_ns)
    write_u32(buffer, at, timestamp // PER_SECOND)
    write_u32(buffer, at + 4, timestamp % PER_SECOND)
    write_u32(buffer, at + 8, np.uint64(length))
    write_u32(buffer, at + 12, np.uint64(length))
    copy_bytes(buffer, body, heads, head_at, head_bytes)
    copy_bytes(buffer, body + head_bytes, tails, tail_at, tail_bytes)
    return body + length

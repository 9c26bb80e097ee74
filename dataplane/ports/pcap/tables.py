"""Memory of the capture reader: the index of frames, what is known of each interface, and the reader's own state.

Limits: a file is a byte array that fits the address space; at most ``MAX_INTERFACES`` interfaces in one file; no frame
longer than ``MAX_CAPTURED_BYTES``, which is also what libpcap takes for the mark of a broken file.
"""

from typing import Any, Final

import numpy as np

MAX_CAPTURED_BYTES: Final = 262_144
MAX_INTERFACES: Final = 65_535
NANOSECONDS_PER_SECOND: Final = 1_000_000_000

FRAME_DTYPE: Final = np.dtype(
    [
        ("timestamp_ns", "u8"),
        ("offset", "u8"),
        ("captured_bytes", "u4"),
        ("original_bytes", "u4"),
        ("input", "u2"),
    ],
    align=True,
)
"""One frame: nanoseconds since 1970, where its bytes start in the data array, how many were kept, how many there were,
and the index of the interface in its file (a replay puts the index of the port here)."""

INTERFACE_DTYPE: Final = np.dtype(
    [
        # timestamp_ns = ticks * multiplier / divisor, or ticks * 5**9 / 2**binary_shift; plus offset_ns (wrapping).
        ("multiplier", "u8"),
        ("divisor", "u8"),
        ("offset_ns", "u8"),
        ("frames", "u8"),
        ("name_offset", "u8"),
        ("name_bytes", "u4"),
        ("snap_bytes", "u4"),
        ("link_type", "u2"),
        ("binary_shift", "u1"),
        ("fcs_bytes", "u1"),
    ],
    align=True,
)
"""One interface of a file; a classic file has exactly one. ``frames`` counts the frames that it carries."""

READER_DTYPE: Final = np.dtype(
    [
        ("position", "i8"),
        ("outcome", "i8"),
        ("expected", "i8"),
        ("found", "i8"),
        ("shortened", "i8"),
        ("disordered", "i8"),
        ("last_timestamp_ns", "u8"),
        ("interfaces", "i8"),
        ("section_start", "i8"),
        ("record_header_bytes", "i8"),
        ("block_type", "i8"),
        ("block_bytes", "i8"),
        ("swapped", "u1"),
        ("length_order", "u1"),
    ],
    align=True,
)
"""Where a reader stands. ``position`` is the record or block that comes next, or the one that broke; ``outcome`` is one
of the codes below, ``expected`` and ``found`` its two numbers; ``shortened`` counts frames captured shorter than they
were, ``disordered`` those that are earlier than the frame before them; ``section_start`` is the first interface of the
pcapng section at hand."""

# How the two lengths stand in a classic record: libpcap before version 2.3 wrote them the other way round.
CAPTURED_FIRST: Final = 0
ORIGINAL_FIRST: Final = 1
SMALLER_FIRST: Final = 2

# Why a reader stopped.
INDEX_FULL: Final = 0
END_OF_FILE: Final = 1
CUT_IN_HEADER: Final = 2
CUT_IN_FRAME: Final = 3
FRAME_TOO_LONG: Final = 4
BLOCK_TOO_SHORT: Final = 5
BLOCK_UNALIGNED: Final = 6
CUT_IN_BLOCK: Final = 7
BLOCK_LENGTHS_DIFFER: Final = 8
NO_BYTE_ORDER: Final = 9
UNKNOWN_VERSION: Final = 10
FRAME_OUTSIDE_BLOCK: Final = 11
UNKNOWN_INTERFACE: Final = 12
OPTION_OUTSIDE_BLOCK: Final = 13
TOO_MANY_INTERFACES: Final = 14

BREAKS: Final = {
    CUT_IN_HEADER: "truncated: expected a header of {expected} bytes, found {found}",
    CUT_IN_FRAME: "truncated: expected a frame of {expected} bytes, found {found}",
    FRAME_TOO_LONG: "damaged: expected a frame of at most {expected} bytes, found one of {found}",
    BLOCK_TOO_SHORT: "damaged: expected a block of at least {expected} bytes, found one of {found}",
    BLOCK_UNALIGNED: "damaged: expected a block of a multiple of {expected} bytes, found one of {found}",
    CUT_IN_BLOCK: "truncated: expected a block of {expected} bytes, found {found}",
    BLOCK_LENGTHS_DIFFER: "damaged: expected the block's length, {expected}, at its end too, found {found}",
    NO_BYTE_ORDER: "damaged: expected the byte-order magic {expected:#x}, found {found:#x}",
    UNKNOWN_VERSION: "not understood: expected a section of major version {expected}, found {found}",
    FRAME_OUTSIDE_BLOCK: "damaged: expected a frame of at most {expected} bytes in its block, found one of {found}",
    UNKNOWN_INTERFACE: "damaged: expected an interface below {expected}, found {found}",
    OPTION_OUTSIDE_BLOCK: "damaged: expected an option of at most {expected} bytes, found one of {found}",
    TOO_MANY_INTERFACES: "not understood: expected at most {expected} interfaces, found number {found}",
}
"""What to tell the user of each break."""

# The classic file format (draft-ietf-opsawg-pcap): magic numbers as a little-endian reader sees them.
MAGIC_MICROSECONDS: Final = 0xA1B2C3D4
MAGIC_NANOSECONDS: Final = 0xA1B23C4D
MAGIC_MODIFIED: Final = 0xA1B2CD34
"""Alexey Kuznetzov's variant: eight more bytes (interface index, protocol, packet type) in every record."""
FILE_HEADER_BYTES: Final = 24
RECORD_HEADER_BYTES: Final = 16
MODIFIED_RECORD_HEADER_BYTES: Final = 24

# pcapng (draft-ietf-opsawg-pcapng): block types, and the options that a reader of frames needs.
SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
BYTE_ORDER_MAGIC_SWAPPED: Final = 0x4D3C2B1A
BLOCK_FRAMING_BYTES: Final = 12
"""A block's type and length before its body, and the length once more behind it."""
OPTION_END: Final = 0
OPTION_IF_NAME: Final = 2
OPTION_IF_TSRESOL: Final = 9
OPTION_IF_FCSLEN: Final = 13
OPTION_IF_TSOFFSET: Final = 14


def make_frames(count: int) -> Any:
    """Return an index with room for ``count`` frames; its memory is taken up as it is filled."""
    return np.empty(count, FRAME_DTYPE).view(np.recarray)


def make_interfaces(count: int = MAX_INTERFACES) -> Any:
    """Return an empty table of interfaces; its memory is taken up as it is filled."""
    return np.zeros(count, INTERFACE_DTYPE).view(np.recarray)


def make_reader() -> Any:
    """Return the state of a reader that stands at the first byte."""
    return np.zeros(1, READER_DTYPE).view(np.recarray)[0]

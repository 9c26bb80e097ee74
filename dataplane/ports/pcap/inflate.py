"""Unpack gzip data in memory, as far as it goes: members follow each other, and a break loses nothing before it."""

import zlib
from typing import Final

GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WINDOW: Final = 31
"""zlib's name for the gzip format with the largest window."""
PIECE_BYTES: Final = 1 << 18


def inflate(packed: memoryview) -> tuple[bytearray, str | None]:
    """Return what ``packed`` unpacks to, and how it ended if that was not at the end of a whole member.

    Bytes behind the last member that are no member themselves are passed over, as gzip does.
    """
    unpacked = bytearray()
    position = 0
    while bytes(packed[position : position + 2]) == GZIP_MAGIC:
        member = zlib.decompressobj(GZIP_WINDOW)
        while not member.eof and position < len(packed):
            piece = packed[position : position + PIECE_BYTES]
            before = member.copy()
            try:
                unpacked += member.decompress(piece)
            except zlib.error as error:
                unpacked += inflate_to_break(before, piece)
                return unpacked, f"damaged gzip data, {len(unpacked)} bytes unpacked before the damage: {error}"
            position += len(piece) - len(member.unused_data)
        if not member.eof:
            return unpacked, f"gzip data cut short at byte {len(packed)}"
    return unpacked, None


def inflate_to_break(member: "zlib._Decompress", piece: memoryview) -> bytearray:
    """Return what comes out of ``piece``, which breaks somewhere, byte by byte up to that place."""
    rescued = bytearray()
    try:
        for at in range(len(piece)):
            rescued += member.decompress(piece[at : at + 1])
    except zlib.error:
        pass
    return rescued

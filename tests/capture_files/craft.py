"""Builders of capture files, byte by byte, in every variant that the readers know."""

import struct
from collections.abc import Iterable

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MODIFIED = 0xA1B2CD34
ETHERNET = 1

Frame = tuple[int, int, bytes]
"""Seconds, ticks, bytes."""


def classic(
    frames: Iterable[Frame] = (),
    order: str = "<",
    magic: int = MICROSECONDS,
    link: int = ETHERNET,
    version: tuple[int, int] = (2, 4),
    cut: int = 0,
) -> bytes:
    """A classic file; ``cut`` bytes more were on the wire than each frame has."""
    whole = bytearray(struct.pack(order + "IHHiIII", magic, *version, 0, 0, 65535, link))
    for seconds, ticks, data in frames:
        whole += struct.pack(order + "IIII", seconds, ticks, len(data), len(data) + cut)
        if magic == MODIFIED:
            whole += struct.pack(order + "IHBB", 3, 0x0800, 0, 0)
        whole += data
    return bytes(whole)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order: str = "<", major: int = 1, minor: int = 0) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, minor, -1), order)


def interface(
    order: str = "<",
    link: int = ETHERNET,
    snap: int = 0,
    name: str | None = None,
    resolution: int | None = None,
    offset_s: int | None = None,
    fcs: int | None = None,
) -> bytes:
    options = b""
    if name is not None:
        options += option(2, name.encode(), order)
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    if fcs is not None:
        options += option(13, bytes([fcs]), order)
    if offset_s is not None:
        options += option(14, struct.pack(order + "q", offset_s), order)
    if options:
        options += option(0, b"", order)
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(data: bytes, ticks: int = 0, number: int = 0, order: str = "<", original: int | None = None) -> bytes:
    wire = len(data) if original is None else original
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire)
    return block(6, head + data, order)


def simple(data: bytes, order: str = "<", original: int | None = None) -> bytes:
    return block(3, struct.pack(order + "I", len(data) if original is None else original) + data, order)


def obsolete(data: bytes, ticks: int = 0, number: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "HHIIII", number, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order)


def name_resolution(order: str = "<") -> bytes:
    return block(4, struct.pack(order + "HH", 1, 9) + b"\x0a\0\0\x01host\0" + b"\0" * 7, order)


def every_kind_of_block(order: str = "<") -> bytes:
    """One section in which every block that the reader knows, and some that it does not, stands at least once."""
    return b"".join(
        [
            section(order),
            interface(order, name="first", snap=40),
            interface(order, name="second", resolution=9, offset_s=100, fcs=4),
            enhanced(bytes(range(14)), 1_500_000, 0, order),
            name_resolution(order),
            enhanced(bytes(range(61)), 2_000_000_001, 1, order, original=99),
            block(0x0BAD, struct.pack(order + "I", 32473) + b"custom", order),
            simple(bytes(range(17)), order),
            interface(order, resolution=0x80 | 20),
            obsolete(bytes(range(20)), 3 << 20, 2, order),
            simple(bytes(range(40)), order, original=60),
            block(5, struct.pack(order + "III", 0, 0, 0), order),
        ]
    )

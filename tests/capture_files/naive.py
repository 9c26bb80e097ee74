"""The readers' twin: what the two file formats say, in the plainest Python, one exception for every way to break."""

import struct
from dataclasses import dataclass, field

from dataplane.ports.pcap import tables

LARGEST = 262_144
WRAP = 2**64


class BreakError(Exception):
    """The file breaks at the record or block at hand; ``outcome`` is the code of ``tables``."""

    def __init__(self, outcome: int) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass
class Index:
    """(timestamp_ns, offset, captured, original, interface) of each frame; how and where reading ended."""

    frames: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    outcome: int = tables.END_OF_FILE
    position: int = 0
    link_types: list[int] = field(default_factory=list)


def index(data: bytes) -> Index:
    """Index a file that begins with the magic number of one of the two formats."""
    return index_pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else index_classic(data)


def index_classic(data: bytes) -> Index:
    order = "<" if data[0] != 0xA1 else ">"
    magic, _, minor, _, _, _, link = struct.unpack(order + "IHHiIII", data[:24])
    header = 24 if magic == 0xA1B2CD34 else 16
    tick = 1 if magic == 0xA1B23C4D else 1000
    found = Index(position=24, link_types=[link & 0xFFFF])
    try:
        while found.position < len(data):
            rest = data[found.position :]
            if len(rest) < header:
                raise BreakError(tables.CUT_IN_HEADER)
            seconds, ticks, captured, original = struct.unpack(order + "IIII", rest[:16])
            if minor < 3 or (minor == 3 and captured > original):
                captured, original = original, captured
            if captured > LARGEST:
                raise BreakError(tables.FRAME_TOO_LONG)
            if captured > len(rest) - header:
                raise BreakError(tables.CUT_IN_FRAME)
            time = seconds * 10**9 + ticks * tick
            found.frames.append((time, found.position + header, captured, original, 0))
            found.position += header + captured
    except BreakError as broken:
        found.outcome = broken.outcome
    return found


@dataclass
class Section:
    """What a section has said so far: its byte order, and for each interface (number, resolution, offset, snap)."""

    order: str
    interfaces: list[tuple[int, int, int, int]] = field(default_factory=list)


SHORTEST = {0x0A0D0D0A: 28, 1: 20, 2: 32, 3: 16, 6: 32}


def index_pcapng(data: bytes) -> Index:
    found = Index()
    section = Section("<")
    try:
        while found.position < len(data):
            rest = data[found.position :]
            if len(rest) < 12:
                raise BreakError(tables.CUT_IN_HEADER)
            if rest[:4] == b"\x0a\x0d\x0d\x0a":
                section = Section(byte_order(rest))
            kind, length = struct.unpack(section.order + "II", rest[:8])
            check_framing(rest, kind, length, section.order)
            read_block(kind, rest[8 : length - 4], section, found)
            found.position += length
    except BreakError as broken:
        found.outcome = broken.outcome
    return found


def byte_order(rest: bytes) -> str:
    for order in "<>":
        if struct.unpack(order + "I", rest[8:12]) == (0x1A2B3C4D,):
            return order
    raise BreakError(tables.NO_BYTE_ORDER)


def check_framing(rest: bytes, kind: int, length: int, order: str) -> None:
    if length < SHORTEST.get(kind, 12):
        raise BreakError(tables.BLOCK_TOO_SHORT)
    if length % 4:
        raise BreakError(tables.BLOCK_UNALIGNED)
    if length > len(rest):
        raise BreakError(tables.CUT_IN_BLOCK)
    if struct.unpack(order + "I", rest[length - 4 : length]) != (length,):
        raise BreakError(tables.BLOCK_LENGTHS_DIFFER)


def read_block(kind: int, body: bytes, section: Section, found: Index) -> None:
    if kind == 0x0A0D0D0A and struct.unpack(section.order + "H", body[4:6]) != (1,):
        raise BreakError(tables.UNKNOWN_VERSION)
    if kind == 1:
        section.interfaces.append(read_interface(body, section.order, len(found.link_types)))
        found.link_types.append(struct.unpack(section.order + "H", body[:2])[0])
    if kind in (2, 3, 6):
        found.frames.append(read_packet(kind, body, section, found))


def read_interface(body: bytes, order: str, number: int) -> tuple[int, int, int, int]:
    resolution, offset = 6, 0
    (snap,) = struct.unpack(order + "I", body[4:8])
    rest = body[8:]
    while len(rest) >= 4:
        code, length = struct.unpack(order + "HH", rest[:4])
        if code == 0:
            break
        if length > len(rest) - 4:
            raise BreakError(tables.OPTION_OUTSIDE_BLOCK)
        value = rest[4 : 4 + length]
        if code == 9 and length == 1:
            resolution = value[0]
        if code == 14 and length == 8:
            (offset,) = struct.unpack(order + "q", value)
        rest = rest[4 + length + -length % 4 :]
    return number, resolution, offset, snap


def read_packet(kind: int, body: bytes, section: Section, found: Index) -> tuple[int, int, int, int, int]:
    order = section.order
    number = 0 if kind == 3 else struct.unpack(order + ("I" if kind == 6 else "H"), body[: 4 if kind == 6 else 2])[0]
    if number >= len(section.interfaces):
        raise BreakError(tables.UNKNOWN_INTERFACE)
    index, resolution, offset, snap = section.interfaces[number]
    if kind == 3:
        (original,) = struct.unpack(order + "I", body[:4])
        time = found.frames[-1][0] if found.frames else 0
        captured, start = min(original, len(body) - 4, snap or LARGEST * 2), 4
    else:
        high, low, captured, original = struct.unpack(order + "IIII", body[4:20])
        time, start = nanoseconds(high << 32 | low, resolution, offset), 20
    if captured > LARGEST:
        raise BreakError(tables.FRAME_TOO_LONG)
    if captured > len(body) - start:
        raise BreakError(tables.FRAME_OUTSIDE_BLOCK)
    return time, found.position + 8 + start, captured, original, index


def nanoseconds(ticks: int, resolution: int, offset_s: int) -> int:
    """Exact, unless 64 bits are not enough: then what 64 bits keep of it."""
    digits = resolution & 0x7F
    if resolution & 0x80:
        scaled = ticks * 10**9 >> digits
    elif digits <= 9:
        scaled = ticks * 10 ** (9 - digits)
    else:
        scaled = ticks // 10 ** (digits - 9)
    return (scaled + offset_s * 10**9) % WRAP

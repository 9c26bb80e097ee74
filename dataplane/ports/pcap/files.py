"""Open capture files: ``open_capture`` reads pcap and pcapng, plain or gzipped, and indexes their frames.

Goals: any capture a tool of the field writes; memory speed; nothing that a damaged file holds goes further than a
warning or one sentence of refusal. The bytes stay where they are (the page cache, for a plain file), and the index
refers to them. Limits: a plain file must not shrink while it is open, and gzip and pipes are held in memory as a whole.
"""

import mmap
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from dataplane.ports.pcap.blocks import index_blocks
from dataplane.ports.pcap.clock import set_resolution
from dataplane.ports.pcap.errors import CaptureError
from dataplane.ports.pcap.inflate import GZIP_MAGIC, inflate
from dataplane.ports.pcap.kernels import index_records
from dataplane.ports.pcap.linktypes import ETHERNET, link_type_name
from dataplane.ports.pcap.tables import (
    BREAKS,
    CAPTURED_FIRST,
    END_OF_FILE,
    FILE_HEADER_BYTES,
    INDEX_FULL,
    MAGIC_MICROSECONDS,
    MAGIC_MODIFIED,
    MAGIC_NANOSECONDS,
    MODIFIED_RECORD_HEADER_BYTES,
    ORIGINAL_FIRST,
    RECORD_HEADER_BYTES,
    SECTION_HEADER,
    SMALLER_FIRST,
    make_frames,
    make_interfaces,
    make_reader,
)
from dataplane.ports.pcap.writing import EMPTY_SECTION, FILE_HEADER

STANDARD_INPUT: Final = "-"
FIRST_INDEX: Final = 4096
"""Frames indexed before the size of the whole index is estimated from them."""
MICROSECOND_DIGITS: Final = 6
NANOSECOND_DIGITS: Final = 9
PCAP_MAJOR: Final = 2
FCS_PRESENT: Final = 1 << 26

UNPACK: Final = "unpack it first"
CONVERT: Final = "convert it with editcap"
OTHER_FORMATS: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd data", UNPACK),
    (b"\xfd7zXZ\x00", "xz data", UNPACK),
    (b"BZh", "bzip2 data", UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4 data", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (GZIP_MAGIC, "gzip data inside gzip data", UNPACK),
    (b"snoop\x00\x00\x00", "a Solaris snoop capture", CONVERT),
    (b"XCP\x00", "a NetXRay capture", CONVERT),
)


@dataclass(frozen=True)
class Interface:
    """One interface that a capture names: ``link_type`` is its LINKTYPE number, ``frames`` how many it carries."""

    name: str
    link_type: int
    frames: int


@dataclass(frozen=True)
class Capture:
    """A capture file's frames, all of them Ethernet.

    ``frames`` is a recarray of ``tables.FRAME_DTYPE`` in the order of the file; ``data`` is a read-only uint8 array
    that ``frames.offset`` points into; ``warnings`` are sentences that name the file;
    ``in_order`` says that no frame is earlier than the one before it.
    """

    path: str
    frames: Any
    data: np.ndarray[Any, np.dtype[np.uint8]]
    interfaces: tuple[Interface, ...]
    warnings: tuple[str, ...]
    in_order: bool

    def frame(self, index: int) -> bytes:
        """Return the bytes of one frame."""
        entry = self.frames[index]
        start = int(entry.offset)
        return self.data[start : start + int(entry.captured_bytes)].tobytes()


def open_capture(path: str | Path) -> Capture:
    """Read and index the capture at ``path``; ``-`` is standard input. Raises ``CaptureError``.

    The format is told by the first bytes, not by the name. A damaged file is read up to the break, with a warning.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    warnings = []
    data = load_bytes(path, name)
    if data[:2].tobytes() == GZIP_MAGIC:
        unpacked, trouble = inflate(data.data)
        data = read_only(unpacked)
        if trouble:
            warnings.append(f"{name}: {trouble}")
    reader, interfaces = make_reader(), make_interfaces()
    index_frames = open_format(data, name, interfaces, reader)
    frames = index_all(index_frames, data, interfaces, reader)
    if reader.position == 0:
        raise CaptureError(f"{name}: {break_words(reader)}, in the first block")
    described = describe_interfaces(data, interfaces, reader)
    refuse_other_links(name, described, reader.record_header_bytes > 0)
    warnings += warnings_of(name, frames, interfaces, reader)
    return Capture(name, frames, data, described, tuple(warnings), reader.disordered == 0)


def prepare_kernels() -> None:
    """Load or compile the kernels of both formats now, so that the first capture opens as fast as the next."""
    for start in (FILE_HEADER, EMPTY_SECTION):
        reader, interfaces = make_reader(), make_interfaces(1)
        data = read_only(start)
        index_all(open_format(data, "nothing", interfaces, reader), data, interfaces, reader)


def load_bytes(path: str | Path, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the bytes of ``path``: mapped if it is a regular file, otherwise read to the end."""
    try:
        if str(path) == STANDARD_INPUT:
            return read_only(sys.stdin.buffer.read())
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size and os.path.isfile(path):
                return read_only(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return read_only(file.read())
    except OSError as error:
        raise CaptureError(f"{name}: cannot be read: {error.strerror or error}") from error


def read_only(buffer: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a uint8 view of ``buffer`` that cannot be written, so that kernels see one type whatever it came from."""
    view = np.frombuffer(buffer, np.uint8)
    view.flags.writeable = False
    return view


def open_format(data: Any, name: str, interfaces: Any, reader: Any) -> Callable[[Any, Any, Any, Any], int]:
    """Find out the format, make ``reader`` stand where its first record is, and return the kernel that indexes it."""
    start = data[:FILE_HEADER_BYTES].tobytes()
    if not start:
        raise CaptureError(f"{name}: expected a pcap or pcapng capture, found an empty file")
    if start[:4] == SECTION_HEADER.to_bytes(4, "big"):
        return index_blocks
    for order in "<>":
        magic = int.from_bytes(start[:4], "little" if order == "<" else "big")
        if magic in (MAGIC_MICROSECONDS, MAGIC_NANOSECONDS, MAGIC_MODIFIED):
            open_classic(start, name, order, magic, interfaces, reader)
            return index_records
    raise CaptureError(f"{name}: expected a pcap or pcapng capture, found {what_else(start)}")


def what_else(start: bytes) -> str:
    """Return what a file is that is no capture, as far as its first bytes tell."""
    for magic, found, advice in OTHER_FORMATS:
        if start.startswith(magic):
            return f"{found}: {advice}"
    return f"a file that begins with the bytes {start[:4].hex(' ')}"


def open_classic(start: bytes, name: str, order: str, magic: int, interfaces: Any, reader: Any) -> None:
    """Read the file header of a classic capture into ``reader`` and the one entry of ``interfaces``."""
    if len(start) < FILE_HEADER_BYTES:
        raise CaptureError(f"{name}: expected a file header of {FILE_HEADER_BYTES} bytes, found {len(start)}")
    major, minor, _, _, snap_bytes, link = struct.unpack_from(order + "HHiIII", start, 4)
    if major != PCAP_MAJOR:
        raise CaptureError(f"{name}: expected pcap version {PCAP_MAJOR}.x, found {major}.{minor}")
    reader.position = FILE_HEADER_BYTES
    reader.swapped = order == ">"
    reader.interfaces = 1
    reader.record_header_bytes = MODIFIED_RECORD_HEADER_BYTES if magic == MAGIC_MODIFIED else RECORD_HEADER_BYTES
    reader.length_order = CAPTURED_FIRST if minor > 3 else SMALLER_FIRST if minor == 3 else ORIGINAL_FIRST
    interface = interfaces[0]
    interface.link_type = link & 0xFFFF
    interface.snap_bytes = snap_bytes
    # The upper four bits count the 16-bit words of a frame check sequence, if another bit says that they mean it.
    interface.fcs_bytes = 2 * (link >> 28) if link & FCS_PRESENT else 0
    set_resolution(interface, NANOSECOND_DIGITS if magic == MAGIC_NANOSECONDS else MICROSECOND_DIGITS)


def index_all(index_frames: Callable[[Any, Any, Any, Any], int], data: Any, interfaces: Any, reader: Any) -> Any:
    """Run the kernel over the whole file, in an index that grows as needed, and return its filled part."""
    frames = make_frames(FIRST_INDEX)
    count = 0
    with np.errstate(over="ignore"):  # Wrapping is what kernels do; only their interpreted form would mention it.
        while True:
            count += index_frames(data, frames[count:], interfaces, reader)
            if reader.outcome != INDEX_FULL:
                return frames[:count]
            estimate = int(1.05 * count * len(data) / int(reader.position))
            grown = make_frames(max(estimate, count + count // 2))
            grown[:count] = frames
            frames = grown


def describe_interfaces(data: Any, interfaces: Any, reader: Any) -> tuple[Interface, ...]:
    """Return the interfaces that the file describes, with a name for each."""
    described = []
    for number, entry in enumerate(interfaces[: reader.interfaces]):
        start = int(entry.name_offset)
        name = data[start : start + int(entry.name_bytes)].tobytes().rstrip(b"\0").decode(errors="replace")
        described.append(Interface(name or f"number {number}", int(entry.link_type), int(entry.frames)))
    return tuple(described)


def refuse_other_links(name: str, interfaces: tuple[Interface, ...], is_classic: bool) -> None:
    """Raise ``CaptureError`` if frames come from a link that is not Ethernet."""
    for interface in interfaces:
        if interface.link_type == ETHERNET or not (interface.frames or is_classic):
            continue
        whose = "" if is_classic else f" on interface {interface.name}"
        found = link_type_name(interface.link_type)
        raise CaptureError(f"{name}: expected the link type Ethernet (1), found {found}{whose}")


def break_words(reader: Any) -> str:
    """Return words for what stopped ``reader``."""
    return BREAKS[int(reader.outcome)].format(expected=int(reader.expected), found=int(reader.found))


def warnings_of(name: str, frames: Any, interfaces: Any, reader: Any) -> list[str]:
    """Return sentences about what the reader met."""
    warnings = []
    if reader.outcome != END_OF_FILE:
        where = f"at byte {int(reader.position)}, frame {len(frames) + 1}"
        warnings.append(f"{name}: {break_words(reader)}, {where}; the frames before it are read")
    if reader.shortened:
        warnings.append(f"{name}: {int(reader.shortened)} of {len(frames)} frames were captured shorter than they were")
    with_fcs = int(sum(entry.frames for entry in interfaces[: reader.interfaces] if entry.fcs_bytes))
    if with_fcs:
        warnings.append(f"{name}: {with_fcs} of {len(frames)} frames end with a check sequence, which stays in them")
    return warnings

"""Frames to begin from: those of real captures where there are any, and crafted ones in any case."""

import gzip
from pathlib import Path
from random import Random

from tests.capture_files import naive as capture_files
from tests.packets import (
    arp_request,
    neighbour_solicitation,
    ping4,
    ping6,
    plain,
    service_tag,
    tag,
    tagged,
    tcp4,
    udp4,
)
from tests.shared import shared_folder

ETHERNET = 1
LARGEST_FILE = 200_000
FRAMES_A_FILE = 20

CRAFTED = (
    *(udp4(2, 3), tcp4(3, 2), ping4(2, 4), ping6(4, 2), arp_request(2, 3), neighbour_solicitation(3, 2)),
    *(plain(bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b"), length) for length in (14, 60, 1514, 9216)),
    tagged(udp4(2, 3), tag(10, pcp=5)),
    tagged(udp4(2, 3), service_tag(10), tag(20)),
    tagged(ping6(2, 3), tag(0), tag(10), tag(20)),
    bytes.fromhex("0180c200000002000000000200264242030000000000"),
)


def captures_folder() -> Path | None:
    """Return where captures lie: $TAPESTRY_SHARED/captures, or the folder shared/captures beside the project."""
    captures = shared_folder() / "captures"
    return captures if captures.is_dir() else None


def load_corpus(folder: Path | None, random: Random, files: int = 200) -> tuple[bytes, ...]:
    """Return the crafted frames and those of up to ``files`` captures in ``folder``."""
    frames = list(CRAFTED)
    if folder:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= LARGEST_FILE)
        for path in random.sample(paths, min(files, len(paths))):
            frames += frames_of(path.read_bytes())
    return tuple(dict.fromkeys(frames))


def frames_of(data: bytes) -> list[bytes]:
    """Return the first frames of an Ethernet capture; none of anything else."""
    if data[:2] == b"\x1f\x8b":
        data = unpacked(data)
    if data[:4] not in MAGICS:
        return []
    index = capture_files.index(data)
    if set(index.link_types) != {ETHERNET}:
        return []
    return [data[offset : offset + captured] for _, offset, captured, _, _ in index.frames[:FRAMES_A_FILE]]


def unpacked(data: bytes) -> bytes:
    """Return what a gzip file holds, or nothing if it is broken."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError):
        return b""


MAGICS = {magic.to_bytes(4, order) for magic in (0xA1B2C3D4, 0xA1B23C4D, 0x0A0D0D0A) for order in ("big", "little")}

"""The virtio-net header before a frame: what a device left for later (OASIS VIRTIO 1.2, 5.1.6). Little-endian::

    0       1          2            4           6              8               10
    +-------+----------+------------+-----------+--------------+---------------+---------------
    | flags | GSO type | header len | GSO size  | checksum from | checksum at   | buffers
    +-------+----------+------------+-----------+--------------+---------------+---------------

Flag 1 says that the checksum from ``checksum from`` on (counted from the frame's first byte) is still to be computed
and stored ``checksum at`` bytes further. A GSO type other than 0 marks a superframe: several frames to be, with one
header.
"""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16, store_u16, store_u32, store_u64

NEEDS_CHECKSUM: Final = 1
GSO_TYPE: Final = 1
HEADER_LENGTH: Final = 2
SEGMENT_BYTES: Final = 4
CHECKSUM_FROM: Final = 6
CHECKSUM_AT: Final = 8

GSO_TCP4: Final = 1
GSO_TCP6: Final = 4
GSO_UDP: Final = 5
"""GSO types: TCP over either IP, and UDP datagrams of equal size over any (UDP_L4). Type 3, a UDP datagram to be cut
into fragments, is not offered to any device."""
GSO_ECN: Final = 0x80
"""Added to a TCP type: the first segment alone carries CWR (RFC 3168)."""


@inlined
def clear_virtio(heads: Any, slot: int) -> None:
    """Say that the frame in the slot at byte ``slot`` is complete as it is."""
    store_u64(heads, slot, np.uint64(0))
    store_u32(heads, slot + 8, np.uint32(0))


@inlined
def is_superframe(heads: Any, slot: int) -> bool:
    """Whether the frame in the slot at byte ``slot`` is to be cut by whoever puts it on a wire."""
    return heads[slot + GSO_TYPE] != 0


@inlined
def frames_within(heads: Any, slot: int, length: int) -> int:
    """How many frames the superframe of ``length`` bytes in the slot at byte ``slot`` is cut into: its headers count as
    payload, so one more at times."""
    segment: Any = np.int64(load_u16(heads, slot + SEGMENT_BYTES))
    return (length + segment - 1) // segment if segment > 0 else 1


@inlined
def defers_checksum(heads: Any, slot: int, at: int) -> bool:
    """Whether the checksum of what begins ``at`` bytes into the frame is left for a device to complete."""
    return heads[slot] & NEEDS_CHECKSUM != 0 and load_u16(heads, slot + CHECKSUM_FROM) == at


@kernel
def move_headers(heads: Any, slot: int, by: int) -> None:
    """Follow headers that became ``by`` bytes longer (or shorter, if negative) in front of the checksummed part.

    The headers' length is a hint, and 0 where there is none: kernels give none with frames that are no superframes, and
    refuse one that is longer than the frame.
    """
    if heads[slot] & NEEDS_CHECKSUM or heads[slot + GSO_TYPE] != 0:
        store_u16(heads, slot + CHECKSUM_FROM, np.uint16(np.int64(load_u16(heads, slot + CHECKSUM_FROM)) + by))
        hint: Any = np.int64(load_u16(heads, slot + HEADER_LENGTH))
        if hint != 0:
            store_u16(heads, slot + HEADER_LENGTH, np.uint16(max(hint + by, 0)))


@kernel
def pull_headers(heads: Any, slot: int, by: int) -> bool:
    """Follow headers that lost their first ``by`` bytes; False if the device left something to be done among those.

    Then nothing is left to be done that counts; a superframe has become none.
    """
    if heads[slot] & NEEDS_CHECKSUM == 0 and heads[slot + GSO_TYPE] == 0:
        return True
    begin = np.int64(load_u16(heads, slot + CHECKSUM_FROM))
    if begin < by:
        clear_virtio(heads, slot)
        return False
    headers: Any = np.int64(load_u16(heads, slot + HEADER_LENGTH))
    store_u16(heads, slot + CHECKSUM_FROM, np.uint16(begin - by))
    store_u16(heads, slot + HEADER_LENGTH, np.uint16(max(headers - by, 0)))
    return True

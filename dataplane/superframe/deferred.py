"""Computing a checksum that was left to a device, where no device will."""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_split
from dataplane.jit import kernel
from dataplane.memory import load_u16, store_u16_be
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import CHECKSUM_AT, CHECKSUM_FROM, NEEDS_CHECKSUM, clear_virtio, is_superframe

_ALL_ONES = np.uint64(0xFFFF)


@kernel
def complete_checksum(heads: Any, tails: Any, slot: int, at: int, head_length: int, tail_length: int) -> bool:
    """Compute the checksum that the frame in the slot at byte ``slot`` leaves to a device, if it leaves one; False, and
    nothing changed, if it is a superframe, or the checksum's field is not in its head.

    The frame begins at byte ``at`` of the heads. What lies behind its packet should not be among its bytes, for all of
    them are summed up. The field holds the sum of the pseudo-header until then. A result of 0 is written as its equal
    0xFFFF, since 0 says of UDP that there is none.
    """
    if is_superframe(heads, slot):
        return False
    if heads[slot] & NEEDS_CHECKSUM == 0:
        return True
    begin = np.int64(load_u16(heads, slot + CHECKSUM_FROM))
    field = begin + np.int64(load_u16(heads, slot + CHECKSUM_AT))
    if field + 2 > head_length:
        return False
    tail_at = slot // SLOT_BYTES * SPILL_BYTES
    total = sum_split(heads, at + begin, head_length - begin, tails, tail_at, tail_length)
    checksum = np.uint64(fold(total)) ^ _ALL_ONES
    store_u16_be(heads, at + field, np.uint16(checksum if checksum else _ALL_ONES))
    clear_virtio(heads, slot)
    return True

"""Kernels that turn a pcapng interface's ticks into nanoseconds since 1970.

``if_tsresol`` is one byte: 10**-n seconds a tick, or 2**-n with the highest bit set. Every value is served exactly
(rounded down); what passes 64 bits wraps, as only a broken file does.
"""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.ports.pcap.tables import NANOSECONDS_PER_SECOND

NANOSECOND_DIGITS = 9
LARGEST_POWER = 19
"""10**19 is the last power of ten below 2**64."""
FIVE_TO_NINE = np.uint64(5**9)
U1 = np.uint64(1)
U10 = np.uint64(10)
U32 = np.uint64(32)
LOW_32 = np.uint64(0xFFFF_FFFF)
PER_SECOND = np.uint64(NANOSECONDS_PER_SECOND)


@kernel
def power_of_ten(exponent: int) -> Any:
    """Return 10**exponent as uint64, for 0 to 19."""
    power = U1
    for _ in range(exponent):
        power *= U10
    return power


@kernel
def set_resolution(interface: Any, resolution: Any) -> None:
    """Write the conversion that the byte ``if_tsresol`` asks for into ``interface``."""
    digits = resolution & 0x7F
    interface.multiplier = U1
    interface.divisor = U1
    interface.binary_shift = 0
    if resolution & 0x80:
        # ticks * 10**9 / 2**n is ticks * 5**9 / 2**(n - 9), and a whole number of nanoseconds up to n = 9.
        if digits <= NANOSECOND_DIGITS:
            interface.multiplier = PER_SECOND >> np.uint64(digits)
        else:
            interface.binary_shift = digits - NANOSECOND_DIGITS
    elif digits <= NANOSECOND_DIGITS:
        interface.multiplier = power_of_ten(NANOSECOND_DIGITS - digits)
    elif digits - NANOSECOND_DIGITS <= LARGEST_POWER:
        interface.divisor = power_of_ten(digits - NANOSECOND_DIGITS)
    else:
        interface.multiplier = np.uint64(0)


@kernel
def scale_binary(ticks: Any, shift: int) -> Any:
    """Return ticks * 5**9 >> shift modulo 2**64, for any shift from 1, through a product of 96 bits in two halves."""
    high = (ticks >> U32) * FIVE_TO_NINE
    low = (ticks & LOW_32) * FIVE_TO_NINE
    if shift <= 32:
        return (high << np.uint64(32 - shift)) + (low >> np.uint64(shift))
    if shift < 96:
        return (high + (low >> U32)) >> np.uint64(shift - 32)
    return np.uint64(0)


@kernel
def nanoseconds_of(interface: Any, ticks: Any) -> Any:
    """Return ``ticks`` (uint64) of ``interface`` as nanoseconds since 1970 (uint64)."""
    if interface.binary_shift:
        scaled = scale_binary(ticks, interface.binary_shift)
    else:
        scaled = ticks * interface.multiplier
        if interface.divisor != U1:
            scaled //= interface.divisor
    return scaled + interface.offset_ns

"""What a changed word at a message's front does to its CRC32c, without reading the message.

A CRC is linear: the CRCs of two messages of one length differ by the CRC, begun with 0 and not inverted, of their
difference. Where that is a word followed by zeros, it is the word times x**(bits of the message), modulo P.
Polynomials, P among them, are reflected as CRC32c has them (RFC 9260 appendix A): bit 31 is the coefficient of x**0.
"""

from typing import Any

import numpy as np

from dataplane.jit import kernel

_POLYNOMIAL = np.uint64(0x82F6_3B78)
_X_TO_THE_0 = np.uint64(1 << 31)
_X_TO_THE_8 = np.uint64(1 << 23)
_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_LENGTH_BITS = 20


@kernel
def multiply(a: Any, b: Any) -> Any:
    """Return the product of two polynomials (uint64, below 2**32), modulo CRC32c's."""
    product = _ZERO
    bit = _X_TO_THE_0
    for _ in range(32):
        if a & bit:
            product ^= b
        if b & _ONE:
            b = (b >> _ONE) ^ _POLYNOMIAL
        else:
            b >>= _ONE
        bit >>= _ONE
    return product


@kernel
def first_word_difference(word: Any, length: int) -> Any:
    """Return how the CRC32c of a message of ``length`` bytes (4 … 2**20 - 1) changes with its first four bytes.

    ``word`` is those four bytes' old value exclusive-or the new one, read little-endian, a uint64. So is the result, to
    be combined in the same way with the CRC, which SCTP stores little-endian.
    """
    power = _X_TO_THE_8
    for k in range(_LENGTH_BITS):
        if (length >> k) & 1:
            word = multiply(power, word)
        power = multiply(power, power)
    return word

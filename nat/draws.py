"""Random numbers for choosing ports: a counter, enciphered with Speck64 (Beaulieu et al., 2013).

Whoever sees the ports that were drawn must not foresee the next (RFC 6056 section 3), and a replay must draw the same
ones again: so the keys are drawn once, with the memory, and nothing else goes in.
"""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from nat.tables import CIPHER_ROUNDS

_WORD = np.uint64(0xFFFF_FFFF)
_WORD_BITS = np.uint64(32)
_THREE = np.uint64(3)
_EIGHT = np.uint64(8)
_ONE = np.uint64(1)


@inlined
def _rotated(word: Any, left: Any) -> Any:
    return (word << left | word >> (_WORD_BITS - left)) & _WORD


@kernel
def encipher(round_keys: Any, block: Any) -> Any:
    """Return the ciphertext of a block of 64 bits; the round keys are 32 bits each, in uint64."""
    x, y = block >> _WORD_BITS, block & _WORD
    for n in range(CIPHER_ROUNDS):
        x = ((_rotated(x, _WORD_BITS - _EIGHT) + y) & _WORD) ^ round_keys[n]
        y = _rotated(y, _THREE) ^ x
    return x << _WORD_BITS | y


@kernel
def draw(draws: Any, count: Any) -> Any:
    """Return a random number below ``count`` (uint64, at most 2**32); ``draws`` is the worker's own record."""
    draws.counter += _ONE
    return ((encipher(draws.round_keys, np.uint64(draws.counter)) >> _WORD_BITS) * count) >> _WORD_BITS

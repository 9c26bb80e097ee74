"""Seeded hashing: keys come from strangers, so every table multiplies them by a secret odd number drawn at start.

Multiply-shift hashing (Dietzfelbinger et al., 1997): for a random odd multiplier, two different 64-bit keys meet in the
same of 2**b buckets with a chance of at most 2/2**b, whoever chose the keys.
"""

import numpy as np

from dataplane.jit import JIT_DISABLED, kernel

if JIT_DISABLED:

    def bucket_of(key: np.uint64, multiplier: np.uint64, shift: np.uint64) -> np.uint64:
        return np.uint64((int(key) * int(multiplier) & 0xFFFF_FFFF_FFFF_FFFF) >> int(shift))

else:

    @kernel
    def bucket_of(key: np.uint64, multiplier: np.uint64, shift: np.uint64) -> np.uint64:
        """Return the bucket of ``key`` in a table of 2**(64 - shift) buckets."""
        return (key * multiplier) >> shift

"""How much random work a test does: less where kernels check every index, which what they compute does not depend on,
and much less where they run as plain Python, a thousand times slower."""

import os

JIT_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
CHECKS_BOUNDS = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")


def scaled(amount: int, jit_off: int | None = None) -> int:
    """Return ``amount``; with the JIT off ``jit_off`` (a fiftieth unless given), with bounds checks at least a quarter;
    in any case 1 or more."""
    least = jit_off if jit_off is not None else max(1, amount // 50)
    if JIT_OFF:
        return least
    return max(min(amount, least), amount // 4, 1) if CHECKS_BOUNDS else amount

"""How much random work a test does: less where kernels run a thousand times slower, as plain Python."""

import os

JIT_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def scaled(amount: int, jit_off: int | None = None) -> int:
    """Return ``amount``, or with the JIT off ``jit_off`` (a fiftieth unless given), at least 1."""
    if not JIT_OFF:
        return amount
    return jit_off if jit_off is not None else max(1, amount // 50)

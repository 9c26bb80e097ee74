"""System calls from inside compiled loops, by the C library's symbol names. Pointers are addresses as integers.

All return -1 on error, with ``last_error()`` the errno of the thread. Only kernels that drive devices use these, and
those need the JIT.
"""

from typing import Any, Final

import numpy as np
from numba import types

from dataplane.jit import kernel
from dataplane.memory import load_u32_at

EINTR: Final = 4
EIO: Final = 5
EAGAIN: Final = 11
EBADFD: Final = 77
ENOBUFS: Final = 105
CLOCK_MONOTONIC: Final = 1

readv: Any = types.ExternalFunction("readv", types.intp(types.int32, types.uintp, types.int32))
writev: Any = types.ExternalFunction("writev", types.intp(types.int32, types.uintp, types.int32))
sendmmsg: Any = types.ExternalFunction("sendmmsg", types.int32(types.int32, types.uintp, types.uint32, types.int32))
epoll_wait: Any = types.ExternalFunction("epoll_wait", types.int32(types.int32, types.uintp, types.int32, types.int32))
_clock_gettime: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))
_errno_location: Any = types.ExternalFunction("__errno_location", types.uintp())


@kernel
def last_error() -> int:
    """Return errno."""
    return load_u32_at(_errno_location())


@kernel
def monotonic_ns(scratch: Any) -> int:
    """Return CLOCK_MONOTONIC in nanoseconds, as uint64; ``scratch`` is room for a timespec, two int64."""
    _clock_gettime(CLOCK_MONOTONIC, scratch.ctypes.data)
    return np.uint64(scratch[0]) * np.uint64(1_000_000_000) + np.uint64(scratch[1])

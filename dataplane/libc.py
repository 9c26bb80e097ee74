"""System calls from inside the loops that drive devices, by the C library's symbol names.

Pointers are addresses as integers. All return -1 on error, with ``last_error()`` the errno of the thread. As in
``memory.py`` there are two definitions with one meaning: for compiled kernels, and for kernels that run as Python.
"""

import ctypes
from typing import Any, Final

import numpy as np
from numba import types

from dataplane.jit import JIT_DISABLED, kernel
from dataplane.memory import load_u32_at

EINTR: Final = 4
EIO: Final = 5
ENXIO: Final = 6
EBADF: Final = 9
EAGAIN: Final = 11
ENODEV: Final = 19
EPIPE: Final = 32
EBADFD: Final = 77
ENETDOWN: Final = 100
ECONNRESET: Final = 104
CLOCK_MONOTONIC: Final = 1

if JIT_DISABLED:
    _library = ctypes.CDLL(None, use_errno=True)

    def _function(name: str, result: Any, *arguments: Any) -> Any:
        function = _library[name]
        function.restype, function.argtypes = result, arguments
        return lambda *values: function(*map(int, values))

    readv: Any = _function("readv", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    writev: Any = _function("writev", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    sendmmsg: Any = _function("sendmmsg", ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    recvmmsg: Any = _function(
        "recvmmsg", ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p
    )
    epoll_wait: Any = _function("epoll_wait", ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    sched_yield: Any = _function("sched_yield", ctypes.c_int)
    _clock_gettime: Any = _function("clock_gettime", ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    last_error: Any = ctypes.get_errno

else:
    readv = types.ExternalFunction("readv", types.intp(types.int32, types.uintp, types.int32))
    writev = types.ExternalFunction("writev", types.intp(types.int32, types.uintp, types.int32))
    sendmmsg = types.ExternalFunction("sendmmsg", types.int32(types.int32, types.uintp, types.uint32, types.int32))
    recvmmsg = types.ExternalFunction(
        "recvmmsg", types.int32(types.int32, types.uintp, types.uint32, types.int32, types.uintp)
    )
    epoll_wait = types.ExternalFunction("epoll_wait", types.int32(types.int32, types.uintp, types.int32, types.int32))
    sched_yield = types.ExternalFunction("sched_yield", types.int32())
    _clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))
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

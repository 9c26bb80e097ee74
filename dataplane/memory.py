"""Memory as the machine has it: unaligned loads and stores, line copies, prefetches and atomics.

Each has two definitions with one meaning: an intrinsic for compiled kernels and a plain one for kernels that run as
Python (``NUMBA_DISABLE_JIT=1``). Offsets are in bytes into a C-contiguous uint8 array and are not checked, except in
plain Python and with ``NUMBA_BOUNDSCHECK=1``: a kernel checks its lengths once, at its gate. What takes an *address*
reads memory that is no array: a device's ring. A
*local record* is a kernel's own scratch, on the stack.
"""

import ctypes
from typing import Any

import numpy as np
from numba.extending import intrinsic

from dataplane import intrinsics
from dataplane.jit import JIT_DISABLED
from dataplane.layout import LINE_BYTES

if JIT_DISABLED:

    def _inside(array: Any, offset: Any, width: int) -> int:
        at = int(offset)  # Python's, since a sum of small ones would wrap around.
        if not 0 <= at <= len(array) - width:
            raise IndexError("bytes outside of their array")
        return at

    def _load(array: Any, offset: Any, width: int, order: Any) -> int:
        at = _inside(array, offset, width)
        return int.from_bytes(array[at : at + width].tobytes(), order)

    def load_u16(array: Any, offset: Any) -> np.uint16:
        return np.uint16(_load(array, offset, 2, "little"))

    def load_u64(array: Any, offset: Any) -> np.uint64:
        return np.uint64(_load(array, offset, 8, "little"))

    def load_u16_be(array: Any, offset: Any) -> np.uint16:
        return np.uint16(_load(array, offset, 2, "big"))

    def load_u32_be(array: Any, offset: Any) -> np.uint32:
        return np.uint32(_load(array, offset, 4, "big"))

    def load_u64_be(array: Any, offset: Any) -> np.uint64:
        return np.uint64(_load(array, offset, 8, "big"))

    def _store(array: Any, offset: Any, value: Any, width: int, order: Any) -> None:
        at = _inside(array, offset, width)
        array[at : at + width] = np.frombuffer(int(value).to_bytes(width, order), np.uint8)

    def store_u16(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 2, "little")

    def store_u32(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 4, "little")

    def store_u64(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 8, "little")

    def store_u16_be(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 2, "big")

    def store_u32_be(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 4, "big")

    def store_u64_be(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 8, "big")

    def copy_line(target: Any, target_at: Any, source: Any, source_at: Any) -> None:
        copy_bytes(target, target_at, source, source_at, LINE_BYTES)

    def copy_bytes(target: Any, target_at: Any, source: Any, source_at: Any, count: Any) -> None:
        length = int(count)
        to, origin = _inside(target, target_at, length), _inside(source, source_at, length)
        target[to : to + length] = source[origin : origin + length]

    def load_u16_at(address: int) -> np.uint16:
        return np.uint16(ctypes.c_uint16.from_address(int(address)).value)

    def load_u32_at(address: int) -> np.uint32:
        return np.uint32(ctypes.c_uint32.from_address(int(address)).value)

    def store_u32_at(address: int, value: Any) -> None:
        ctypes.c_uint32.from_address(int(address)).value = int(value)

    def copy_from(target: Any, target_at: Any, address: Any, count: Any) -> None:
        length = int(count)
        to = _inside(target, target_at, length)
        target[to : to + length] = np.frombuffer(ctypes.string_at(int(address), length), np.uint8)

    def local_record(dtype: Any) -> Any:
        return np.zeros(1, dtype).view(np.recarray)[0]

    def record_at(address: Any, dtype: Any) -> Any:
        return records_at(address, 1, dtype)[0]

    def records_at(address: Any, count: Any, dtype: Any) -> Any:
        memory = (ctypes.c_char * (int(count) * dtype.itemsize)).from_address(int(address))
        return np.frombuffer(memory, dtype).view(np.recarray if dtype.names else np.ndarray)

    def prefetch(array: Any, index: int) -> None:
        pass

    def load_acquire(array: Any, index: int) -> Any:
        return array[index]

    def store_release(array: Any, index: int, value: Any) -> None:
        array[index] = value

    def compare_and_swap(array: Any, index: int, expected: Any, new: Any) -> bool:
        if array[index] != expected:
            return False
        array[index] = new
        return True

    def fetch_add(array: Any, index: int, amount: Any) -> Any:
        before = array[index]
        array[index : index + 1] += array.dtype.type(amount)  # unlike a scalar's, this sum wraps around
        return before

else:
    load_u16 = intrinsics.make_loader(16, swap=False)
    load_u64 = intrinsics.make_loader(64, swap=False)
    load_u16_be = intrinsics.make_loader(16, swap=True)
    load_u32_be = intrinsics.make_loader(32, swap=True)
    load_u64_be = intrinsics.make_loader(64, swap=True)
    store_u16 = intrinsics.make_storer(16, swap=False)
    store_u32 = intrinsics.make_storer(32, swap=False)
    store_u64 = intrinsics.make_storer(64, swap=False)
    store_u16_be = intrinsics.make_storer(16, swap=True)
    store_u32_be = intrinsics.make_storer(32, swap=True)
    store_u64_be = intrinsics.make_storer(64, swap=True)
    load_u16_at = intrinsics.make_address_loader(16)
    load_u32_at = intrinsics.make_address_loader(32)
    copy_line = intrinsic(intrinsics.copy_line)
    copy_bytes = intrinsic(intrinsics.copy_bytes)
    store_u32_at = intrinsic(intrinsics.store_u32_at)
    copy_from = intrinsic(intrinsics.copy_from)
    local_record = intrinsic(intrinsics.local_record)
    record_at = intrinsic(intrinsics.record_at)
    records_at = intrinsic(intrinsics.records_at)
    prefetch = intrinsic(intrinsics.prefetch)
    load_acquire = intrinsic(intrinsics.load_acquire)
    store_release = intrinsic(intrinsics.store_release)
    compare_and_swap = intrinsic(intrinsics.compare_and_swap)
    fetch_add = intrinsic(intrinsics.fetch_add)

"""Memory as the machine has it: unaligned loads and stores, line copies, prefetches and atomics.

Each has two definitions with one meaning: an llvmlite intrinsic for compiled kernels and a plain one for kernels that
run as Python (``NUMBA_DISABLE_JIT=1``). Offsets are in bytes into a C-contiguous uint8 array and are not checked: a
kernel checks its lengths once, at its gate. What takes an *address* reads memory that is no array: a device's ring.
"""

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dataplane.jit import JIT_DISABLED
from dataplane.layout import LINE_BYTES

_BYTE = ir.IntType(8)


def _byte_pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any, to: ir.Type) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    data = builder.bitcast(data, _BYTE.as_pointer())
    return builder.bitcast(builder.gep(data, [offset]), to.as_pointer())


def _item_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


def _loader(bits: int, swap: bool) -> Any:
    """Make an intrinsic that loads an unsigned integer of ``bits`` from any byte offset, byte-swapped if asked."""
    numba_type = getattr(types, f"uint{bits}")

    def load(typing_context: Any, array: Any, offset: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            pointer = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], word)
            value = builder.load(pointer, align=1)
            return builder.bswap(value) if swap else value

        return numba_type(array, types.intp), generate

    return intrinsic(load)


def _storer(bits: int, swap: bool) -> Any:
    """Make an intrinsic that stores an unsigned integer of ``bits`` at any byte offset, byte-swapped if asked."""
    numba_type = getattr(types, f"uint{bits}")

    def store(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            pointer = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], word)
            value = builder.bswap(arguments[2]) if swap else arguments[2]
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.void(array, types.intp, numba_type), generate

    return intrinsic(store)


def _copy_line_intrinsic(typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(_BYTE, LINE_BYTES)
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], line)
        origin = _byte_pointer(context, builder, signature.args[2], arguments[2], arguments[3], line)
        builder.store(builder.load(origin, align=1), to, align=1)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp), generate


def _copy_bytes_intrinsic(
    typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any, count: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], _BYTE)
        origin = _byte_pointer(context, builder, signature.args[2], arguments[2], arguments[3], _BYTE)
        cgutils.raw_memcpy(builder, to, origin, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.int64), generate


def _prefetch_intrinsic(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = ir.IntType(32)
        pointer_type = _BYTE.as_pointer()
        pointer = builder.bitcast(
            _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1]), pointer_type
        )
        function_type = ir.FunctionType(ir.VoidType(), [pointer_type, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, [pointer, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


def _address_loader(bits: int) -> Any:
    """Make an intrinsic that loads an unsigned integer of ``bits`` from an address, after which later loads come."""
    numba_type = getattr(types, f"uint{bits}")

    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load_atomic(pointer, "acquire", bits // 8)

        return numba_type(types.uintp), generate

    return intrinsic(load)


def _store_u32_at_intrinsic(typing_context: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 4)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uint32), generate


def _copy_from_intrinsic(typing_context: Any, target: Any, target_at: Any, address: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], _BYTE)
        origin = builder.inttoptr(arguments[2], _BYTE.as_pointer())
        cgutils.raw_memcpy(builder, to, origin, arguments[3], 1)
        return context.get_dummy_value()

    return types.void(target, types.intp, types.uintp, types.int64), generate


def _load_acquire_intrinsic(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.load_atomic(pointer, "acquire", array.dtype.bitwidth // 8)

    return array.dtype(array, types.intp), generate


def _store_release_intrinsic(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store_atomic(arguments[2], pointer, "release", array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), generate


def _compare_and_swap_intrinsic(typing_context: Any, array: Any, index: Any, expected: Any, new: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        outcome = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "acquire")
        return builder.extract_value(outcome, 1)

    return types.boolean(array, types.intp, array.dtype, array.dtype), generate


def _fetch_add_intrinsic(typing_context: Any, array: Any, index: Any, amount: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.atomic_rmw("add", pointer, arguments[2], "acq_rel")

    return array.dtype(array, types.intp, array.dtype), generate


if JIT_DISABLED:
    # Offsets become Python's integers, since a sum of small ones would wrap around.

    def _load(array: Any, offset: Any, width: int, order: Any) -> int:
        at = int(offset)
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
        at = int(offset)
        array[at : at + width] = np.frombuffer(int(value).to_bytes(width, order), np.uint8)

    def store_u16(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 2, "little")

    def store_u32(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 4, "little")

    def store_u64(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 8, "little")

    def store_u16_be(array: Any, offset: Any, value: Any) -> None:
        _store(array, offset, value, 2, "big")

    def copy_line(target: Any, target_at: Any, source: Any, source_at: Any) -> None:
        copy_bytes(target, target_at, source, source_at, LINE_BYTES)

    def copy_bytes(target: Any, target_at: Any, source: Any, source_at: Any, count: Any) -> None:
        to, origin, length = int(target_at), int(source_at), int(count)
        target[to : to + length] = source[origin : origin + length]

    def load_u16_at(address: int) -> np.uint16:
        return np.uint16(ctypes.c_uint16.from_address(int(address)).value)

    def load_u32_at(address: int) -> np.uint32:
        return np.uint32(ctypes.c_uint32.from_address(int(address)).value)

    def store_u32_at(address: int, value: Any) -> None:
        ctypes.c_uint32.from_address(int(address)).value = int(value)

    def copy_from(target: Any, target_at: Any, address: Any, count: Any) -> None:
        to, length = int(target_at), int(count)
        target[to : to + length] = np.frombuffer(ctypes.string_at(int(address), length), np.uint8)

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
    load_u16 = _loader(16, swap=False)
    load_u64 = _loader(64, swap=False)
    load_u16_be = _loader(16, swap=True)
    load_u32_be = _loader(32, swap=True)
    load_u64_be = _loader(64, swap=True)
    store_u16 = _storer(16, swap=False)
    store_u32 = _storer(32, swap=False)
    store_u64 = _storer(64, swap=False)
    store_u16_be = _storer(16, swap=True)
    copy_line = intrinsic(_copy_line_intrinsic)
    copy_bytes = intrinsic(_copy_bytes_intrinsic)
    load_u16_at = _address_loader(16)
    load_u32_at = _address_loader(32)
    store_u32_at = intrinsic(_store_u32_at_intrinsic)
    copy_from = intrinsic(_copy_from_intrinsic)
    prefetch = intrinsic(_prefetch_intrinsic)
    load_acquire = intrinsic(_load_acquire_intrinsic)
    store_release = intrinsic(_store_release_intrinsic)
    compare_and_swap = intrinsic(_compare_and_swap_intrinsic)
    fetch_add = intrinsic(_fetch_add_intrinsic)

"""Code generation for ``memory.py``: what numba has no words for, written in LLVM's.

With ``NUMBA_BOUNDSCHECK=1`` every access is held against its array, as numba then does with indices.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from dataplane.jit import CHECKS_BOUNDS
from dataplane.layout import LINE_BYTES

_BYTE = ir.IntType(8)
_RECORD_ALIGNMENT = 16


def _byte_pointer(
    context: Any, builder: Any, array_type: Any, array: Any, offset: Any, width: Any, to: ir.Type = _BYTE
) -> Any:
    """Return a pointer to ``width`` bytes at ``offset`` of an array; where bounds are checked, raise if it has none."""
    view = context.make_array(array_type)(context, builder, array)
    if CHECKS_BOUNDS:
        last = builder.sub(view.nitems, width)
        is_outside = builder.or_(
            builder.icmp_signed("<", offset, ir.Constant(offset.type, 0)), builder.icmp_signed(">", offset, last)
        )
        with cgutils.if_unlikely(builder, is_outside):
            context.call_conv.return_user_exc(builder, IndexError, ("bytes outside of their array",))
    data = builder.bitcast(view.data, _BYTE.as_pointer())
    return builder.bitcast(builder.gep(data, [offset]), to.as_pointer())


def _width(count: int) -> Any:
    return ir.Constant(ir.IntType(64), count)


def _item_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


def make_loader(bits: int, swap: bool) -> Any:
    """Make an intrinsic that loads an unsigned integer of ``bits`` from any byte offset, byte-swapped if asked."""
    numba_type = getattr(types, f"uint{bits}")

    def load(typing_context: Any, array: Any, offset: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            pointer = _byte_pointer(
                context, builder, signature.args[0], arguments[0], arguments[1], _width(bits // 8), word
            )
            value = builder.load(pointer, align=1)
            return builder.bswap(value) if swap else value

        return numba_type(array, types.intp), generate

    return intrinsic(load)


def make_storer(bits: int, swap: bool) -> Any:
    """Make an intrinsic that stores an unsigned integer of ``bits`` at any byte offset, byte-swapped if asked."""
    numba_type = getattr(types, f"uint{bits}")

    def store(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            pointer = _byte_pointer(
                context, builder, signature.args[0], arguments[0], arguments[1], _width(bits // 8), word
            )
            value = builder.bswap(arguments[2]) if swap else arguments[2]
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.void(array, types.intp, numba_type), generate

    return intrinsic(store)


def copy_line(typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(_BYTE, LINE_BYTES)
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], _width(LINE_BYTES), line)
        origin = _byte_pointer(
            context, builder, signature.args[2], arguments[2], arguments[3], _width(LINE_BYTES), line
        )
        builder.store(builder.load(origin, align=1), to, align=1)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp), generate


def copy_bytes(typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], arguments[4])
        origin = _byte_pointer(context, builder, signature.args[2], arguments[2], arguments[3], arguments[4])
        cgutils.raw_memcpy(builder, to, origin, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.int64), generate


def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
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


def make_address_loader(bits: int) -> Any:
    """Make an intrinsic that loads an unsigned integer of ``bits`` from an address, after which later loads come."""
    numba_type = getattr(types, f"uint{bits}")

    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load_atomic(pointer, "acquire", bits // 8)

        return numba_type(types.uintp), generate

    return intrinsic(load)


def store_u32_at(typing_context: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 4)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uint32), generate


def copy_from(typing_context: Any, target: Any, target_at: Any, address: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1], arguments[3])
        origin = builder.inttoptr(arguments[2], _BYTE.as_pointer())
        cgutils.raw_memcpy(builder, to, origin, arguments[3], 1)
        return context.get_dummy_value()

    return types.void(target, types.intp, types.uintp, types.int64), generate


def load_acquire(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.load_atomic(pointer, "acquire", array.dtype.bitwidth // 8)

    return array.dtype(array, types.intp), generate


def store_release(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store_atomic(arguments[2], pointer, "release", array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), generate


def compare_and_swap(typing_context: Any, array: Any, index: Any, expected: Any, new: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        outcome = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "acquire")
        return builder.extract_value(outcome, 1)

    return types.boolean(array, types.intp, array.dtype, array.dtype), generate


def fetch_add(typing_context: Any, array: Any, index: Any, amount: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.atomic_rmw("add", pointer, arguments[2], "acq_rel")

    return array.dtype(array, types.intp, array.dtype), generate


def local_record(typing_context: Any, dtype: Any) -> Any:
    """Return a record of ``dtype`` that lasts as long as the kernel that asks for it; what it holds is undefined."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        record = context.get_data_type(signature.return_type)
        room = cgutils.alloca_once(builder, record)
        room.align = _RECORD_ALIGNMENT
        return builder.bitcast(room, context.get_value_type(signature.return_type))

    return dtype.dtype(dtype), generate


def record_at(typing_context: Any, address: Any, dtype: Any) -> Any:
    """Return the record of ``dtype`` at an address (uint64)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return dtype.dtype(types.uint64, dtype), generate


def records_at(typing_context: Any, address: Any, count: Any, dtype: Any) -> Any:
    """Return the array of ``count`` items of ``dtype`` at an address (uint64)."""
    array_type = types.Array(dtype.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = make_array(array_type)(context, builder)
        item_bytes = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
        item = context.get_constant(types.intp, item_bytes)
        data = builder.inttoptr(arguments[0], array.data.type)
        populate_array(array, data=data, shape=[arguments[1]], strides=[item], itemsize=item, meminfo=None)
        return array._getvalue()

    return array_type(types.uint64, types.intp, dtype), generate

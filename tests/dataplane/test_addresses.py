"""Memory reached in other ways than tests/test_memory.py shows: by bare addresses, by offsets of any type."""

from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane import memory
from dataplane.jit import kernel
from tests.scale import scaled

pytestmark = pytest.mark.kernel

BYTES = 70_000
"""More than an offset of 16 bits reaches."""


@kernel
def call_load_u16_at(address: int) -> int:
    return memory.load_u16_at(address)


@kernel
def call_load_u32_at(address: int) -> int:
    return memory.load_u32_at(address)


@kernel
def call_store_u32_at(address: int, value: int) -> None:
    memory.store_u32_at(address, value)


@kernel
def call_copy_from(target: Any, target_at: int, address: int, count: int) -> None:
    memory.copy_from(target, target_at, address, count)


@kernel
def call_load_u16(array: Any, offset: Any) -> int:
    return memory.load_u16(array, offset)


@kernel
def call_store_u16(array: Any, offset: Any, value: Any) -> None:
    memory.store_u16(array, offset, value)


@kernel
def call_copy_line(target: Any, target_at: Any, source: Any, source_at: Any) -> None:
    memory.copy_line(target, target_at, source, source_at)


@kernel
def call_copy_bytes(target: Any, target_at: Any, source: Any, source_at: Any, count: Any) -> None:
    memory.copy_bytes(target, target_at, source, source_at, count)


@kernel
def call_add(array: Any, index: int, amount: Any) -> Any:
    return memory.fetch_add(array, index, amount)


def some_bytes(random: Random) -> np.ndarray:
    return np.frombuffer(random.randbytes(BYTES), np.uint8).copy()


def test_what_lies_at_an_address(seed: int) -> None:
    random = Random(seed)
    array = some_bytes(random)
    for _ in range(scaled(500)):
        at = random.randrange(BYTES // 4) * 4
        address = np.uint64(array.ctypes.data + at)
        assert call_load_u16_at(address) == int.from_bytes(array[at : at + 2].tobytes(), "little")
        assert call_load_u32_at(address) == int.from_bytes(array[at : at + 4].tobytes(), "little")


def test_what_is_stored_at_an_address(seed: int) -> None:
    random = Random(seed)
    array = some_bytes(random)
    expected = array.copy()
    for _ in range(scaled(500)):
        at, value = random.randrange(BYTES // 4) * 4, random.randrange(1 << 32)
        call_store_u32_at(np.uint64(array.ctypes.data + at), np.uint32(value))
        expected[at : at + 4] = list(value.to_bytes(4, "little"))
    assert np.array_equal(array, expected)


def test_copies_from_an_address(seed: int) -> None:
    random = Random(seed)
    source, target = some_bytes(random), some_bytes(random)
    expected = target.copy()
    for _ in range(scaled(100)):
        count = random.randrange(2000)
        source_at, target_at = random.randrange(BYTES - count), random.randrange(BYTES - count)
        call_copy_from(target, target_at, np.uint64(source.ctypes.data + source_at), count)
        expected[target_at : target_at + count] = source[source_at : source_at + count]
    assert np.array_equal(target, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int64])
def test_offsets_are_numbers_of_any_type(dtype: Any, seed: int) -> None:
    """The columns of a vector hold offsets of 32 bits without a sign: their top bit is no minus."""
    array = some_bytes(Random(seed))
    offset = dtype(min(np.iinfo(dtype).max, BYTES - memory.LINE_BYTES))
    at = int(offset)
    assert call_load_u16(array, offset) == int.from_bytes(array[at : at + 2].tobytes(), "little")
    call_store_u16(array, offset, np.uint16(0x1234))
    assert array[at : at + 2].tolist() == [0x34, 0x12]
    line, target = array[at : at + memory.LINE_BYTES].copy(), np.zeros(BYTES, np.uint8)
    call_copy_line(target, offset, array, offset)
    call_copy_bytes(target, 0, array, offset, dtype(64))
    assert np.array_equal(target[at : at + memory.LINE_BYTES], line)
    assert np.array_equal(target[:64], line)


@pytest.mark.parametrize("bits", [32, 64])
def test_counts_wrap_around(bits: int) -> None:
    """Which is how one is taken away: by adding the largest number."""
    dtype: Any = getattr(np, f"uint{bits}")
    array = np.array([0, 7, 0], dtype)
    assert call_add(array, 1, dtype((1 << bits) - 1)) == 7
    assert array.tolist() == [0, 6, 0]
    assert call_add(array, 0, dtype((1 << bits) - 1)) == 0
    assert array.tolist() == [(1 << bits) - 1, 6, 0]

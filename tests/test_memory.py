"""Loads, stores, copies and atomics mean the same compiled and as Python: what plain Python says of the same bytes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane import memory
from dataplane.hash import bucket_of
from dataplane.jit import kernel
from dataplane.layout import LINE_BYTES

pytestmark = pytest.mark.kernel

BYTES = 256

LOADS = {
    "load_u16": (2, "little"),
    "load_u64": (8, "little"),
    "load_u16_be": (2, "big"),
    "load_u32_be": (4, "big"),
    "load_u64_be": (8, "big"),
}
STORES = {
    "store_u16": (2, "little"),
    "store_u32": (4, "little"),
    "store_u64": (8, "little"),
    "store_u16_be": (2, "big"),
    "store_u32_be": (4, "big"),
    "store_u64_be": (8, "big"),
}


def loader(name: str) -> Any:
    """Return a kernel that calls the load of that name."""
    load = getattr(memory, name)

    @kernel
    def call(array: Any, offset: int) -> int:
        return load(array, offset)

    return call


def storer(name: str, dtype: Any) -> Any:
    """Return a kernel that calls the store of that name with a number of ``dtype``."""
    store = getattr(memory, name)

    @kernel
    def call(array: Any, offset: int, value: int) -> None:
        store(array, offset, dtype(value))

    return call


CALL_LOADS = {name: loader(name) for name in LOADS}
CALL_STORES = {name: storer(name, getattr(np, f"uint{8 * width}")) for name, (width, _) in STORES.items()}


@kernel
def call_copy_line(target: Any, target_at: int, source: Any, source_at: int) -> None:
    memory.copy_line(target, target_at, source, source_at)


@kernel
def call_copy_bytes(target: Any, target_at: int, source: Any, source_at: int, count: int) -> None:
    memory.copy_bytes(target, target_at, source, source_at, count)


@kernel
def call_swap(array: Any, index: int, expected: Any, new: Any) -> bool:
    return memory.compare_and_swap(array, index, expected, new)


@kernel
def call_add(array: Any, index: int, amount: Any) -> Any:
    return memory.fetch_add(array, index, amount)


@kernel
def call_release_acquire(array: Any, index: int, value: Any) -> Any:
    memory.store_release(array, index, value)
    return memory.load_acquire(array, index)


def some_bytes() -> np.ndarray:
    """Return bytes that are all different."""
    return np.arange(BYTES, dtype=np.uint8)


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("offset", [0, 1, 7, 63, BYTES - 8])
def test_loads(name: str, offset: int) -> None:
    width, order = LOADS[name]
    expected = int.from_bytes(some_bytes()[offset : offset + width].tobytes(), order)  # type: ignore[arg-type]
    assert int(CALL_LOADS[name](some_bytes(), offset)) == expected


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("offset", [0, 1, 7, 63, BYTES - 8])
@pytest.mark.parametrize("value", [0, 1, 0x1234, 0xFFFF])
def test_stores(name: str, offset: int, value: int) -> None:
    width, order = STORES[name]
    found, expected = some_bytes(), some_bytes()
    CALL_STORES[name](found, offset, value)
    expected[offset : offset + width] = list(value.to_bytes(width, order))  # type: ignore[arg-type]
    assert found.tolist() == expected.tolist(), "these bytes and no others"


@given(st.integers(0, BYTES - LINE_BYTES), st.integers(0, BYTES - LINE_BYTES))
def test_copies_of_lines(target_at: int, source_at: int) -> None:
    target = np.zeros(BYTES, np.uint8)
    call_copy_line(target, target_at, some_bytes(), source_at)
    expected = np.zeros(BYTES, np.uint8)
    expected[target_at : target_at + LINE_BYTES] = some_bytes()[source_at : source_at + LINE_BYTES]
    assert target.tolist() == expected.tolist()


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 156))
def test_copies_of_bytes(target_at: int, source_at: int, count: int) -> None:
    target = np.zeros(BYTES, np.uint8)
    call_copy_bytes(target, target_at, some_bytes(), source_at, count)
    expected = np.zeros(BYTES, np.uint8)
    expected[target_at : target_at + count] = some_bytes()[source_at : source_at + count]
    assert target.tolist() == expected.tolist()


def test_compare_and_swap_changes_what_it_expected() -> None:
    array = np.array([1, 2, 3], np.uint64)
    assert call_swap(array, 1, np.uint64(2), np.uint64(9))
    assert not call_swap(array, 1, np.uint64(2), np.uint64(7))
    assert array.tolist() == [1, 9, 3]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64])
def test_fetch_add_returns_what_was_there(dtype: Any) -> None:
    array = np.array([5, 6], dtype)
    assert int(call_add(array, 1, dtype(3))) == 6
    assert int(call_add(array, 1, dtype(1))) == 9
    assert array.tolist() == [5, 10]


def test_fetch_add_takes_away_where_numbers_have_signs() -> None:
    array = np.array([5, 6], np.int32)
    assert int(call_add(array, 0, np.int32(-6))) == 5
    assert array.tolist() == [-1, 6]


def test_release_and_acquire_carry_the_value() -> None:
    array = np.zeros(3, np.uint64)
    assert int(call_release_acquire(array, 2, np.uint64(2**63 + 1))) == 2**63 + 1
    assert array.tolist() == [0, 0, 2**63 + 1]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), st.integers(4, 24))
def test_bucket_of_is_the_top_of_the_product(key: int, half: int, bits: int) -> None:
    multiplier = 2 * half + 1
    found = bucket_of(np.uint64(key), np.uint64(multiplier), np.uint64(64 - bits))
    assert int(found) == (key * multiplier % 2**64) >> (64 - bits)

"""Sums over bytes in one place or two, at any alignment: against the sum of words as RFC 1071 writes it."""

from random import Random

import numpy as np
import pytest

from dataplane.checksum import fold, sum_behind, sum_bytes, sum_split
from tests.scale import scaled

pytestmark = pytest.mark.kernel


def summed(data: bytes) -> int:
    """Return the ones' complement sum of 16-bit words in network byte order, an odd last byte the first of its word."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[k : k + 2], "big") for k in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def folded(total: object) -> int:
    return int(fold(np.uint64(total)))  # type: ignore[call-overload]


LENGTHS = [*range(20), 63, 64, 65, 1399, 1400, 1401, 65535]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("at", [0, 1, 2, 3, 5])
def test_a_range_of_bytes(length: int, at: int, seed: int) -> None:
    data = Random(seed).randbytes(length)
    source = np.frombuffer(b"\xff" * at + data + b"\xff" * 9, np.uint8)
    assert folded(sum_bytes(source, at, length)) == summed(data)


def test_ones_everywhere_do_not_overflow() -> None:
    assert folded(sum_bytes(np.full(65536, 0xFF, np.uint8), 0, 65536)) == 0xFFFF


def test_bytes_in_two_places_count_as_if_they_stood_together(seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(500)):
        data = random.randbytes(random.randrange(100))
        split = random.randrange(len(data) + 1)
        first, second = (np.frombuffer(b"\xee" + part + b"\xee" * 4, np.uint8) for part in (data[:split], data[split:]))
        assert folded(sum_split(first, 1, split, second, 1, len(data) - split)) == summed(data)
        apart = sum_bytes(first, 1, split) + sum_behind(split, sum_bytes(second, 1, len(data) - split))
        assert folded(apart) == summed(data)

"""The generator that ports are drawn with: the cipher's published test vector, and that runs repeat."""

from random import Random

import numpy as np
import pytest

from nat.build import NatPlan
from nat.draws import draw, encipher
from nat.tables import CIPHER_ROUNDS
from tests.nat.rules import make_nat

pytestmark = pytest.mark.kernel

WORD = 0xFFFF_FFFF


def expand(key: tuple[int, int, int, int]) -> list[int]:
    """Return the round keys of a key, its last word first (Speck64/128, the paper's section 4.2)."""
    *rest, first = key
    words, keys = rest[::-1], [first]
    for n in range(CIPHER_ROUNDS - 1):
        turned = words[n] >> 8 | words[n] << 24 & WORD
        words.append((keys[n] + turned & WORD) ^ n)
        keys.append((keys[n] << 3 & WORD | keys[n] >> 29) ^ words[-1])
    return keys


def test_the_cipher_is_speck64() -> None:
    keys = np.array(expand((0x1B1A1918, 0x13121110, 0x0B0A0908, 0x03020100)), np.uint64)
    assert encipher(keys, np.uint64(0x3B7265747475432D)) == 0x8C6FA548454E028B


def test_what_is_drawn_is_spread_over_its_range_and_repeats(seed: int) -> None:
    count = Random(seed).randrange(3, 40)
    first, second = make_nat(NatPlan(), workers=2, seed=seed)
    again = make_nat(NatPlan(), seed=seed)[0]
    drawn = [[int(draw(nat.draws, np.uint64(count))) for _ in range(40 * count)] for nat in (first, second, again)]
    assert set(drawn[0]) == set(range(count))
    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1], "each worker draws its own"

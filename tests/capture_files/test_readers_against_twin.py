"""The compiled readers and their naive twin agree on every file, above all on broken ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture_files import craft, naive, read
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAMES = [(1_700_000_000, 1, bytes(14)), (1_700_000_000, 999_999, bytes(range(60))), (4_294_967_295, 0, b"")]
CLASSIC = [
    craft.classic(FRAMES, order, magic, version=version)
    for order in "<>"
    for magic in (craft.MICROSECONDS, craft.NANOSECONDS, craft.MODIFIED)
    for version in ((2, 4), (2, 3), (2, 2))
]
PCAPNG = [craft.every_kind_of_block("<") + craft.every_kind_of_block(">"), craft.every_kind_of_block(">")]
FILES = CLASSIC + PCAPNG


@pytest.mark.parametrize("whole", FILES)
def test_whole_files(whole: bytes) -> None:
    assert read.index(whole) == naive.index(whole)


@pytest.mark.parametrize("whole", FILES)
def test_an_index_that_fills_up_is_gone_on_with(whole: bytes) -> None:
    assert read.index(whole, at_once=1) == naive.index(whole)


@pytest.mark.parametrize("whole", [CLASSIC[0], CLASSIC[-1], *PCAPNG])
def test_every_truncation(whole: bytes) -> None:
    start = 4 if whole in PCAPNG else 24
    for length in range(start, len(whole), scaled(1, jit_off=7)):
        assert read.index(whole[:length]) == naive.index(whole[:length]), f"cut to {length} bytes"


@pytest.mark.parametrize("whole", [CLASSIC[0], CLASSIC[-1], PCAPNG[0]])
def test_every_flipped_bit(whole: bytes) -> None:
    start = 4 if whole in PCAPNG else 24
    for bit in range(8 * start, 8 * len(whole), scaled(1, jit_off=101)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        assert read.index(bytes(flipped)) == naive.index(bytes(flipped)), f"bit {bit} flipped"


WORDS = st.sampled_from([0, 1, 2, 3, 4, 6, 12, 16, 20, 28, 32, 40, 0x0A0D0D0A, 262_144, 262_145, 2**31, 2**32 - 1])
EDITS = st.lists(st.tuples(st.integers(0, 2**16), WORDS, st.sampled_from(["little", "big"])), max_size=6)


@given(st.sampled_from(FILES), EDITS, st.binary(max_size=40), st.integers(1, 5))
def test_edited_files(whole: bytes, edits: list[tuple[int, int, str]], tail: bytes, at_once: int) -> None:
    edited = bytearray(whole)
    start = 4 if whole in PCAPNG else 24
    for where, word, order in edits:
        at = start + where % (len(whole) - start)
        edited[at : at + 4] = word.to_bytes(4, order)  # type: ignore[arg-type]
    broken = bytes(edited) + tail
    assert read.index(broken, at_once) == naive.index(broken)

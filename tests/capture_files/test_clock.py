"""Ticks of a pcapng interface become nanoseconds, exactly, for every resolution there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.ports.pcap.clock import nanoseconds_of, set_resolution
from dataplane.ports.pcap.tables import make_interfaces
from tests.capture_files import naive

pytestmark = pytest.mark.kernel


def scaled_ticks(ticks: int, resolution: int) -> int:
    interface = make_interfaces(1)[0]
    with np.errstate(over="ignore"):
        set_resolution(interface, resolution)
        return int(nanoseconds_of(interface, np.uint64(ticks)))


@pytest.mark.parametrize(
    ("resolution", "ticks", "expected"),
    [
        (6, 1_500_000, 1_500_000_000),
        (9, 7, 7),
        (0, 3, 3_000_000_000),
        (3, 1, 1_000_000),
        (12, 1_999, 1),
        (28, 2**64 - 1, 1),
        (29, 2**64 - 1, 0),
        (127, 2**64 - 1, 0),
        (0x80, 5, 5_000_000_000),
        (0x80 | 1, 1, 500_000_000),
        (0x80 | 10, 1024 + 1, 1_000_976_562),
        (0x80 | 32, (3 << 32) + (1 << 31), 3_500_000_000),
        (0x80 | 64, 2**63, 500_000_000),
        (0x80 | 127, 2**64 - 1, 0),
    ],
)
def test_resolutions(resolution: int, ticks: int, expected: int) -> None:
    assert scaled_ticks(ticks, resolution) == expected


@given(st.integers(0, 255), st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**64 - 1])))
def test_any_resolution_is_exact_modulo_64_bits(resolution: int, ticks: int) -> None:
    assert scaled_ticks(ticks, resolution) == naive.nanoseconds(ticks, resolution, 0)

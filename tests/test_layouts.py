"""Layouts of shared memory: every offset as it is pinned, every record where loads of its fields are aligned."""

import numpy as np
import pytest

from tests.layouts import PINNED, describe_layouts, dtypes

each_dtype = pytest.mark.parametrize("dtype", [pytest.param(dtype, id=name) for name, dtype in dtypes().items()])


def test_layouts_are_the_pinned_ones() -> None:
    assert describe_layouts() == PINNED.read_text(), "if that is meant: python -m tests.layouts"


PACKED_BY_THE_KERNEL = ("dataplane.ports.tables.EPOLL_EVENT_DTYPE",)
"""struct epoll_event is packed on this architecture (linux/eventpoll.h)."""


@pytest.mark.parametrize(
    "dtype", [pytest.param(dtype, id=name) for name, dtype in dtypes().items() if name not in PACKED_BY_THE_KERNEL]
)
def test_fields_are_aligned(dtype: np.dtype) -> None:
    assert dtype.itemsize % dtype.alignment == 0
    for field, offset in ((dtype.fields[name][0], dtype.fields[name][1]) for name in dtype.names or ()):
        assert offset % field.base.alignment == 0


@each_dtype
def test_numbers_are_of_this_machine(dtype: np.dtype) -> None:
    """Tables hold numbers in the machine's byte order; only frames are big-endian."""
    for name in dtype.names or ():
        assert dtype.fields[name][0].base.isnative

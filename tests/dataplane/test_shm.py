"""Shared memory: what one process writes another reads, wrong layouts are refused, nothing stays behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataplane.layout import LINE_BYTES
from dataplane.shm import (
    HEADER_BYTES,
    LayoutError,
    Region,
    attach_region,
    create_region,
    layout_digest,
    read_parameters,
)
from dataplane.state import Capacities, attach_state, create_state
from tests.sources import ROOT

RECORD = np.dtype([("count", "u4"), ("names", "u8", (3,))], align=True)
SECTIONS = {"records": (RECORD, (5,)), "bytes": (np.dtype("u1"), (7,)), "grid": (np.dtype("u2"), (2, 9))}
PARAMETERS = {"records": 5}


@pytest.fixture
def region() -> Iterator[Region]:
    made = create_region(SECTIONS, PARAMETERS, shared=True)
    yield made
    os.close(made.fd)


@pytest.mark.parametrize("shared", [True, False])
def test_arrays_begin_zeroed_each_on_a_line_of_its_own(shared: bool) -> None:
    region = create_region(SECTIONS, PARAMETERS, shared)
    addresses = [array.ctypes.data for array in region.arrays.values()]
    assert [address % LINE_BYTES for address in addresses] == [0, 0, 0]
    assert addresses == sorted(addresses)
    for name, (dtype, shape) in SECTIONS.items():
        array = region.arrays[name]
        assert (array.dtype, array.shape) == (dtype, shape)
        assert not array.view(np.uint8).any()
        array.view(np.uint8)[...] = 0xFF
    assert region.arrays["records"][4].names[2] == 2**64 - 1, "records read as kernels read them"
    assert (region.fd >= 0) == shared
    if shared:
        assert read_parameters(region.fd) == PARAMETERS, "no array reaches into the header"
        os.close(region.fd)


def test_two_mappings_are_one_memory(region: Region) -> None:
    other = attach_region(region.fd, SECTIONS)
    region.arrays["records"][2].count = 77
    other.arrays["grid"][1, 8] = 9
    assert other.arrays["records"][2].count == 77
    assert region.arrays["grid"][1, 8] == 9
    assert (other.parameters, other.size) == (PARAMETERS, region.size)


def test_another_process_attaches_by_the_descriptor() -> None:
    state, region = create_state(Capacities(fdb=100), workers=2, shared=True)
    state.fdb_head[0].next_swept = 42
    code = f"""
from dataplane.state import attach_state
state, region = attach_state({region.fd})
assert (region.parameters["workers"], region.parameters["fdb"], region.parameters["flows"]) == (2, 100, 4096)
assert len(state.port_counters) == 2
state.control[0].active[0] = state.fdb_head[0].next_swept
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, pass_fds=[region.fd], check=True, timeout=60)
    assert state.control[0].active[0] == 42
    os.close(region.fd)


CHANGES: dict[str, Any] = {
    "a name": {"record": SECTIONS["records"], "bytes": SECTIONS["bytes"], "grid": SECTIONS["grid"]},
    "an order": dict(reversed(SECTIONS.items())),
    "a shape": SECTIONS | {"grid": (np.dtype("u2"), (9, 2))},
    "a type": SECTIONS | {"grid": (np.dtype("i2"), (2, 9))},
    "a field's name": SECTIONS | {"records": (np.dtype([("counts", "u4"), ("names", "u8", (3,))], align=True), (5,))},
    "a field's place": SECTIONS | {"records": (np.dtype([("names", "u8", (3,)), ("count", "u4")], align=True), (5,))},
    "padding": SECTIONS | {"records": (np.dtype([("count", "u4"), ("names", "u8", (3,))]), (5,))},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_layout_is_refused(change: str, region: Region) -> None:
    assert layout_digest(CHANGES[change]) != layout_digest(SECTIONS)
    with pytest.raises(LayoutError, match="another version"):
        attach_region(region.fd, CHANGES[change])


def test_memory_of_another_size_is_refused(region: Region) -> None:
    os.ftruncate(region.fd, region.size - 1)
    with pytest.raises(LayoutError, match=f"{region.size - 1} bytes, expected {region.size}"):
        attach_region(region.fd, SECTIONS)
    os.ftruncate(region.fd, region.size)
    attach_region(region.fd, SECTIONS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"{}",
        b"[]",
        b"null",
        b'{"parameters": 3}',
        b'{"parameters": {"workers": "many"}}',
        b"\0" * 5000,
    ],
)
def test_what_has_no_header_is_refused(content: bytes) -> None:
    fd = os.memfd_create("garbage")
    try:
        os.write(fd, content)
        with pytest.raises(LayoutError, match="header"):
            attach_state(fd)
    finally:
        os.close(fd)


def test_what_is_no_file_is_refused() -> None:
    reading, writing = os.pipe()
    try:
        for fd in (reading, writing):
            with pytest.raises(LayoutError, match="header"):
                read_parameters(fd)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_region_of_something_else_is_no_fabric(region: Region) -> None:
    with pytest.raises(LayoutError, match="no fabric of this version"):
        attach_state(region.fd)


def test_parameters_that_do_not_fit_the_header_are_refused() -> None:
    with pytest.raises(LayoutError, match="does not fit"):
        create_region(SECTIONS, {f"parameter{k}": k for k in range(HEADER_BYTES)}, shared=False)


@pytest.mark.parametrize("workers", [0, 5])
def test_tables_are_for_a_few_workers(workers: int) -> None:
    with pytest.raises(ValueError, match="workers: expected 1 to 4"):
        create_state(Capacities(fdb=10), workers=workers, shared=False)


def test_nothing_is_left_behind_however_a_process_ends() -> None:
    """The memory has no name: it is in no file system, and gone with the last process that holds it."""
    code = """
import os, signal
from dataplane.state import Capacities, create_state
state, region = create_state(Capacities(fdb=10), workers=1, shared=True)
print(os.readlink(f"/proc/self/fd/{region.fd}"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    before = set(Path("/dev/shm").iterdir())
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == -9
    assert ended.stdout.startswith("/memfd:tapestry")
    assert set(Path("/dev/shm").iterdir()) <= before


def test_hash_secrets_are_drawn_anew_but_for_a_seed() -> None:
    drawn = {int(create_state(Capacities(10), 1, False)[0].fdb_head[0].multiplier) for _ in range(4)}
    assert len(drawn) == 4
    assert all(multiplier % 2 for multiplier in drawn)
    seeded = {int(create_state(Capacities(10), 1, False, seed=5)[0].fdb_head[0].multiplier) for _ in range(2)}
    assert len(seeded) == 1

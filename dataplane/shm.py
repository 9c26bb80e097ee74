"""Memory that outlives a process: one anonymous file (memfd) that holds every table, shared by passing its descriptor.

The file has no name in any file system, so nothing is left behind however its owners end. Its first page says which
layout it has; a process built from other sources refuses to attach. Without ``shared`` the same arrays lie in private
memory, for replay and tests.
"""

import contextlib
import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.layout import LINE_BYTES

HEADER_BYTES = 4096
Sections = Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]


class LayoutError(Exception):
    """The memory was laid out by another version."""


@dataclass(frozen=True)
class Region:
    """Named arrays in one piece of memory. ``fd`` is the memfd, or -1 for private memory."""

    arrays: dict[str, Any]
    parameters: dict[str, int]
    fd: int
    size: int


def layout_digest(sections: Sections) -> str:
    """Return a digest of names, dtypes and shapes, which is the version of the layout."""
    described = [(name, repr(np.lib.format.dtype_to_descr(dtype)), shape) for name, (dtype, shape) in sections.items()]
    return hashlib.blake2b(repr(described).encode(), digest_size=16).hexdigest()


def create_region(sections: Sections, parameters: dict[str, int], shared: bool) -> Region:
    """Lay out zeroed arrays; ``parameters`` are what ``sections`` was computed from, kept for whoever attaches."""
    size = _offsets(sections)[1]
    header = json.dumps({"layout": layout_digest(sections), "parameters": parameters}).encode()
    if len(header) >= HEADER_BYTES:
        raise LayoutError(f"a header of {len(header)} bytes does not fit its page")
    if not shared:
        memory = mmap.mmap(-1, size)
        fd = -1
    else:
        fd = os.memfd_create("tapestry")
        os.ftruncate(fd, size)
        memory = mmap.mmap(fd, size)
    memory[: len(header)] = header
    return Region(_views(memory, sections), parameters, fd, size)


def read_parameters(fd: int) -> dict[str, int]:
    """Return the parameters kept in the first page of a region; LayoutError if there are none."""
    try:
        return {name: int(value) for name, value in _read_header(fd)["parameters"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LayoutError("the memory does not begin with a header that can be read") from error


def attach_region(fd: int, sections: Sections, private: bool = False) -> Region:
    """Map a region that another process made; LayoutError if its layout is not ``sections``.

    ``private``: what is written there nobody else sees, and ``fd`` is not kept.
    """
    parameters = read_parameters(fd)
    if _read_header(fd).get("layout") != layout_digest(sections):
        raise LayoutError("the memory was laid out by another version of tapestry: stop it and start it again")
    size = _offsets(sections)[1]
    found = os.fstat(fd).st_size
    if found != size:
        raise LayoutError(f"the memory has {found} bytes, expected {size}")
    if private:
        return Region(_views(mmap.mmap(fd, size, access=mmap.ACCESS_COPY), sections), parameters, -1, size)
    return Region(_views(mmap.mmap(fd, size), sections), parameters, fd, size)


def _read_header(fd: int) -> dict[str, Any]:
    try:
        document = json.loads(os.pread(fd, HEADER_BYTES, 0).rstrip(b"\0"))
    except (OSError, ValueError) as error:
        raise LayoutError("the memory does not begin with a header that can be read") from error
    return document if isinstance(document, dict) else {}


def _offsets(sections: Sections) -> tuple[dict[str, int], int]:
    offsets = {}
    end = HEADER_BYTES
    for name, (dtype, shape) in sections.items():
        offsets[name] = end
        size = dtype.itemsize * int(np.prod(shape))
        end += -(-size // LINE_BYTES) * LINE_BYTES
    return offsets, end


def _views(memory: mmap.mmap, sections: Sections) -> dict[str, Any]:
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # A kernel without huge pages for this kind of memory serves small ones.
            memory.madvise(mmap.MADV_HUGEPAGE)
    offsets, _ = _offsets(sections)
    views = {}
    for name, (dtype, shape) in sections.items():
        array = np.frombuffer(memory, dtype, int(np.prod(shape)), offsets[name]).reshape(shape)
        views[name] = array.view(np.recarray) if dtype.names else array
    return views

"""Run the compiled readers over bytes, with an index of a given size at a time."""

from typing import Any

import numpy as np

from dataplane.ports.pcap import files, tables
from tests.capture_files.naive import Index


def index(data: bytes, at_once: int = 64) -> Index:
    """What the kernels make of ``data``, in the twin's own words."""
    array = files.read_only(data)
    reader, interfaces = tables.make_reader(), tables.make_interfaces(32)
    run = files.open_format(array, "test", interfaces, reader)
    frames: list[tuple[int, int, int, int, int]] = []
    with np.errstate(over="ignore"):
        while True:
            part = tables.make_frames(at_once)
            filled = run(array, part, interfaces, reader)
            frames += [row(frame) for frame in part[:filled]]
            if reader.outcome != tables.INDEX_FULL:
                break
    link_types = [int(kind) for kind in interfaces.link_type[: reader.interfaces]]
    return Index(frames, int(reader.outcome), int(reader.position), link_types)


def row(frame: Any) -> tuple[int, int, int, int, int]:
    return (
        int(frame.timestamp_ns),
        int(frame.offset),
        int(frame.captured_bytes),
        int(frame.original_bytes),
        int(frame.input),
    )

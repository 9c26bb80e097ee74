"""What every workload is made of: a fabric, frames for it, and the parameters that a user may set."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from control.fabric import Fabric
from dataplane.layout import LINE_BYTES
from dataplane.ports.pcap.tables import FRAME_DTYPE

CALM_FRAMES = 16384
"""Few flows are repeated up to this many frames, so that a round is long enough to be measured."""


@dataclass(frozen=True)
class Parameters:
    """What a user may set; ``flows`` are source and destination pairs, ``vector`` is frames a vector, ``rules`` are the
    policies'."""

    flows: int = 16384
    frame_bytes: int = 64
    workers: int = 1
    vector: int = 256
    rules: int = 1000


@dataclass(frozen=True)
class Workload:
    """A fabric in the state that it is to be measured in, and one round of frames for each worker.

    ``opening`` is carried once before; a round is ``round_ns`` later than the one before.
    """

    name: str
    fabric: Fabric
    rounds: list[tuple[Any, Any]]
    opening: tuple[Any, Any] | None = None
    round_ns: int = 1_000_000


def lay_out_frames(headers: Any, in_ports: Any, frame_bytes: int) -> tuple[Any, Any]:
    """Return an index (FRAME_DTYPE) and its data: ``headers`` (uint8, frames by bytes) padded with zeros.

    All frames have one time; a round is moved on in time as a whole.
    """
    count, header_bytes = headers.shape
    stride = -(-frame_bytes // LINE_BYTES) * LINE_BYTES
    data = np.zeros((count, stride), np.uint8)
    data[:, : min(header_bytes, frame_bytes)] = headers[:, :frame_bytes]
    frames = np.zeros(count, FRAME_DTYPE).view(np.recarray)
    frames["offset"] = np.arange(count, dtype=np.uint64) * np.uint64(stride)
    frames["captured_bytes"] = frame_bytes
    frames["original_bytes"] = frame_bytes
    frames["input"] = in_ports
    return frames, data.reshape(-1)

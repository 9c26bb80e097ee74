"""The frames of all inputs in the order of their time, in windows that the compiled loop can read.

Frames of one time come in the order of their ports' names, then of their place in the file; a file need not be in the
order of time inside. One input is read where it lies. The frames of several are copied together, a window at a time, so
that the loop reads one array whatever the number of files.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.ports.pcap.files import Capture, read_only
from dataplane.ports.pcap.replay.kernels import stage_frames
from dataplane.ports.pcap.tables import MAX_CAPTURED_BYTES

WINDOW_FRAMES: Final = 1 << 16
STAGING_BYTES: Final = 4 << 20

assert STAGING_BYTES >= MAX_CAPTURED_BYTES


class Window(NamedTuple):
    """Some of the frames: a recarray of FRAME_DTYPE, sorted by time, its ``input`` a port's index; the bytes of all."""

    frames: Any
    data: Any


class Feed:
    """All frames, for as many rounds as are asked for. ``captures`` are by port, in the order of the ports' names.

    ``seconds`` is the time that was spent on bringing frames of several files together.
    """

    def __init__(self, captures: Mapping[int, Capture], timer: Callable[[], float] = time.perf_counter) -> None:
        self.timer = timer
        self.seconds = 0.0
        for port, capture in captures.items():
            capture.frames.input = port
        self.data = {port: capture.data for port, capture in captures.items()}
        self.index = join_indices([capture.frames for capture in captures.values()])
        is_sorted = len(captures) == 1 and all(capture.in_order for capture in captures.values())
        self.order = None if is_sorted else np.argsort(np.ascontiguousarray(self.index.timestamp_ns), kind="stable")
        self.staging = np.empty(STAGING_BYTES if len(captures) > 1 else 0, np.uint8)
        for data in self.data.values():
            stage_frames(self.index[:0], 0, data, self.staging)  # compiles it, if need be, before time counts

    @property
    def first_ns(self) -> int:
        """The time of the first frame; there must be one."""
        return int(self.index.timestamp_ns[0 if self.order is None else self.order[0]])

    @property
    def last_ns(self) -> int:
        """The time of the last frame; there must be one."""
        return int(self.index.timestamp_ns[-1 if self.order is None else self.order[-1]])

    @property
    def captured_bytes(self) -> int:
        """How many bytes the frames have together."""
        return int(self.index.captured_bytes.sum(dtype=np.int64))

    def windows(self) -> Iterator[Window]:
        """Yield all frames once; a window holds good until the next is asked for."""
        first = 0
        while first < len(self.index):
            begun = self.timer()
            window = self._window_from(first)
            self.seconds += self.timer() - begun
            yield window
            first += len(window.frames)

    def _window_from(self, first: int) -> Window:
        if self.order is None:
            frames = self.index[first : first + WINDOW_FRAMES]
        else:
            frames = self.index[self.order[first : first + WINDOW_FRAMES]]
        if len(self.data) == 1:
            return Window(frames, *self.data.values())
        fitting = int(np.searchsorted(np.cumsum(frames.captured_bytes, dtype=np.int64), STAGING_BYTES, side="right"))
        frames = frames[:fitting]
        for port, data in self.data.items():
            stage_frames(frames, port, data, self.staging)
        return Window(frames, read_only(self.staging))


def join_indices(indices: list[Any]) -> Any:
    """Return several indices as one; a single one as it is."""
    return indices[0] if len(indices) == 1 else np.concatenate(indices).view(np.recarray)

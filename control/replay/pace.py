"""When frames are sent: as fast as the pipeline takes them, or each when its time has come."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

NANOSECONDS = 1_000_000_000


class Pace(Protocol):
    """Says how many frames may go now."""

    def frames_due(self, times_ns: Any, first: int, idle: Callable[[], None]) -> int:
        """Return the index behind the last of ``times_ns`` (uint64, sorted) that is due, more than ``first``.

        If none is due yet, call ``idle`` and wait first.
        """


class AsFastAsPossible:
    """All frames are due."""

    def frames_due(self, times_ns: Any, first: int, idle: Callable[[], None]) -> int:
        return len(times_ns)


class RealTime:
    """Frames are as far apart as their timestamps; the first one is due at once."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.origin_ns: int | None = None
        self.begun_s = 0.0

    def frames_due(self, times_ns: Any, first: int, idle: Callable[[], None]) -> int:
        if self.origin_ns is None:
            self.origin_ns, self.begun_s = int(times_ns[first]), self.clock()
        wait_s = (int(times_ns[first]) - self.origin_ns) / NANOSECONDS - (self.clock() - self.begun_s)
        if wait_s > 0:
            idle()
            self.sleep(wait_s)
        passed_ns = int((self.clock() - self.begun_s) * NANOSECONDS)
        due = int(np.searchsorted(times_ns, np.uint64(self.origin_ns + passed_ns), side="right"))
        return max(due, first + 1)

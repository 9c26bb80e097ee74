"""Lay out a recording, and take out what is in it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from dataplane.ports.pcap.replay.tables import NO_PART, RECORDING_DTYPE, Recording

LARGEST_PART: Final = 1 << 20
SMALLEST_PART: Final = 1 << 16
ALL_PARTS: Final = 1 << 28


def make_recording(ports: Sequence[int]) -> Recording:
    """Return an empty recording of the ports with these indices; of none, it records nothing."""
    state = np.zeros(1, RECORDING_DTYPE).view(np.recarray)[0]
    state.part[:] = NO_PART
    for part, port in enumerate(ports):
        state.part[port] = part
    state.part_bytes = max(SMALLEST_PART, min(LARGEST_PART, ALL_PARTS // max(1, len(ports))))
    return Recording(np.empty(len(ports) * int(state.part_bytes), np.uint8), state)


def empty_recording(recording: Recording, ports: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Yield each port with its records (uint8, to be used at once), and leave the recording empty."""
    state = recording.state
    for part, port in enumerate(ports):
        start = part * int(state.part_bytes)
        used = int(state.used[part])
        if used:
            yield port, recording.buffer[start : start + used]
            state.used[part] = 0
    state.fullest = 0

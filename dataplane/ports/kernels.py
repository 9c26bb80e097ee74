"""What all kinds of devices share."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.libc import EBADF, EBADFD, ECONNRESET, ENETDOWN, ENODEV, ENXIO, EPIPE
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, SPILL_BYTES


@inlined
def finish_received(vector: Any, i: int, port: int, length: int, now_ns: int) -> None:
    """Fill the columns of frame ``i``, whose ``length`` bytes lie at the start of its slot's frame area and its
    spill."""
    head = min(length, HEAD_BYTES)
    vector.head_at[i] = i * SLOT_BYTES + FRAME_AT
    vector.head_length[i] = head
    vector.tail_length[i] = length - head
    vector.length[i] = length
    vector.in_port[i] = port
    vector.timestamp_ns[i] = now_ns


@inlined
def point_iovecs(iovecs: Any, vector: Any, arena: Any, i: int, virtio_bytes: int) -> None:
    """Point three iovecs, six words, at frame ``i``: its virtio-net header, head and tail."""
    heads = np.uint64(arena.heads.ctypes.data)
    iovecs[0] = heads + np.uint64(i * SLOT_BYTES)
    iovecs[1] = virtio_bytes
    iovecs[2] = heads + np.uint64(vector.head_at[i])
    iovecs[3] = vector.head_length[i]
    iovecs[4] = np.uint64(arena.tails.ctypes.data) + np.uint64(i * SPILL_BYTES)
    iovecs[5] = vector.tail_length[i]


@inlined
def means_gone(error: int) -> bool:
    """Whether a write that failed with this errno met no device any more; others refuse the one frame."""
    return error in (EBADF, EBADFD, ENODEV, ENXIO, ENETDOWN, EPIPE, ECONNRESET)


@kernel
def fail_device(devices: Any, port: int, error: int) -> None:
    """Mark a device as gone with errno ``error``; whoever runs the loop takes it out and tells the agent."""
    if devices.ports[port].failed == 0:
        devices.ports[port].failed = error
        devices.failures += 1

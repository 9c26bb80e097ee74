"""What a worker knows of its own devices. Private to the worker: nothing here is shared."""

import platform
from typing import Any, Final

import numpy as np

from dataplane.vector import FRAME_AT, HEAD_BYTES, MAX_PORTS, SLOT_BYTES, SPILL_BYTES, VIRTIO_BYTES, Arena

NO_DEVICE: Final = 0
TAP: Final = 1
NIC: Final = 2
VTEP: Final = 3

MAX_DESCRIPTORS: Final = 65536
MAX_EVENTS: Final = 64
MESSAGES: Final = 64
"""How many frames go to a packet socket in one system call."""

IOVECS_PER_FRAME: Final = 3
"""struct iovec[3], two words each: virtio-net header, head, tail."""

_EVENT_DATA_AT = 4 if platform.machine() == "x86_64" else 8
EPOLL_EVENT_DTYPE: Final = np.dtype(
    {
        "names": ["events", "descriptor"],
        "formats": ["u4", "u4"],
        "offsets": [0, _EVENT_DATA_AT],
        "itemsize": _EVENT_DATA_AT + 8,
    }
)
"""struct epoll_event, which is packed on x86-64 and on no other machine. Of the 64 bits of data the descriptor is the
lower half; ``select.epoll`` leaves the upper half undefined."""

MMSGHDR_DTYPE: Final = np.dtype(
    [
        ("name", "u8"),
        ("name_length", "u8"),
        ("iov", "u8"),
        ("iov_length", "u8"),
        ("control", "u8"),
        ("control_length", "u8"),
        ("message_traits", "u8"),
        ("sent_bytes", "u8"),
    ]
)
"""struct mmsghdr of 64-bit Linux, each field widened over its padding."""

DEVICE_DTYPE: Final = np.dtype(
    [
        ("kind", "u1"),
        ("failed", "i4"),
        ("descriptor", "i4"),
        # The packet ring of a NIC: where it is mapped, its slots, and the slot to be read next.
        ("ring", "u8"),
        ("slot_bytes", "u4"),
        ("slots", "u4"),
        ("next_slot", "u4"),
    ],
    align=True,
)
"""One port's device; ``failed`` is the errno that ended it, 0 while it serves."""

DEVICES_DTYPE: Final = np.dtype(
    [
        ("epoll", "i4"),
        ("vector_limit", "i8"),
        ("failures", "i8"),
        ("tick", "u8"),
        ("timespec", "i8", (2,)),
        ("port_of_descriptor", "u2", (MAX_DESCRIPTORS,)),
        ("ports", DEVICE_DTYPE, (MAX_PORTS,)),
        ("events", EPOLL_EVENT_DTYPE, (MAX_EVENTS,)),
        ("messages", MMSGHDR_DTYPE, (MESSAGES,)),
        ("send_iovecs", "u8", (MESSAGES, 2 * IOVECS_PER_FRAME)),
    ],
    align=True,
)
"""All of a worker's devices, and scratch for its system calls. ``failures`` counts devices that failed since somebody
looked; ``tick`` is the last tick whose housekeeping is done."""


def make_devices() -> Any:
    """Return the record of a worker without devices."""
    return np.zeros(1, DEVICES_DTYPE).view(np.recarray)[0]


def make_receive_iovecs(arena: Arena, frames: int) -> Any:
    """Return the iovecs by which ``readv`` fills each of ``frames`` slots; uint64 of shape (frames, 6)."""
    iovecs = np.empty((frames, 2 * IOVECS_PER_FRAME), np.uint64)
    slots = np.arange(frames, dtype=np.uint64)
    heads = np.uint64(arena.heads.ctypes.data) + slots * np.uint64(SLOT_BYTES)
    iovecs[:, 0] = heads
    iovecs[:, 1] = VIRTIO_BYTES
    iovecs[:, 2] = heads + np.uint64(FRAME_AT)
    iovecs[:, 3] = HEAD_BYTES
    iovecs[:, 4] = np.uint64(arena.tails.ctypes.data) + slots * np.uint64(SPILL_BYTES)
    iovecs[:, 5] = SPILL_BYTES
    return iovecs

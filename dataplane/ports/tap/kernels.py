"""TAP devices: frames in and out, each behind a 12-byte virtio-net header."""

from typing import Any

from dataplane.jit import kernel
from dataplane.libc import EAGAIN, EINTR, EPIPE, last_error, readv, writev
from dataplane.ports.kernels import fail_device, finish_received, means_gone, point_iovecs
from dataplane.ports.tables import IOVECS_PER_FRAME
from dataplane.vector import VIRTIO_BYTES


@kernel
def receive_tap(devices: Any, port: int, vector: Any, iovecs: Any, now_ns: int) -> None:
    """Append to the vector what the TAP has, as far as there is room.

    Reads: the device. Writes: the columns that receiving owns (see ``finish_received``) and vector.count. A device
    that is gone is marked as failed.
    """
    device = devices.ports[port]
    while vector.count < devices.vector_limit:
        i = vector.count
        got = readv(device.descriptor, iovecs[i].ctypes.data, IOVECS_PER_FRAME)
        if got <= 0:
            error = last_error() if got < 0 else EPIPE  # Nothing at all, not even a header: the other end has hung up.
            if error == EINTR:
                continue
            if error != EAGAIN:
                fail_device(devices, port, error)
            return
        finish_received(vector, i, port, max(0, got - VIRTIO_BYTES), now_ns)
        vector.count += 1


@kernel
def send_tap(devices: Any, port: int, vector: Any, arena: Any, i: int) -> bool:
    """Write frame ``i`` to the TAP; False if it was refused (link down: EIO; bad header: EINVAL) or the device is
    gone."""
    device = devices.ports[port]
    point_iovecs(devices.send_iovecs[0], vector, arena, i, VIRTIO_BYTES)
    while True:
        if writev(device.descriptor, devices.send_iovecs.ctypes.data, IOVECS_PER_FRAME) >= 0:
            return True
        error = last_error()
        if error == EINTR:
            continue
        if means_gone(error):
            fail_device(devices, port, error)
        return False

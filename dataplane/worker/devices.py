"""The worker's devices as Python sees them: opened, closed and taken out of the loop, between bursts."""

import errno
import mmap
import os
import select
import socket
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.ports.tables import MAX_DESCRIPTORS, NIC, NO_DEVICE, TAP
from dataplane.vector import MAX_PORTS
from dataplane.worker.messages import PortRequest

KINDS = {"tap": TAP, "nic": NIC}
NO_PORT = MAX_PORTS
"""What ``port_of_descriptor`` says of a descriptor that is no port's: the agent's sockets."""


@dataclass
class Device:
    """One open port: its descriptor, and what the agent said of it."""

    descriptor: int
    kind: str
    receives: bool
    options: dict[str, Any]
    ring: mmap.mmap | None = None


def pending_error(device: Device) -> int:
    """Return the errno that a packet socket keeps for whoever asks (its interface went down), or 0."""
    if device.kind != "nic":
        return 0
    with socket.socket(fileno=os.dup(device.descriptor)) as packet_socket:
        return packet_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class Devices:
    """All of them, and the record of them that the compiled loop reads."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.record.port_of_descriptor[:] = NO_PORT
        self.epoll = select.epoll()
        self.record.epoll = self.epoll.fileno()
        self.open: dict[int, Device] = {}

    def watch_socket(self, descriptor: int) -> None:
        """Let the loop return when a socket of the agent's is readable."""
        self.record.port_of_descriptor[descriptor] = NO_PORT
        self.epoll.register(descriptor, select.EPOLLIN)

    def forget_socket(self, descriptor: int) -> None:
        """Undo ``watch_socket``."""
        self.epoll.unregister(descriptor)

    def open_port(self, request: PortRequest, descriptor: int) -> None:
        """Take a device over, instead of the port's present one; OSError if it cannot be used.

        The descriptor belongs to the devices from now on, and is closed if that fails.
        """
        self.close_port(request.index)
        device = Device(descriptor, request.kind, request.receives, request.options)
        row = self.record.ports[request.index]
        try:
            if descriptor >= MAX_DESCRIPTORS:
                raise OSError(errno.EMFILE, "too many open descriptors")
            if request.kind == "nic":
                self._map_ring(row, device)
            os.set_blocking(descriptor, False)
            if request.receives:
                self.epoll.register(descriptor, select.EPOLLIN)
        except OSError:
            os.close(descriptor)
            raise
        self.record.port_of_descriptor[descriptor] = request.index
        row.descriptor = descriptor
        row.failed = 0
        row.kind = KINDS[request.kind]
        self.open[request.index] = device

    def _map_ring(self, row: Any, device: Device) -> None:
        options = device.options
        slots_per_block = options["block_size"] // options["frame_size"]
        size = options["frame_count"] // slots_per_block * options["block_size"]
        try:
            device.ring = mmap.mmap(device.descriptor, size)
        except (ValueError, OverflowError) as error:
            raise OSError(errno.EINVAL, f"no ring of {size} bytes: {error}") from error
        row.ring = np.frombuffer(device.ring, np.uint8).ctypes.data
        row.slot_bytes = options["frame_size"]
        row.slots = options["frame_count"]
        row.next_slot = 0

    def close_port(self, index: int) -> None:
        """Let go of a device, if there is one."""
        device = self.open.pop(index, None)
        if device is None:
            return
        self.record.ports[index].kind = NO_DEVICE
        self.record.port_of_descriptor[device.descriptor] = NO_PORT
        if device.receives:  # The agent holds the device too: closing alone would leave it in the set.
            self.epoll.unregister(device.descriptor)
        os.close(device.descriptor)

    def take_failed(self) -> list[tuple[int, int]]:
        """Close the devices that failed since the last call; return (index, errno) of each."""
        failed = [
            (index, pending_error(device) or int(self.record.ports[index].failed))
            for index, device in self.open.items()
            if self.record.ports[index].failed
        ]
        for index, _ in failed:
            self.close_port(index)
        self.record.failures = 0
        return failed

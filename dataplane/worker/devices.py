"""The worker's devices as Python sees them: opened, closed and taken out of the loop, between bursts."""

import errno
import mmap
import os
import select
import socket
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.ports.tables import MAX_DESCRIPTORS, NIC, NO_DEVICE, TAP, VTEP
from dataplane.ports.vtep.tables import SENDERS
from dataplane.vector import MAX_PORTS
from dataplane.worker.messages import PortRequest, close_all

KINDS = {"tap": TAP, "nic": NIC, "vtep": VTEP}
NO_PORT = MAX_PORTS
"""What ``port_of_descriptor`` says of a descriptor that is no port's: the agent's sockets."""


@dataclass
class Device:
    """One open port: its descriptors, and what the agent said of it."""

    descriptors: tuple[int, ...]
    kind: str
    receives: bool
    options: dict[str, Any]
    ring: mmap.mmap | None = None

    @property
    def descriptor(self) -> int:
        return self.descriptors[0]

    @property
    def readable(self) -> tuple[int, ...]:
        """The descriptors that frames come by: of a VTEP's sockets some, of other devices the only one."""
        return self.descriptors[: self.options.get("receivers", 1)]


def pending_error(device: Device) -> int:
    """Return the errno that a packet socket keeps for whoever asks (its interface went down), or 0."""
    if device.kind != "nic":
        return 0
    with socket.socket(fileno=os.dup(device.descriptor)) as packet_socket:
        return packet_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def port_of(descriptor: int) -> int:
    """Return the port that a UDP socket is bound to."""
    with socket.socket(fileno=os.dup(descriptor)) as sender:
        return int(sender.getsockname()[1])


class Devices:
    """All of them, and the records of them that the compiled loop reads: see ``Lane``."""

    def __init__(self, record: Any, vtep: Any) -> None:
        self.record = record
        self.vtep = vtep
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

    def open_port(self, request: PortRequest, *descriptors: int) -> None:
        """Take a device over, instead of the port's present one; OSError if it cannot be used.

        The descriptors belong to the devices from now on, and are closed if that fails.
        """
        self.close_port(request.index)
        device = Device(descriptors, request.kind, request.receives, request.options)
        row = self.record.ports[request.index]
        try:
            if max(descriptors) >= MAX_DESCRIPTORS:
                raise OSError(errno.EMFILE, "too many open descriptors")
            if request.kind == "nic":
                self._map_ring(row, device)
            if request.kind == "vtep":
                self._line_up_senders(device)
            for descriptor in descriptors:
                os.set_blocking(descriptor, False)
            if request.receives:
                self._watch_device(device)
        except OSError:
            close_all(device.descriptors)
            raise
        self.record.port_of_descriptor[list(device.readable)] = request.index
        row.descriptor = device.descriptor
        row.failed = 0
        row.kind = KINDS[request.kind]
        self.open[request.index] = device

    def _watch_device(self, device: Device) -> None:
        watched: list[int] = []
        try:
            for descriptor in device.readable:
                self.epoll.register(descriptor, select.EPOLLIN)
                watched.append(descriptor)
        except OSError:
            for descriptor in watched:  # The agent holds it too: closing alone would leave it in the set.
                self.epoll.unregister(descriptor)
            raise

    def _line_up_senders(self, device: Device) -> None:
        others = device.descriptors[len(device.readable) :]
        senders, uncut = others[:SENDERS], others[SENDERS:]
        self.vtep.senders[: len(senders)] = senders
        self.vtep.sender_ports[: len(senders)] = [port_of(sender) for sender in senders]
        self.vtep.uncut_descriptor = uncut[0] if uncut else -1
        self.vtep.uncut_mac = device.options.get("uncut_mac", 0)
        self.vtep.sender_count = len(senders)
        self.vtep.cuts = device.options["cuts"]
        self.vtep.filled = self.vtep.next_message = self.vtep.listed = self.vtep.next_listed = 0

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
        for descriptor in device.readable:
            self.record.port_of_descriptor[descriptor] = NO_PORT
            if device.receives:
                self.epoll.unregister(descriptor)
        close_all(device.descriptors)

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

"""A worker's compiled loop in this process: each port is one end of a socket pair, the test holds the other.

A pair of SOCK_SEQPACKET sockets keeps frames apart as a TAP does, and takes the same ``readv`` and ``writev``: a frame
behind 12 bytes of virtio-net header. ``turn`` runs the loop for one round, no longer: what stands for the agent's
socket has always something to say.
"""

import os
import socket
from collections.abc import Sequence
from types import TracebackType

from control.fabric import Fabric
from control.model import Configuration
from dataplane.ports.tables import MAX_EVENTS
from dataplane.vector import VIRTIO_BYTES
from dataplane.worker.devices import Devices
from dataplane.worker.kernels import CONTROL_READY, run_worker
from dataplane.worker.lane import make_lane
from dataplane.worker.messages import PortRequest

PLAIN = bytes(VIRTIO_BYTES)
"""The virtio-net header of a frame that is complete as it is."""
LARGEST = 1 << 17


class Rig:
    """A fabric, a worker's lane, and the far ends of its ports by name."""

    def __init__(self, configuration: Configuration, vector: int = 256) -> None:
        self.fabric = Fabric(configuration.limits, workers=configuration.workers)
        self.fabric.apply(configuration)
        self.lane = make_lane(self.fabric.state, 0, vector)
        self.devices = Devices(self.lane.devices, self.lane.vtep)
        self.far: dict[str, socket.socket] = {}
        self.agent = os.eventfd(1)
        self.devices.watch_socket(self.agent)
        for port in configuration.ports:
            self.plug_in(port.name)

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for index in list(self.devices.open):
            self.devices.close_port(index)
        for far in self.far.values():
            far.close()
        self.devices.epoll.close()
        os.close(self.agent)
        self.fabric.close()

    def plug_in(self, name: str, receives: bool = True) -> int:
        """Give the port a new socket pair and set its link up; return the worker's descriptor."""
        far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        far.setblocking(False)
        if name in self.far:
            self.far[name].close()
        self.far[name] = far
        descriptor = near.detach()
        self.devices.open_port(PortRequest(self.fabric.index_of(name), "tap", receives, {}), descriptor)
        self.fabric.set_link(name, up=True)
        return descriptor

    def send(self, name: str, *frames: bytes, virtio: bytes = PLAIN) -> None:
        """Let frames wait at a port for the worker to read them."""
        for frame in frames:
            self.far[name].send(virtio + frame)

    def received_with_headers(self, name: str) -> list[tuple[bytes, bytes]]:
        """Return what the worker has written to a port: header and frame of each."""
        found = []
        while True:
            try:
                message = self.far[name].recv(LARGEST)
            except BlockingIOError:
                return found
            if not message:
                return found  # the worker has closed its end
            found.append((message[:VIRTIO_BYTES], message[VIRTIO_BYTES:]))

    def received(self, name: str) -> list[bytes]:
        """Return the frames that the worker has written to a port."""
        return [frame for _, frame in self.received_with_headers(name)]

    def turn(self, rounds: int = 1) -> None:
        """Run the loop: in each round up to MAX_EVENTS devices are served, each as far as the vector has room."""
        for _ in range(rounds):
            assert run_worker(self.lane) == CONTROL_READY

    def switch(self, name: str, *frames: bytes) -> dict[str, list[bytes]]:
        """Send frames in by a port and return what has come out, ports without anything left out."""
        self.send(name, *frames)
        self.turn(1 + len(self.far) // MAX_EVENTS)
        out = {far: self.received(far) for far in self.far}
        return {far: found for far, found in out.items() if found}


def everywhere_but(rig: Rig, name: str, frames: Sequence[bytes]) -> dict[str, list[bytes]]:
    """Return what a flood brings out."""
    return {far: list(frames) for far in rig.far if far != name}

"""A VTEP's sockets in one namespace, driven by the worker's kernels in this process, and plain sockets in another.

with tunnel(4) as pair:                                   tunnel(6): the underlay is IPv6
    pair.tell("peer", peer=7, domain=1)
    pair.transmit(Frame(bytes, remote=7))
    pair.far.datagrams()
"""

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import numpy as np

from control.host.namespaces import run_in_namespace
from control.host.vtep import SO_RCVBUFFORCE, UDP_GRO, UDP_NO_CHECK6_RX, VtepSettings, open_vtep
from dataplane.jit import kernel
from dataplane.ports.vtep.kernels import receive_vtep
from dataplane.state import Capacities, create_state
from dataplane.transmit.kernels import transmit_vector
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, SPILL_BYTES
from dataplane.verdict import FORWARD
from dataplane.worker.devices import Devices
from dataplane.worker.lane import Lane, make_lane
from dataplane.worker.messages import PortRequest
from encap.tables import INHERIT
from tests.netns import Namespace, connect, namespaces, set_up

ADDRESSES = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
LENGTHS = {4: 24, 6: 64}
PORT = 3
"""The tunnel's number among the ports."""
VNI = 0x123456
DOMAIN = 5
HEADER = bytes([0x08, 0, 0, 0]) + VNI.to_bytes(3, "big") + b"\0"
"""RFC 7348 section 5: the I flag, the VNI, reserved zeros."""
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """One frame as receiving left it in the vector."""

    data: bytes
    sender: str
    outer_tos: int
    in_port: int
    virtio: bytes = bytes(12)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that stands in the tunnel's queue."""

    data: bytes
    remote: int
    group: int = 0
    domain: int = DOMAIN
    virtio: bytes = bytes(12)


@dataclass
class Far:
    """The other node: sockets that receive what is sent to it, by their address."""

    namespace: Namespace
    address: str
    sockets: dict[str, socket.socket] = field(default_factory=dict)

    def listen(self, address: str | None = None, port: int = 4789) -> socket.socket:
        """Return a socket that waits at an address of the other node."""
        at = address or self.address
        opened = run_in_namespace(self.namespace.name, lambda: udp_socket(at, port))
        self.sockets[at] = opened
        return opened

    def listen_for_pieces(self) -> socket.socket:
        """Let the other node's socket get datagrams that are alike in one piece, as the kernel has them."""
        self.sockets[self.address].setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        return self.sockets[self.address]

    def join(self, listening: socket.socket, group: str) -> None:
        """Let a socket get what is sent to a group on the underlay."""

        def join_here() -> None:
            index = socket.if_nametoindex("under0")
            if listening.family == socket.AF_INET:
                request = socket.inet_aton(group) + struct.pack("4xi", index)
                listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            else:
                request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("i", index)
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)

        run_in_namespace(self.namespace.name, join_here)

    def datagrams(self, count: int, address: str | None = None) -> list[bytes]:
        """Return the next ``count`` datagrams that come to an address."""
        return [self.sockets[address or self.address].recv(65536) for _ in range(count)]

    def is_silent(self, address: str | None = None) -> bool:
        """Whether nothing waits at an address."""
        waiting = self.sockets[address or self.address]
        waiting.setblocking(False)
        try:
            waiting.recv(65536)
        except BlockingIOError:
            return True
        finally:
            waiting.settimeout(PATIENCE_S)
        return False


class Tunnel:
    """The near side: a lane whose only device is the VTEP."""

    def __init__(self, near: Namespace, far: Far, settings: VtepSettings, vector: int) -> None:
        self.near = near
        self.far = far
        state, self.region = create_state(Capacities(fdb=1024), workers=1, shared=False, seed=1)
        self.lane: Lane = make_lane(state, 0, vector)
        self.devices = Devices(self.lane.devices, self.lane.vtep)
        opened = run_in_namespace(near.name, lambda: open_vtep(settings))
        self.opened = opened
        request = PortRequest(PORT, "vtep", True, dict(opened.options))
        self.devices.open_port(request, *opened.descriptors)
        overlay = state.overlay[0]
        own = int(ip_address(settings.address))
        overlay.address_high, overlay.address_low = own >> 64, own & (1 << 64) - 1
        overlay.udp_port, overlay.ttl, overlay.dscp = settings.port, settings.ttl, INHERIT
        overlay.vni_of_domain[DOMAIN] = VNI + 1
        self.overlay = overlay

    def tell(self, peer: int, address: str, *, member: bool = True) -> None:
        """Write a peer into the tables, and make it take part in the domain."""
        remotes = self.lane.state.remotes[0]
        packed = socket_address(address)
        remotes.peer[peer].socket_address[: len(packed)] = np.frombuffer(packed, np.uint8)
        remotes.peer[peer].socket_address_bytes = len(packed)
        remotes.peer[peer].address_low = int(ip_address(address)) & (1 << 64) - 1
        if member:
            remotes.member_bits[DOMAIN, peer // 64] |= np.uint64(1 << peer % 64)

    def more_nodes(self, count: int) -> list[str]:
        """Give the other namespace ``count`` addresses more, and return them."""
        addresses = [f"192.0.2.{10 + number}" for number in range(count)]
        set_up(self.far.namespace, "under0", *(f"{address}/24" for address in addresses))
        return addresses

    def transmit(self, *frames: Frame) -> None:
        """Queue frames for the tunnel and send them, as the worker does at the end of a burst."""
        vector, arena, egress = self.lane.vector, self.lane.arena, self.lane.egress
        for i, frame in enumerate(frames):
            place(vector, arena, i, frame)
            egress.queue[PORT, i] = i
        vector.count = vector.received = len(frames)
        vector.copies[: len(frames)] = 0
        egress.active[0], egress.ports, egress.count[PORT] = PORT, 1, len(frames)
        send_queue(self.lane)

    def receive(self, count: int) -> list[Received]:
        """Return the next ``count`` frames or more, vector by vector; what never comes ends in an assertion."""
        found: list[Received] = []
        until = time.monotonic() + PATIENCE_S
        while len(found) < count:
            assert time.monotonic() < until, f"{len(found)} of {count} frames came"
            for descriptor, _ in self.devices.epoll.poll(PATIENCE_S):
                found += self.receive_from(descriptor)
        return found

    def receive_from(self, descriptor: int) -> list[Received]:
        """Return what one descriptor has, until it says that nothing waits here any more."""
        found, waits = [], True
        while waits:
            self.lane.vector.count = 0
            waits = take_frames(self.lane, descriptor)
            assert self.lane.vector.count <= self.lane.devices.vector_limit
            found += [self.read(i) for i in range(int(self.lane.vector.count))]
        return found

    def read(self, i: int) -> Received:
        """Return frame ``i`` of the vector."""
        vector, arena = self.lane.vector, self.lane.arena
        at, head, tail = int(vector.head_at[i]), int(vector.head_length[i]), int(vector.tail_length[i])
        assert at == i * SLOT_BYTES + FRAME_AT - 8
        assert head + tail == vector.length[i]
        data = bytes(arena.heads[at : at + head]) + bytes(arena.tails[i * SPILL_BYTES : i * SPILL_BYTES + tail])
        packed = int(vector.source_high[i]).to_bytes(8, "big") + int(vector.source_low[i]).to_bytes(8, "big")
        sender = ip_address(packed)
        text = str(sender.ipv4_mapped or sender)  # type: ignore[union-attr]
        virtio = bytes(arena.heads[i * SLOT_BYTES : i * SLOT_BYTES + 12])
        return Received(data, text, int(vector.outer_tos[i]), int(vector.in_port[i]), virtio)

    @property
    def counters(self) -> Any:
        return self.lane.state.port_counters[0].ports[PORT]

    def close(self) -> None:
        for index in list(self.devices.open):
            self.devices.close_port(index)
        self.devices.epoll.close()


@kernel
def send_queue(lane: Any) -> None:
    transmit_vector(lane, 0)


@kernel
def take_frames(lane: Any, descriptor: int) -> bool:
    return receive_vtep(lane, 0, PORT, descriptor, np.uint64(1))


def place(vector: Any, arena: Any, i: int, frame: Frame) -> None:
    """Put a frame into slot ``i`` as a stage before tx leaves it."""
    data = np.frombuffer(frame.data, np.uint8)
    head = min(len(data), HEAD_BYTES)
    at = i * SLOT_BYTES + FRAME_AT
    arena.heads[i * SLOT_BYTES : i * SLOT_BYTES + 12] = np.frombuffer(frame.virtio, np.uint8)
    arena.heads[at : at + head] = data[:head]
    arena.tails[i * SPILL_BYTES : i * SPILL_BYTES + len(data) - head] = data[head:]
    vector.head_at[i], vector.head_length[i], vector.tail_length[i] = at, head, len(data) - head
    vector.length[i] = len(data)
    vector.ether_type[i] = int.from_bytes(frame.data[12:14], "big")
    vector.destination_mac[i] = int.from_bytes(frame.data[:6], "little")
    vector.source_mac[i] = int.from_bytes(frame.data[6:12], "little")
    vector.remote[i], vector.group[i], vector.domain[i] = frame.remote, frame.group, frame.domain
    vector.cause[i], vector.verdict[i], vector.reason[i] = i, FORWARD, 0


def socket_address(address: str, port: int = 4789) -> bytes:
    """Return struct sockaddr_in or sockaddr_in6 of an address."""
    host = ip_address(address)
    if host.version == 4:
        return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, host.packed)
    return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, host.packed, 0)


def udp_socket(address: str, port: int) -> socket.socket:
    """Return a UDP socket of the namespace that this thread is in."""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.settimeout(PATIENCE_S)
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
    opened.bind((address, port))
    return opened


@contextmanager
def tunnel(version: int, *, vector: int = 256, mtu: int = 1500, **settings: Any) -> Iterator[Tunnel]:
    """Make two namespaces joined by a veth pair: a VTEP in the first, the other node's socket in the second."""
    with namespaces("near", "far") as (near, away):
        connect(near, "under0", away, "under0")
        for namespace, address in zip((near, away), ADDRESSES[version], strict=True):
            set_up(namespace, "under0", f"{address}/{LENGTHS[version]}")
            namespace.run("ip", "link", "set", "under0", "mtu", str(mtu))
        far = Far(away, ADDRESSES[version][1])
        pair = Tunnel(near, far, VtepSettings(ADDRESSES[version][0], **settings), vector)
        try:
            far.listen()
            yield pair
        finally:
            pair.close()
            for each in far.sockets.values():
                each.close()


def send_to(sender: socket.socket, address: str, data: bytes, *, segment: int = 0, tos: int = 0) -> None:
    """Send to the VTEP: one datagram, or several of ``segment`` bytes in one piece, with that traffic class."""
    ancillary = []
    if segment:
        ancillary.append((socket.IPPROTO_UDP, 103, struct.pack("H", segment)))
    if tos:
        is_ipv4 = sender.family == socket.AF_INET
        kind = (socket.IPPROTO_IP, socket.IP_TOS) if is_ipv4 else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
        ancillary.append((*kind, struct.pack("i", tos)))
    sender.sendmsg([data], ancillary, 0, (address, 4789))


def pieces(data: bytes, size: int) -> Sequence[bytes]:
    """Return data cut into pieces of ``size`` bytes, the last with the rest."""
    return [data[at : at + size] for at in range(0, len(data), size)]

"""The UDP sockets that a tunnel endpoint (VTEP) of VXLAN is made of, opened and set up for workers.

One socket receives, bound to the VTEP's address and port; a multicast group takes a second one, since a socket bound to
an address does not get what is sent to a group. ``SENDERS`` sockets send, each from a port of its own: the outer source
port is all that tells inner flows apart for whoever spreads load on the way (RFC 7348 section 5).

Facts (measured on Linux 6.18 over veth, pinned by tests/vtep/test_sockets.py):

  - One UDP_SEGMENT message takes 128 datagrams (older kernels: 64) and 65,507 bytes (IPv6: 65,527). Above 65,494 bytes
    (IPv6: 65,474) headers and all exceed 64 KiB: the kernel cuts it into single datagrams, and no UDP_GRO puts those
    together. A datagram longer than the way's MTU is EMSGSIZE, too many datagrams are EINVAL; a last datagram that is
    shorter ends it.
  - UDP_SEGMENT with SO_NO_CHECK (or UDP_NO_CHECK6_TX) is EINVAL: whoever cuts needs the checksum.
  - ICMP errors never come to sockets that are not connected and did not ask for them (IP_RECVERR), so that neither
    sending nor receiving fails because of a peer.

IP_MTU_DISCOVER is IP_PMTUDISC_DO: DF is set, nothing is fragmented here, and where a router on the way said that a
packet was too big the kernel remembers, and refuses such (EMSGSIZE), which is counted. IP_PMTUDISC_PROBE would go on
sending them into silence.
"""

import ctypes
import errno
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from control.errors import UserError
from control.host.listeners import list_listeners
from control.host.processes import holder_of_socket
from control.host.uncut import UNCUT_VERSION, open_uncut_tap
from control.model import VXLAN_PORT, Address

# linux/in.h, linux/in6.h, linux/udp.h, asm-generic/socket.h
IP_MTU_DISCOVER = 10
IP_RECVTOS = 13
IP_MULTICAST_ALL = 49
IPV6_MTU_DISCOVER = 23
IPV6_MULTICAST_ALL = 29
IPV6_RECVTCLASS = 66
PMTUDISC_DO = 2
UDP_NO_CHECK6_TX = 101
UDP_NO_CHECK6_RX = 102
UDP_GRO = 104
SO_NO_CHECK = 11
SO_ATTACH_FILTER = 26
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33

SENDERS = 32
FIRST_PORT, LAST_PORT = 49152, 65535
"""The dynamic ports, which RFC 7348 section 5 asks for as source ports."""
RECEIVE_BYTES = 8 << 20
"""What may wait to be received: some hundred superframes with what the kernel counts for each."""
SEND_BYTES = 4 << 20
UNREAD_BYTES = 2304
"""The least receive buffer there is, for sockets that nobody reads."""
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""struct sock_filter: return 0 (BPF_RET | BPF_K), which takes no byte of any packet."""


class _Family(NamedTuple):
    """A family's names for one thing: the level of its options, and the options."""

    number: int
    level: int
    mtu_discover: int
    receive_class: int
    hops: int
    multicast_hops: int
    multicast_loop: int
    multicast_interface: int
    multicast_all: int
    join_group: int
    no_checksum: tuple[int, int]


_FAMILIES = {
    4: _Family(
        socket.AF_INET,
        socket.IPPROTO_IP,
        IP_MTU_DISCOVER,
        IP_RECVTOS,
        socket.IP_TTL,
        socket.IP_MULTICAST_TTL,
        socket.IP_MULTICAST_LOOP,
        socket.IP_MULTICAST_IF,
        IP_MULTICAST_ALL,
        socket.IP_ADD_MEMBERSHIP,
        (socket.SOL_SOCKET, SO_NO_CHECK),
    ),
    6: _Family(
        socket.AF_INET6,
        socket.IPPROTO_IPV6,
        IPV6_MTU_DISCOVER,
        IPV6_RECVTCLASS,
        socket.IPV6_UNICAST_HOPS,
        socket.IPV6_MULTICAST_HOPS,
        socket.IPV6_MULTICAST_LOOP,
        socket.IPV6_MULTICAST_IF,
        IPV6_MULTICAST_ALL,
        socket.IPV6_JOIN_GROUP,
        (socket.IPPROTO_UDP, UDP_NO_CHECK6_TX),
    ),
}


@dataclass(frozen=True, slots=True)
class VtepSettings:
    """What the sockets are made by; addresses as text. ``group`` is joined at ``group_interface`` (both "": none).

    ``checksum``: outer UDP checksums are written. Without them, superframes go as single datagrams. ``uncut``: where
    the host can carry superframes encapsulated and uncut, they go so, without an outer checksum.
    """

    address: str
    port: int = VXLAN_PORT
    ttl: int = 64
    checksum: bool = True
    group: str = ""
    group_interface: str = ""
    uncut: bool = False

    @property
    def host(self) -> Address:
        return ip_address(self.address)


@dataclass(frozen=True, slots=True)
class OpenVtep:
    """Descriptors of the sockets; ``options`` tells the worker about them."""

    receivers: tuple[int, ...]
    senders: tuple[int, ...]
    options: dict[str, int]
    uncut: tuple[int, ...] = ()
    """The TAP for uncut superframes, if there is one."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All, in the order in which workers expect them."""
        return self.receivers + self.senders + self.uncut


def open_vtep(settings: VtepSettings) -> OpenVtep:
    """Open all sockets, none of which blocks, in the namespace of the calling thread.

    UserError: the address is none of this host's, the port is taken (by whom), the group's interface is not there.
    """
    family = _FAMILIES[settings.host.version]
    with ExitStack() as opened:
        group_index = _group_index(settings)
        receivers = [opened.enter_context(_open_receiver(family, settings, settings.address))]
        if settings.group:
            receivers.append(opened.enter_context(_open_receiver(family, settings, settings.group)))
            _join(family, receivers[-1], settings, group_index)
        senders = [opened.enter_context(each) for each in _open_senders(family, settings, group_index)]
        opened.pop_all()
    tap = open_uncut_tap() if settings.uncut and settings.host.version == UNCUT_VERSION else None
    options = {"receivers": len(receivers), "cuts": int(settings.checksum)}
    if tap is not None:
        options["uncut_mac"] = int.from_bytes(tap.mac, "little")
    receiving, sending = (tuple(each.detach() for each in sockets) for sockets in (receivers, senders))
    return OpenVtep(receiving, sending, options, () if tap is None else (tap.fd,))


def _open_receiver(family: _Family, settings: VtepSettings, address: str) -> socket.socket:
    """Return a socket that gets datagrams to the VTEP's port at ``address``, many in one piece where they are alike."""
    with _open_socket(family) as opened:
        _set_buffer(opened, SO_RCVBUFFORCE, socket.SO_RCVBUF, RECEIVE_BYTES)
        opened.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        opened.setsockopt(family.level, family.receive_class, 1)
        opened.setsockopt(family.level, family.multicast_all, 0)
        if family.number == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)  # RFC 6935: a tunnel may send none.
        try:
            opened.bind((address, settings.port))
        except OSError as error:
            raise UserError(_refusal(settings, address, error)) from error
        return opened.dup()


def _open_senders(family: _Family, settings: VtepSettings, group_index: int) -> Iterator[socket.socket]:
    """Yield SENDERS sockets, each bound to a port of its own."""
    ports = iter(random.sample(range(FIRST_PORT, LAST_PORT + 1), LAST_PORT + 1 - FIRST_PORT))
    for _ in range(SENDERS):
        with _open_socket(family) as opened:
            _set_buffer(opened, SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BYTES)
            _read_nothing(opened)
            opened.setsockopt(family.level, family.mtu_discover, PMTUDISC_DO)
            opened.setsockopt(family.level, family.hops, settings.ttl)
            if not settings.checksum:
                opened.setsockopt(*family.no_checksum, 1)
            if settings.group:
                _send_to_group(family, opened, settings, group_index)
            _bind_to_free(opened, settings, ports)
            yield opened.dup()


def _open_socket(family: _Family) -> socket.socket:
    opened = socket.socket(family.number, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if family.number == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened


def _set_buffer(opened: socket.socket, forced: int, allowed: int, size: int) -> None:
    """Set a buffer's size past the system's limit, or as far as that allows where we may not."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, forced, size)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, allowed, size)


def _read_nothing(opened: socket.socket) -> None:
    """Have the kernel drop what comes to a socket that only sends."""
    program = ctypes.create_string_buffer(DROP_ALL, len(DROP_ALL))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)


def _bind_to_free(opened: socket.socket, settings: VtepSettings, ports: Iterator[int]) -> None:
    for port in ports:
        try:
            opened.bind((settings.address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(_refusal(settings, settings.address, error)) from error
        else:
            return
    raise UserError(f"overlay: no UDP port from {FIRST_PORT} to {LAST_PORT} is free at {settings.address}")


def _group_index(settings: VtepSettings) -> int:
    if not settings.group:
        return 0
    try:
        return socket.if_nametoindex(settings.group_interface)
    except OSError as error:
        raise UserError(f"overlay.group_interface: there is no interface '{settings.group_interface}'") from error


def _join(family: _Family, receiver: socket.socket, settings: VtepSettings, index: int) -> None:
    group = socket.inet_pton(family.number, settings.group)
    # struct ip_mreqn of IPv4 has the interface's address before its index; struct ipv6_mreq has the index alone.
    request = group + struct.pack("4xi" if family.number == socket.AF_INET else "i", index)
    try:
        receiver.setsockopt(family.level, family.join_group, request)
    except OSError as error:
        where = settings.group_interface
        raise UserError(f"overlay: cannot join group {settings.group} at '{where}': {error.strerror}") from error


def _send_to_group(family: _Family, sender: socket.socket, settings: VtepSettings, index: int) -> None:
    """What goes to the group leaves by its interface, with the VTEP's TTL, and does not come back to this host."""
    interface = struct.pack("8xi" if family.number == socket.AF_INET else "i", index)
    sender.setsockopt(family.level, family.multicast_interface, interface)
    sender.setsockopt(family.level, family.multicast_hops, settings.ttl)
    sender.setsockopt(family.level, family.multicast_loop, 0)


def _refusal(settings: VtepSettings, address: str, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"overlay.address: {address} is none of this host's addresses: expected one that `ip address` lists"
    if error.errno == errno.EADDRINUSE:
        return f"overlay.port: UDP port {settings.port} at {address} is taken by {_holder(settings.port, address)}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"overlay.port: not permitted to receive at UDP port {settings.port} of {address}"
    return f"overlay: cannot open UDP port {settings.port} at {address}: {error.strerror}"


def _holder(port: int, address: str) -> str:
    host = ip_address(address)
    for listener in list_listeners("udp", "/proc/thread-self/net"):
        if listener.port == port and listener.takes(host):
            holder = holder_of_socket(listener.inode)
            # The sockets of the kernel's own tunnels are in no process.
            return str(holder) if holder else "the kernel (a vxlan device, say) or another user's process"
    return "somebody else"

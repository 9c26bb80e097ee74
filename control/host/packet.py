"""AF_PACKET sockets on a NIC: opened and set up here, their receive ring mapped and read by a worker.

A NIC is an interface of the agent's own namespace. Its frames reach the host's own stack as well; those the host sends
through it do not come in here.

The receive ring (TPACKET_V2): ``frame_count`` slots of ``frame_size`` bytes, slot i at i * frame_size of the mapping
(frame_size divides block_size, so slots are contiguous). The kernel fills slot after slot and sets TP_STATUS_USER in
``status``; the reader gives a slot back by writing 0 there. A slot:

    0            struct tpacket2_hdr, 32 bytes:
                   numpy.dtype([("status", "u4"), ("len", "u4"), ("snaplen", "u4"), ("mac", "u2"), ("net", "u2"),
                                ("sec", "u4"), ("nsec", "u4"), ("vlan_tci", "u2"), ("vlan_tpid", "u2"),
                                ("padding", "u1", 4)])    # all in the machine's byte order
    32           struct sockaddr_ll, 20 bytes
    mac - 10     struct virtio_net_hdr, 10 bytes, little endian, no num_buffers: here at 66
    mac          the frame, ``snaplen`` of its ``len`` bytes: here at 76
    net          mac + 14: what follows the Ethernet header

What comes (measured on Linux 6.18 over veth, pinned by tests/host/test_packet_ring.py):

  - A VLAN tag that the sender's kernel or the NIC took out of the frame is in ``vlan_tci``/``vlan_tpid``, with
    TP_STATUS_VLAN_VALID (0x10) and TP_STATUS_VLAN_TPID_VALID (0x40) in ``status``; the frame at ``mac`` lacks it, and
    csum_start of the virtio-net header counts without it. It belongs back in after the MAC addresses. The kernel takes
    the outer tag out of every frame that it receives, 802.1Q and 802.1ad alike. A priority tag of TCI 0 is valid too.
  - A veth peer or a NIC with GRO hands over TCP superframes of up to 64 KiB, told by gso_type in the virtio-net header,
    and frames whose checksum is to be filled in (flags 1). Slots are large enough for them.
  - A frame too large for its slot comes with snaplen < len.
  - A full ring drops; PACKET_STATISTICS (socket option 6 of SOL_PACKET) counts and resets.
  - Sending is plain: send() of the 10-byte virtio-net header and the frame, with its tag in place.
  - Link down: POLLERR, and a read of SO_ERROR gives ENETDOWN once; the ring goes on by itself after link up. Interface
    deleted: the same, and nothing comes ever after, also not from a new interface of the same name: open anew.

Memory: the ring is locked kernel memory, frame_count * frame_size = 32 MiB by default. That is the price of V2's fixed
slots with superframes.
"""

import errno
import fcntl
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from control.errors import UserError
from control.host.taps import require_interface_name

# linux/if_packet.h, linux/if_ether.h
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_RX_RING = 5
PACKET_VERSION = 10
PACKET_VNET_HDR = 15
PACKET_QDISC_BYPASS = 20
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
TPACKET_V2 = 1
ETH_P_ALL = 3

SO_SNDBUFFORCE = 32  # asm-generic/socket.h

# linux/sockios.h, linux/if.h, linux/if_arp.h
SIOCGIFFLAGS = 0x8913
SIOCGIFHWADDR = 0x8927
IFF_UP = 0x1
ARPHRD_ETHER = 1

FRAME_SIZE = 17 * 4096
"""A superframe of 65,536 bytes and its headers (under 100), in whole pages."""
FRAMES_PER_BLOCK = 15
"""255 pages: the kernel allocates blocks in powers of two, so this wastes one page in 256."""
BLOCK_SIZE = FRAMES_PER_BLOCK * FRAME_SIZE
BLOCK_COUNT = 32
SEND_BUFFER_BYTES = 8 << 20
"""What may be on its way through queue and NIC: a vector's superframes. The kernel's default holds three of them, and
what a full socket refuses is lost."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The shape of a receive ring, in bytes and slots; ``block_size`` is a multiple of ``frame_size`` and of a page."""

    block_size: int = BLOCK_SIZE
    frame_size: int = FRAME_SIZE
    frame_count: int = BLOCK_COUNT * FRAMES_PER_BLOCK

    @property
    def block_count(self) -> int:
        return self.frame_count // (self.block_size // self.frame_size)

    @property
    def mapping_bytes(self) -> int:
        return self.block_count * self.block_size


@dataclass(frozen=True, slots=True)
class OpenNic:
    """A bound packet socket; ``options`` is what the worker needs to map its ring."""

    fd: int
    ifindex: int
    options: dict[str, int]


def open_nic(ifname: str, *, ring: Ring | None = None, bypass_qdisc: bool = False) -> OpenNic:
    """Open the interface: promiscuous, virtio-net headers on, a receive ring, what the host sends left out.

    ``bypass_qdisc`` sends past the interface's queueing discipline: faster, and a full queue drops without telling.
    UserError: no such interface, it is down or not Ethernet, not permitted, no memory for the ring.
    """
    require_interface_name(ifname)
    shape = ring or Ring()
    try:
        packet_socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    except PermissionError as error:
        raise UserError(f"no permission to open interface '{ifname}': run as root (CAP_NET_RAW)") from error
    with packet_socket:
        index = _require_ethernet_up(packet_socket, ifname)
        _set_up(packet_socket, ifname, index, shape, bypass_qdisc)
        # Bound last: before that nothing is received, so the ring has no frames from other interfaces.
        packet_socket.bind((ifname, ETH_P_ALL))
        return OpenNic(packet_socket.detach(), index, ring_options(shape))


def ring_options(ring: Ring) -> dict[str, int]:
    """Return the ring's shape as the worker's options."""
    return {"block_size": ring.block_size, "frame_size": ring.frame_size, "frame_count": ring.frame_count}


def _require_ethernet_up(packet_socket: socket.socket, ifname: str) -> int:
    request = struct.pack("16s24x", os.fsencode(ifname))
    try:
        index = socket.if_nametoindex(ifname)
        flags = struct.unpack_from("16xH", fcntl.ioctl(packet_socket, SIOCGIFFLAGS, request))[0]
        hardware_type = struct.unpack_from("16xH", fcntl.ioctl(packet_socket, SIOCGIFHWADDR, request))[0]
    except OSError as error:
        raise UserError(f"there is no interface '{ifname}': expected one of {_interface_names()}") from error
    if hardware_type != ARPHRD_ETHER:
        raise UserError(f"'{ifname}' is no Ethernet interface (hardware type {hardware_type}): frames need one")
    if not flags & IFF_UP:
        raise UserError(f"interface '{ifname}' is down: `ip link set {ifname} up`")
    return index


def _interface_names() -> str:
    return ", ".join(name for _index, name in socket.if_nameindex() if name != "lo") or "… none (only lo is here)"


def _set_up(packet_socket: socket.socket, ifname: str, index: int, ring: Ring, bypass_qdisc: bool) -> None:
    # The kernel refuses version and headers once the ring is there.
    packet_socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    packet_socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packet_socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    if bypass_qdisc:
        packet_socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    packet_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    with suppress(PermissionError):  # Without root it is as much as net.core.wmem_max allows.
        packet_socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES)
    promiscuous = struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0)
    packet_socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous)
    request = struct.pack("IIII", ring.block_size, ring.block_count, ring.frame_size, ring.frame_count)
    try:
        packet_socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        needed = ring.mapping_bytes >> 20
        raise UserError(
            f"no memory for the receive ring of '{ifname}': it takes {needed} MiB of kernel memory"
        ) from error

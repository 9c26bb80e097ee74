"""The TUN/TAP character device: open a TAP by name in the calling thread's namespace, and what refuses it.

Facts (measured on Linux 6.18):
  - TUNSETIFF resolves the name in the namespace of the thread at the time /dev/net/tun was opened.
  - IFF_TUN_EXCL makes TUNSETIFF fail with EBUSY when the name exists, so "made" or "attached to" is known for sure.
  - A second TUNSETIFF on a single-queue TAP that somebody holds gives EBUSY; on a multi-queue TAP it adds a queue, and
    the kernel then spreads flows over both holders.
  - A persistent TAP that was made with multi_queue wants IFF_MULTI_QUEUE, any other refuses it: EINVAL.
  - TUNSETOFFLOAD says what whoever reads may be handed: checksums still to be computed, superframes still to be cut.
    It belongs to the device and lasts as long, whoever holds it. What is written may be either in any case.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import pytun

from control.errors import UserError

TUN_DEVICE = "/dev/net/tun"

# linux/if_tun.h
TUNSETOFFLOAD = 0x400454D0
TUNSETVNETHDRSZ = 0x400454D8

VNET_HEADER_BYTES = 12
"""struct virtio_net_hdr_v1: the ten bytes of the legacy header and num_buffers."""

TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN = 0x01, 0x02, 0x04, 0x08
TUN_F_USO4, TUN_F_USO6 = 0x20, 0x40

NO_OFFLOADS = 0
TSO = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN
USO = TSO | TUN_F_USO4 | TUN_F_USO6
OFFLOADS = (USO, TSO, TUN_F_CSUM, NO_OFFLOADS)
"""What is asked for, the most first: kernels before 6.2 know no USO."""

MAKE_TUN_DEVICE = f"`mkdir -p /dev/net && mknod {TUN_DEVICE} c 10 200 && chmod 666 {TUN_DEVICE}` as root"


@dataclass(frozen=True, slots=True)
class TapDescriptor:
    """A TAP's queue: ``made`` says that the device came into being by it, and goes with its last descriptor."""

    fd: int
    made: bool
    multi_queue: bool


def require_tun_device(path: str = TUN_DEVICE) -> None:
    """Raise UserError with what to type when /dev/net/tun cannot be opened."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist, TAPs need it: make it with {MAKE_TUN_DEVICE}") from error
    except PermissionError as error:
        raise UserError(
            f"no permission to open {path}: run as root, or let everyone open it with `chmod 666 {path}` as root "
            "(what a device may do is guarded by the namespace it is made in)"
        ) from error
    except OSError as error:
        raise UserError(
            f"{path} does not work ({error.strerror}): this kernel lacks TUN/TAP, or its module: `modprobe tun` as root"
        ) from error


def attach_tap(ifname: str, offloads: bool = True) -> TapDescriptor:
    """Make the TAP, or attach to the one of that name; OSError tells apart what `taps` puts into sentences.

    With ``offloads`` its frames come as the kernel likes best, as superframes with partial checksums; without, as on a
    wire.
    EBUSY: held by somebody. EINVAL: exists, and is no TAP. EPERM: not permitted.
    """
    try:
        return TapDescriptor(_open_queue(ifname, pytun.IFF_TUN_EXCL, offloads), made=True, multi_queue=False)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    try:
        return TapDescriptor(_open_queue(ifname, 0, offloads), made=False, multi_queue=False)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return TapDescriptor(_open_queue(ifname, pytun.IFF_MULTI_QUEUE, offloads), made=False, multi_queue=True)


def set_offloads(fd: int, wanted: Sequence[int] = OFFLOADS) -> int:
    """Have the kernel hand over the first of ``wanted`` that it knows, and return that; OSError if it knows none."""
    for flags in wanted:
        try:
            fcntl.ioctl(fd, TUNSETOFFLOAD, flags)
        except OSError as error:
            if error.errno != errno.EINVAL or flags == wanted[-1]:
                raise
        else:
            return flags
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _open_queue(ifname: str, extra_flags: int, offloads: bool) -> int:
    """Return a descriptor that reads and writes frames behind a 12-byte virtio-net header, never blocking."""
    flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR | extra_flags
    device = pytun.TunTapDevice(name=ifname, flags=flags, dev=TUN_DEVICE)
    try:
        fd = os.dup(device.fileno())
    finally:
        device.close()
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET_HEADER_BYTES))
    set_offloads(fd, OFFLOADS if offloads else (NO_OFFLOADS,))
    os.set_blocking(fd, False)
    return fd

"""Who holds a TAP: looked up in /proc, for a sentence that names the process.

The kernel tells nobody who has a TAP open, but /proc/PID/fdinfo names the device behind each descriptor of
/dev/net/tun. Several namespaces have an `eth0`, so where we may, the descriptor is copied for a moment and asked for
its device's namespace.
"""

import fcntl
import os
from collections.abc import Iterator

from control.host import syscalls
from control.host.namespaces import NamespaceIdentity
from control.host.processes import Holder, command_of, processes
from control.host.tun import TUN_DEVICE

TUNGETDEVNETNS = 0x54E3  # linux/if_tun.h


def find_tap_holder(ifname: str, namespace: NamespaceIdentity) -> Holder | None:
    """Return a process that holds the TAP ``ifname`` of ``namespace``, or None if no process we may look at does."""
    for pid in processes():
        for fd in _tun_descriptors(pid):
            if _device_name(pid, fd) == ifname and _device_namespace(pid, fd) in (namespace, None):
                return Holder(pid, command_of(pid))
    return None


def _tun_descriptors(pid: int) -> Iterator[int]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return  # The process ended, or is not ours to look at.
    for name in names:
        try:
            if os.readlink(f"/proc/{pid}/fd/{name}") == TUN_DEVICE:
                yield int(name)
        except OSError:
            continue


def _device_name(pid: int, fd: int) -> str | None:
    try:
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8", errors="replace") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("iff:")), None)
    except OSError:
        return None


def _device_namespace(pid: int, fd: int) -> NamespaceIdentity | None:
    """Return the namespace of the device behind the descriptor, or None where the kernel does not let us ask."""
    try:
        copy = syscalls.copy_descriptor_of(pid, fd)
    except OSError:
        return None
    try:
        namespace_fd = fcntl.ioctl(copy, TUNGETDEVNETNS)
    except OSError:
        return None
    finally:
        os.close(copy)
    try:
        status = os.fstat(namespace_fd)
        return NamespaceIdentity(status.st_dev, status.st_ino)
    finally:
        os.close(namespace_fd)

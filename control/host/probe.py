"""Try what the fabric needs in a throwaway namespace: run as a process of its own, prints one JSON object.

    {"namespace": null, "tun": null, "tap": null, "multi_queue": null, "tso": null, "uso": null, "tunnel_gso": null,
     "ring": null, "udp": null}

null means that it works; a sentence says what is wrong; "" says that it was not tried because something before failed.
"""

import errno
import json
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytun

from control.errors import UserError
from control.host import syscalls
from control.host.packet import Ring, open_nic
from control.host.rootless import enter_rootless, is_root_lacking
from control.host.tun import TSO, TUN_DEVICE, USO, attach_tap, require_tun_device, set_offloads

NAMES = ("tun", "namespace", "tap", "multi_queue", "tso", "uso", "tunnel_gso", "ring", "udp")
"""In the order they are tried; each needs the ones up to `tap`, if they come before it."""

# linux/if_tun.h
TUN_F_UDP_TUNNEL_GSO, TUN_F_UDP_TUNNEL_GSO_CSUM = 0x80, 0x100

# linux/udp.h
UDP_SEGMENT, UDP_GRO = 103, 104

TUNNEL_GSO = TSO | TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM

PROBE_TAP = "probe0"
PROBE_QUEUES = "probe1"
SMALL_RING = Ring(block_size=1 << 17, frame_size=1 << 16, frame_count=4)


def probe() -> dict[str, str | None]:
    """Return what works (None) and what does not (a sentence), by name; moves this process into new namespaces."""
    findings: dict[str, str | None] = dict.fromkeys(NAMES, "")
    with ExitStack() as stack:
        findings["tun"] = _trouble(require_tun_device)
        findings["namespace"] = _trouble(_enter_throwaway_namespace) if findings["tun"] is None else ""
        if findings["namespace"] is not None:
            return findings
        taps: list[int] = []
        findings["tap"] = _trouble(lambda: taps.append(attach_tap(PROBE_TAP).fd))
        if not taps:
            return findings
        stack.callback(os.close, taps[0])
        findings["multi_queue"] = _trouble(_open_two_queues)
        for name, flags in (("tso", TSO), ("uso", USO), ("tunnel_gso", TUNNEL_GSO)):
            findings[name] = _trouble(lambda flags=flags: _require_offloads(taps[0], flags))  # type: ignore[misc]
        findings["ring"] = _trouble(_open_ring)
        findings["udp"] = _trouble(_require_udp_offloads)
    return findings


def _trouble(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except UserError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _enter_throwaway_namespace() -> None:
    if is_root_lacking():
        enter_rootless()
    else:
        syscalls.unshare(syscalls.CLONE_NEWNET)


def _open_two_queues() -> None:
    flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR | pytun.IFF_MULTI_QUEUE
    with ExitStack() as stack:
        for _ in range(2):
            stack.callback(pytun.TunTapDevice(name=PROBE_QUEUES, flags=flags, dev=TUN_DEVICE).close)


def _require_offloads(tap: int, flags: int) -> None:
    try:
        set_offloads(tap, (flags,))
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise UserError("this kernel's TAP does not know it") from error
        raise


def _require_udp_offloads() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for option in (UDP_SEGMENT, UDP_GRO):
            udp.setsockopt(socket.IPPROTO_UDP, option, 1)


def _open_ring() -> None:
    flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_MULTI_QUEUE
    device = pytun.TunTapDevice(name=PROBE_QUEUES, flags=flags, dev=TUN_DEVICE)
    try:
        device.up()
        os.close(open_nic(PROBE_QUEUES, ring=SMALL_RING).fd)
    finally:
        device.close()


if __name__ == "__main__":
    print(json.dumps(probe()))

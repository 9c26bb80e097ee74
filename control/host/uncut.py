"""A TAP by which encapsulated superframes go into the host's stack uncut: UDP-tunnel GSO (Linux 6.17 and later).

The kernel routes such a superframe on like any packet that came in by a device, and cuts it only where a device on the
way cannot carry it: at a veth or at a card that does the cutting, it never has to. What comes back needs no such TAP: a
UDP socket receives an uncut superframe as one datagram.

Facts (measured on Linux 6.18, pinned by tests/vtep/test_uncut.py):

  - A virtio-net header of 24 bytes (TUNSETVNETHDRSZ) and the offloads ``OFFLOADS`` (TUNSETOFFLOAD) are what it takes; a
    kernel that does not know them says EINVAL.
  - The source address is the host's own, so the TAP must accept it (``accept_local``), and no reverse-path filter may
    be on for all devices (``net.ipv4.conf.all.rp_filter``), which the TAP's own setting cannot turn off.
  - ``forwarding`` of the TAP alone is enough for IPv4; for IPv6 the host would have to forward altogether, so that
    over IPv6 superframes are cut.

The host's firewall sees these packets as forwarded ones (hook forward), where one may drop what it lets a socket send,
and nobody would hear of it. So no superframe goes uncut where others than we have rules for forwarded packets. Where
such rules come later, the TAP is set down: what is written to it is refused then, and cut.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
from dataclasses import dataclass

import pytun

from control.host.tun import TUN_DEVICE, TUNSETOFFLOAD, TUNSETVNETHDRSZ

IFNAME = "tapestry-vxlan"
HEADER_BYTES = 24
"""struct virtio_net_hdr_v1_hash_tunnel."""
OFFLOADS = 0x1E7
"""TUN_F_CSUM, TSO4, TSO6, USO4, USO6, UDP_TUNNEL_GSO, UDP_TUNNEL_GSO_CSUM (linux/if_tun.h)."""
SETTINGS = {
    f"ipv6/conf/{IFNAME}/disable_ipv6": "1",
    f"ipv4/conf/{IFNAME}/rp_filter": "0",
    f"ipv4/conf/{IFNAME}/accept_local": "1",
    f"ipv4/conf/{IFNAME}/forwarding": "1",
}
FILTERED = "ipv4/conf/all/rp_filter"
OUR_TABLE = "tapestry"
"""The nftables table of our own host uplink, which drops nothing of ours."""
PATIENCE_S = 30
IFF_UP = 1
NETLINK_NETFILTER = 12
NFNLGRP_NFTABLES = 7
"""linux/netlink.h, linux/netfilter/nfnetlink.h."""
UNCUT_VERSION = 4
"""The family of underlays over which superframes can go uncut."""


@dataclass(frozen=True, slots=True)
class UncutTap:
    """The TAP's descriptor, with which the device goes, and its MAC: six bytes, which frames must be sent to."""

    fd: int
    mac: bytes


def reason_against_uncut() -> str:
    """Return why superframes cannot go uncut here, as a clause; empty if they can."""
    if filtered := reason_to_fear_loss():
        return filtered
    try:
        os.close(_open_queue("")[0])
    except OSError as error:
        return f"the kernel has no UDP-tunnel GSO for TAPs, or does not allow it ({error.strerror})"
    return ""


def open_uncut_tap() -> UncutTap | None:
    """Make the TAP in the agent's own network namespace; None where it cannot be, and superframes are to be cut."""
    if reason_against_uncut():
        return None
    fd = -1
    try:
        fd, ifname = _open_queue(IFNAME)
        return UncutTap(fd, _set_up(ifname))
    except OSError:
        if fd >= 0:
            os.close(fd)
        return None


def reason_to_fear_loss() -> str:
    """Return what may drop uncut superframes on their way through the host, as a clause; empty if nothing does."""
    if _read(FILTERED) != "0":
        return f"net.{FILTERED.replace('/', '.')} is not 0"
    return _forward_filter()


def look_after_uncut() -> str:
    """Set the TAP down where the host has begun to filter what it forwards, and up where it does no more; return a
    sentence about that, empty if all is as it was or there is no TAP."""
    from pyroute2 import IPRoute, NetlinkError

    reason = reason_to_fear_loss()
    try:
        with IPRoute() as link:
            for index in link.link_lookup(ifname=IFNAME):
                is_up = link.get_links(index)[0]["flags"] & IFF_UP != 0
                if is_up == bool(reason):
                    link.link("set", index=index, state="down" if reason else "up")
                    return f"superframes are cut from now on: {reason}" if reason else "superframes go uncut again"
    except NetlinkError as error:
        raise OSError(error.code, f"cannot look after {IFNAME}: {error}") from error
    return ""


def open_rule_news() -> socket.socket:
    """Return a socket that can be read when somebody has changed nftables' rules; it does not block."""
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER)
    try:
        news.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
    except OSError:
        news.close()
        raise
    return news


def _forward_filter() -> str:
    """Return what may drop forwarded packets of IPv4, as a clause; empty if nothing does."""
    try:
        with open("/proc/net/ip_tables_names", encoding="ascii") as stream:
            if "filter" in stream.read().split():
                return "iptables filters forwarded packets"
    except OSError:
        pass  # No iptables of old in this kernel.
    if shutil.which("nft") is None:
        return "the program nft is not there to tell whether forwarded packets are filtered"
    listed = subprocess.run(
        ["nft", "-j", "list", "chains"], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    chains = [each["chain"] for each in json.loads(listed.stdout or "{}").get("nftables", []) if "chain" in each]
    for chain in chains:
        is_ours = chain["table"] == OUR_TABLE
        if chain.get("hook") == "forward" and chain["family"] in ("ip", "inet") and not is_ours:
            return f"the chain {chain['name']} of the nftables table {chain['table']} filters forwarded packets"
    return ""


def _open_queue(ifname: str) -> tuple[int, str]:
    """Return a descriptor of a new TAP, and its name: the kernel's choice if none is given."""
    flags = pytun.IFF_TAP | pytun.IFF_NO_PI | pytun.IFF_VNET_HDR
    device = pytun.TunTapDevice(name=ifname, flags=flags, dev=TUN_DEVICE)
    try:
        fcntl.ioctl(device.fileno(), TUNSETVNETHDRSZ, struct.pack("i", HEADER_BYTES))
        fcntl.ioctl(device.fileno(), TUNSETOFFLOAD, OFFLOADS)
        fd = os.dup(device.fileno())
    except pytun.Error as error:
        raise OSError(*error.args) from error
    finally:
        name = device.name
        device.close()
    os.set_blocking(fd, False)
    return fd, name


def _set_up(ifname: str) -> bytes:
    """Set the TAP up as a device that the host forwards from; return its MAC."""
    from pyroute2 import IPRoute

    for path, value in SETTINGS.items():
        _write(path, value)
    with IPRoute() as link:
        (index,) = link.link_lookup(ifname=ifname)
        link.link("set", index=index, state="up")
        (message,) = link.get_links(index)
        return bytes.fromhex(message.get("address").replace(":", ""))


def _read(path: str) -> str:
    try:
        with open(f"/proc/sys/net/{path}", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _write(path: str, value: str) -> None:
    if os.path.exists(f"/proc/sys/net/{path}"):
        with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as stream:
            stream.write(value)

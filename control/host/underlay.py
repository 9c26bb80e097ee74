"""What the host's routing says of the ways that tunnels take."""

import os
import socket
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

from control.host.namespaces import run_in_thread
from control.model import Address

# linux/netlink.h, linux/rtnetlink.h
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
RTM_GETROUTE = 26
RTM_F_FIB_MATCH = 0x2000
RTA_DST = 1

_REPLY_BYTES = 65536


def underlay_mtus(towards: Sequence[Address]) -> list[int | str]:
    """Return the MTU of the host's way to each address, in bytes, or, where there is no way, the kernel's reason.

    An address of the host itself means the interface that has it. A route's own MTU counts before its interface's, the
    least of several; what the kernel has learned from a path does not, since it forgets that again. Takes about 0.1 ms
    an address. May be called from a thread that runs an event loop.
    """
    return run_in_thread(lambda: _ask_all(towards))


def _ask_all(towards: Sequence[Address]) -> list[int | str]:
    from pyroute2 import IPRoute

    with IPRoute() as links, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:

        @cache
        def mtu_of_link(index: int) -> int:
            return int(links.link("get", index=index)[0].get("mtu"))

        return [_ask(kernel, address, mtu_of_link) for address in towards]


def _ask(kernel: socket.socket, towards: Address, mtu_of_link: Any) -> int | str:
    """Ask by a bare socket: the library takes ten times as long for each of a thousand."""
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    kernel.send(_question(towards))
    reply = kernel.recv(_REPLY_BYTES)
    if struct.unpack_from("=H", reply, 4)[0] == NLMSG_ERROR:
        return os.strerror(-struct.unpack_from("=i", reply, 16)[0])
    found = rtmsg(reply)
    found.decode()
    metrics = found.get_attr("RTA_METRICS")
    stated = metrics.get_attr("RTAX_MTU") if metrics else None
    return stated or min(map(mtu_of_link, _interfaces(found)))


def _question(towards: Address) -> bytes:
    """Return RTM_GETROUTE for the route itself: the answer to a packet names the loopback for the host's own."""
    family = socket.AF_INET if towards.version == 4 else socket.AF_INET6
    route = struct.pack("=8BI", family, towards.max_prefixlen, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
    route += struct.pack("=HH", 4 + len(towards.packed), RTA_DST) + towards.packed
    return struct.pack("=IHHII", 16 + len(route), RTM_GETROUTE, NLM_F_REQUEST, 0, 0) + route


def _interfaces(found: Any) -> list[int]:
    hops = found.get_attr("RTA_MULTIPATH")
    return [hop["oif"] for hop in hops] if hops else [found.get_attr("RTA_OIF")]

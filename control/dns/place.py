"""Where the answerer's sockets are: a namespace that has the gateways' addresses on its one device, and a way back.

Answers go to the router behind that device, whose MAC is known, so nobody needs to be asked for it.
"""

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from ipaddress import ip_address

from control.host.namespaces import run_in_namespace
from control.model import Address

PORT = 53
BACKLOG = 128
IP_FREEBIND = 15  # linux/in.h
IPV6_FREEBIND = 78  # linux/in6.h
NUD_PERMANENT = 0x80
RTNH_F_ONLINK = 4

ROUTER = {4: ip_address("169.254.254.6"), 6: ip_address("fe80::1")}
"""What the namespace calls the router: its own name for it, which nobody else hears."""


def open_services(netns: str, ifname: str, router_mac: bytes, addresses: Iterable[Address]) -> list[socket.socket]:
    """Lead answers out of the namespace, and return sockets of UDP and TCP for each address, bound to port 53.

    UserError or OSError if the namespace or its device is not there.
    """
    return run_in_namespace(netns, lambda: _open_here(ifname, router_mac, sorted(addresses, key=str)))


def _open_here(ifname: str, router_mac: bytes, addresses: list[Address]) -> list[socket.socket]:
    _lead_out(ifname, router_mac, {address.version for address in addresses})
    with ExitStack() as stack:
        kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        opened = [stack.enter_context(_bind(address, kind)) for address in addresses for kind in kinds]
        stack.pop_all()
        return opened


def _bind(address: Address, kind: socket.SocketKind) -> socket.socket:
    """Return a bound socket; the address may come to the device later."""
    family, level, option = (
        (socket.AF_INET, socket.IPPROTO_IP, IP_FREEBIND)
        if address.version == 4
        else (socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_FREEBIND)
    )
    bound = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        bound.setsockopt(level, option, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((str(address), PORT))
        if kind == socket.SOCK_STREAM:
            bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def _lead_out(ifname: str, router_mac: bytes, versions: set[int]) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        index = socket.if_nametoindex(ifname)
        for version in sorted(versions):
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            router = str(ROUTER[version])
            ip.neigh(
                "replace", family=family, dst=router, lladdr=router_mac.hex(":"), ifindex=index, state=NUD_PERMANENT
            )
            default = "0.0.0.0/0" if version == 4 else "::/0"
            ip.route("replace", family=family, dst=default, gateway=router, oif=index, flags=RTNH_F_ONLINK)

"""What the kernel makes of inner frames: its vxlan device sends them, and the packets are taken from the wire.

    outers = encapsulate([frame, …], Tunnel(vni=200, group=7))

Only these frames are tunnelled: the device has no addresses, so nothing speaks on it by itself.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from control.host.namespaces import run_in_namespace
from tests.netns import Namespace, connect, namespaces, require_tools, set_up
from tests.overlay.kernel import UDP_PORT, require_vxlan
from tests.overlay.underlay import WIRE, mac_of, turn_off_checksum_offload

VTEP = "vtep"
ETH_P_ALL = 3
SO_MARK = 36
PATIENCE_S = 20
MTU = 9216


@dataclass(frozen=True)
class Tunnel:
    """How the kernel is to encapsulate. ``group``: the group of the GBP extension, which is off with None;
    ``checksum``: of the outer UDP header; ``tos`` and ``df`` as `ip link` has them."""

    vni: int
    local: str = "192.0.2.10"
    remote: str = "192.0.2.20"
    checksum: bool = False
    group: int | None = None
    tos: str = "inherit"
    df: str = "set"

    @property
    def version(self) -> int:
        return 6 if ":" in self.local else 4


def encapsulate(frames: Sequence[bytes], tunnel: Tunnel) -> list[bytes]:
    """Return what is on the wire for each of the inner frames, from the outer Ethernet header on."""
    require_tools("ip", "sysctl")
    with namespaces("kernel", "far") as (near, far):
        connect(near, WIRE, far, WIRE)
        turn_off_checksum_offload((near, WIRE))
        for place in (near, far):
            place.run("ip", "link", "set", WIRE, "mtu", str(MTU))
        set_up(near, WIRE, tunnel.local)
        near.run("ip", "route", "add", tunnel.remote, "dev", WIRE)
        near.run("ip", "neigh", "add", tunnel.remote, "lladdr", mac_of(far, WIRE), "dev", WIRE)
        add_vtep(near, tunnel)
        with packet_socket(near, VTEP) as inside, packet_socket(far, WIRE) as wire:
            if tunnel.group is not None:
                inside.setsockopt(socket.SOL_SOCKET, SO_MARK, tunnel.group)
            outers = tunnelled(wire, tunnel.version)
            return [sent(inside, frame, outers) for frame in frames]


def add_vtep(near: Namespace, tunnel: Tunnel) -> None:
    """Make the vxlan device, which knows of one peer."""
    require_vxlan(near)
    no_checksum, checksum = ("noudpcsum", "udpcsum") if tunnel.version == 4 else ("udp6zerocsumtx", "noudp6zerocsumtx")
    near.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    near.run(
        *("ip", "link", "add", VTEP, "mtu", str(MTU - 70), "type", "vxlan", "id", str(tunnel.vni), "nolearning"),
        *("dstport", str(UDP_PORT), "local", tunnel.local, "remote", tunnel.remote),
        *("ttl", "64", "tos", tunnel.tos, "df", tunnel.df, checksum if tunnel.checksum else no_checksum),
        *(("gbp",) if tunnel.group is not None else ()),
    )
    near.run("ip", "link", "set", VTEP, "up")


@contextmanager
def packet_socket(place: Namespace, ifname: str) -> Iterator[socket.socket]:
    """Open a packet socket on an interface of a namespace."""
    plain = run_in_namespace(place.name, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    with closing(plain):
        plain.bind((ifname, ETH_P_ALL))
        plain.settimeout(PATIENCE_S)
        yield plain


def sent(inside: socket.socket, frame: bytes, outers: Iterator[bytes]) -> bytes:
    """Send one frame and return the packet that it becomes."""
    inside.send(frame)
    return next(outers)


def tunnelled(wire: socket.socket, version: int) -> Iterator[bytes]:
    """Yield the packets on the wire that are tunnelled frames; TimeoutError if none comes."""
    ether_type, port_at = (b"\x08\x00", 14 + 20 + 2) if version == 4 else (b"\x86\xdd", 14 + 40 + 2)
    while True:
        packet = wire.recv(65535)
        if packet[12:14] == ether_type and int.from_bytes(packet[port_at : port_at + 2], "big") == UDP_PORT:
            yield packet

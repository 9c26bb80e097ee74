"""Linux as the router: a namespace with two TAPs, forwarding, and an nftables table that masquerades.

What is written to a TAP is routed, translated and queued to the other within that system call, so that every frame
that comes out is known to be caused by the one that went in.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pyroute2 import NetNS

from control.errors import UserError
from control.host.namespaces import run_in_namespace
from control.host.tun import VNET_HEADER_BYTES, attach_tap, require_tun_device
from tests.kernelnat.place import INSIDE_MTU, IPV4, IPV6, OUTSIDE_MTU, Family, Side, mac_of, stations
from tests.netns import IFA_F_NODAD, Namespace, namespaces, require_tools

IFNAMES = {Side.INSIDE: "lan", Side.OUTSIDE: "wan"}
MTUS = {Side.INSIDE: INSIDE_MTU, Side.OUTSIDE: OUTSIDE_MTU}
NUD_PERMANENT = 0x80  # linux/neighbour.h
PLAIN = bytes(VNET_HEADER_BYTES)
TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
LARGEST = 1 << 16

TABLE = """
table inet tapestry_test {
  chain leaving {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
  }
  chain passing {
    type filter hook forward priority filter;
    ct state invalid drop
    iifname "wan" ct state new drop
  }
  chain arriving {
    type filter hook input priority filter;
    iifname "wan" ct state new,invalid drop
  }
}
"""
"""Nobody opens a flow from outside, and what belongs to no flow is dropped rather than forwarded untranslated."""

SETTINGS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv4.conf.default.send_redirects=0",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
)


class Kernel:
    """A router that answers a packet, written to one side, with what comes out."""

    def __init__(self, namespace: Namespace, taps: dict[Side, int]) -> None:
        self.namespace = namespace
        self.taps = taps
        self.macs = {side: link_address(namespace, ifname) for side, ifname in IFNAMES.items()}

    def send(self, side: Side, source: bytes, packet: bytes) -> list[tuple[Side, bytes]]:
        """Send an IP packet to the router from the station with MAC ``source``; return what packets leave it."""
        frame = self.macs[side] + source + TYPES[packet[0] >> 4] + packet
        os.write(self.taps[side], PLAIN + frame)
        return [(out, frame[14:]) for out in Side for frame in self.drain(out) if is_asked_for(frame)]

    def drain(self, side: Side) -> Iterator[bytes]:
        """Yield the frames that wait at a side."""
        while True:
            try:
                yield os.read(self.taps[side], LARGEST)[VNET_HEADER_BYTES:]
            except BlockingIOError:
                return


def is_asked_for(frame: bytes) -> bool:
    """Return whether a frame is a packet that conversations are about: not what IPv6 says by itself on its links."""
    if frame[12:14] == TYPES[4]:
        return True
    is_ipv6 = frame[12:14] == TYPES[6]
    return is_ipv6 and frame[20] != 0 and not (frame[20] == 58 and 130 <= frame[54] <= 143)


def link_address(namespace: Namespace, ifname: str) -> bytes:
    """Return the MAC of an interface."""
    with NetNS(namespace.name) as inside:
        link = inside.get_links(inside.link_lookup(ifname=ifname)[0])[0]
        return bytes.fromhex(link.get_attr("IFLA_ADDRESS").replace(":", ""))


@contextmanager
def kernel_router() -> Iterator[Kernel]:
    """Make the namespace with all that is in it; everything is gone afterwards. Skips without root, nft or nftables."""
    require_tools("nft", "sysctl")
    require_taps()
    with ExitStack() as stack:
        (namespace,) = stack.enter_context(namespaces("masquerade"))
        namespace.run("sysctl", "-q", "-w", *SETTINGS)
        taps = {}
        for side, ifname in IFNAMES.items():
            taps[side] = run_in_namespace(namespace.name, lambda ifname=ifname: attach_tap(ifname).fd)
            stack.callback(os.close, taps[side])
            set_up(namespace, side)
        for family in (IPV4, IPV6):
            add_default_route(namespace, family)
        load_table(namespace)
        yield Kernel(namespace, taps)


def require_taps() -> None:
    """Skip the test where TAPs cannot be made."""
    try:
        require_tun_device()
    except UserError as error:
        pytest.skip(f"needs TAPs: {error}")


def set_up(namespace: Namespace, side: Side) -> None:
    """Give the side's interface its MTU, its addresses, and a neighbour for each station."""
    with NetNS(namespace.name) as inside:
        index = inside.link_lookup(ifname=IFNAMES[side])[0]
        inside.link("set", index=index, state="up", mtu=MTUS[side])
        for family in (IPV4, IPV6):
            address = family.inside_router if side is Side.INSIDE else family.outside_router
            flags = {"flags": IFA_F_NODAD} if family.version == 6 else {}
            inside.addr("add", index=index, address=address, prefixlen=family.prefix[0], **flags)
            for station in stations(family)[side]:
                inside.neigh("add", dst=station, lladdr=mac_of(station).hex(":"), ifindex=index, state=NUD_PERMANENT)


def add_default_route(namespace: Namespace, family: Family) -> None:
    """Let strangers be reached by the gateway."""
    anywhere = {4: "0.0.0.0/0", 6: "::/0"}[family.version]
    with NetNS(namespace.name) as inside:
        inside.route("add", dst=anywhere, gateway=family.gateway)


def load_table(namespace: Namespace) -> None:
    """Load the nftables table; skips where the kernel has none."""
    command = ["nsenter", f"--net={namespace.path}", "--", "nft", "-f", "-"]
    done = subprocess.run(command, input=TABLE, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"needs nftables with masquerade in this kernel: {done.stderr.strip()}")

"""A host with a fabric on it, and a machine outside: what the programs of these tests run between.

    outside 198.51.100.2 ---- 198.51.100.1 host (namespace "home") [uplink] fabric: alice and bob on blue, and others

The outside machine knows nothing of the fabric's networks. It answers DNS where this machine's resolv.conf says
that somebody does, so that the agent's answerer asks it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from control.dns.resolvers import Resolvers
from tests.agent.daemon import Daemon, daemon
from tests.netns import Namespace, connect, namespaces, require_tools, set_up

OUTSIDE4, HOST4 = "198.51.100.2", "198.51.100.1"
OUTSIDE6, HOST6 = "2001:db8:100::2", "2001:db8:100::1"

ALICE4, BOB4, CAROL4 = "10.77.0.2", "10.77.0.3", "10.78.0.2"
ALICE6, BOB6 = "fd77::2", "fd77::3"
PAUL4, PETRA4, PAUL6, PETRA6 = "10.81.0.2", "10.81.0.3", "fd81::2", "fd81::3"

CONFIGURATION = """
uplink: {mode: host}
networks:
  - {name: blue, subnets: [10.77.0.0/24, "fd77::/64"]}
  - {name: green, subnets: [10.78.0.0/24]}
  - {name: shut, subnets: [10.79.0.0/24], internal: true}
  - {name: open, subnets: [10.80.0.0/24], masquerade: false}
  - {name: pods, mode: routed, subnets: [10.81.0.0/24, "fd81::/64"]}
ports:
  - name: alice
    network: blue
    tap: {netns: "@alice", ifname: eth0, make_netns: true}
    publish: ["8080:80", "127.0.0.1:8081:80", "5353:53/udp", "2000-2009:3000-3009"]
  - {name: bob, network: blue, tap: {netns: "@bob", ifname: eth0, make_netns: true}}
  - {name: carol, network: green, tap: {netns: "@carol", ifname: eth0, make_netns: true}}
  - {name: dora, network: shut, tap: {netns: "@dora", ifname: eth0, make_netns: true}}
  - {name: emil, network: open, tap: {netns: "@emil", ifname: eth0, make_netns: true}}
  - {name: paul, network: pods, tap: {netns: "@paul", ifname: eth0, make_netns: true}}
  - {name: petra, network: pods, tap: {netns: "@petra", ifname: eth0, make_netns: true}}
"""


@dataclass(frozen=True)
class World:
    """``home`` is the host."""

    fabric: Daemon
    outside: Namespace

    @property
    def home(self) -> Namespace:
        return self.fabric.home

    def inside(self, name: str) -> Namespace:
        return self.fabric.namespace(name)


@contextmanager
def world(folder: Path, configuration: str = CONFIGURATION) -> Iterator[World]:
    """Make it all; nothing is left afterwards."""
    require_tools("nft", "ip", "sysctl")
    with namespaces("outside") as (outside,), daemon(folder, configuration) as fabric:
        connect(fabric.home, "wan", outside, "eth0")
        set_up(fabric.home, "wan", f"{HOST4}/24", f"{HOST6}/64")
        set_up(outside, "eth0", f"{OUTSIDE4}/24", f"{OUTSIDE6}/64")
        fabric.home.run("ip", "route", "add", "default", "via", OUTSIDE4)
        fabric.home.run("ip", "-6", "route", "add", "default", "via", OUTSIDE6)
        yield World(fabric, outside)


@contextmanager
def resolver(here: World, *options: str) -> Iterator[None]:
    """Answer DNS, with dnsmasq and these options of its, where this machine's resolv.conf says that somebody does."""
    require_tools("dnsmasq")
    addresses = Resolvers().addresses()
    if not addresses or ip_address(addresses[0]).version != 4:
        pytest.skip("needs a nameserver of IPv4 in /etc/resolv.conf")
    place = here.outside
    if ip_address(addresses[0]).is_loopback:
        place = here.home
    else:
        here.outside.run("ip", "address", "add", f"{addresses[0]}/32", "dev", "eth0")
        here.home.run("ip", "route", "add", addresses[0], "via", OUTSIDE4)
    command = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root"]
    command += [f"--listen-address={addresses[0]}", "--bind-interfaces", "--pid-file=", *options]
    with place.running(*command):
        here.fabric.until(lambda: place.run("dig", "+short", f"@{addresses[0]}", "ready.test", check=False).stdout)
        yield

"""The host's table in real use, with an ordinary machine where the fabric would be: who gets through, and as whom.

outside 198.51.100.2 ---- 198.51.100.1 host 169.254.254.1 ---- 169.254.254.2 the machine in the fabric's place
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest

from control.uplink.addresses import HOST_ADDRESSES, HOST_GATEWAYS, HOST_IFNAME
from control.uplink.plan import REFLECTED, HostPlan, Lead
from control.uplink.ruleset import render_ruleset
from tests.netns import PATIENCE_S, Namespace, connect, namespaces, require_tools, set_up

pytestmark = pytest.mark.netns

FABRIC4, FABRIC6 = "169.254.254.2", "fd54:6170:6573::2"
NODE4 = "169.254.254.1"
HOST4, OUTSIDE4, OUTSIDE6, HOST6 = "198.51.100.1", "198.51.100.2", "2001:db8:100::2", "2001:db8:100::1"

PLAN = HostPlan(
    ifname=HOST_IFNAME,
    fabric=tuple(interface.ip for interface in HOST_ADDRESSES),
    host=HOST_GATEWAYS,
    reflected=REFLECTED,
    links=tuple(interface.network for interface in HOST_ADDRESSES),
    routes=(ip_network("10.77.0.0/24"), ip_network("fd77::/64")),
    leads=(
        Lead(4, "tcp", 8080, 8089),
        Lead(6, "tcp", 8080, 8089),
        Lead(4, "tcp", 8099, 8099, ip_address("127.0.0.1")),
        Lead(4, "udp", 5353, 5353),
    ),
)

APPLY = """
import sys
from tests.uplink.test_ruleset import PLAN
from control.uplink.host import HostRouting
HostRouting({}, lambda before: None).apply(PLAN)
"""

SERVE = """
import os, socket, threading
def serve(kind, port):
    server = socket.socket(socket.AF_INET6, kind)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        server.listen()
    os.write(1, b"ready\\n")
    while True:
        if kind == socket.SOCK_STREAM:
            connection, peer = server.accept()
            connection.sendall(peer[0].encode())
            connection.close()
        else:
            _, peer = server.recvfrom(100)
            server.sendto(peer[0].encode(), peer)
for kind, port in ((socket.SOCK_STREAM, 8080), (socket.SOCK_STREAM, 8099), (socket.SOCK_DGRAM, 5353)):
    threading.Thread(target=serve, args=(kind, port)).start()
"""

ASK = """
import socket, sys
kind, address, port, source = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as asking:
    asking.settimeout(2)
    if source:
        asking.bind((source, 0))
    try:
        asking.connect((address, int(port)))
        if kind == "udp":
            asking.send(b"who am I")
        print(asking.recv(100).decode().removeprefix("::ffff:"))
    except OSError:
        print("nobody")
"""


@dataclass(frozen=True)
class Place:
    host: Namespace
    outside: Namespace
    fabric: Namespace


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    require_tools("nft", "ip", "sysctl")
    with namespaces("host", "outside", "fabric") as (host, outside, fabric):
        connect(host, HOST_IFNAME, fabric, "eth0")
        set_up(host, HOST_IFNAME, "169.254.254.1/30", "fd54:6170:6573::1/126", *(f"{each}" for each in REFLECTED))
        set_up(fabric, "eth0", "169.254.254.2/30", "fd54:6170:6573::2/126", "10.77.0.9/24")
        connect(host, "wan", outside, "eth0")
        set_up(host, "wan", f"{HOST4}/24", f"{HOST6}/64")
        set_up(outside, "eth0", f"{OUTSIDE4}/24", f"{OUTSIDE6}/64")
        fabric.run("ip", "route", "add", "default", "via", NODE4)
        fabric.run("ip", "-6", "route", "add", "default", "via", "fd54:6170:6573::1")
        outside.run("ip", "route", "add", "169.254.254.0/24", "via", HOST4)
        host.run(sys.executable, "-c", APPLY)
        here = Place(host, outside, fabric)
        for each in (host, outside, fabric):  # Neighbours are not asked for with a link-local address before that.
            wait_until(lambda each=each: not each.run("ip", "-6", "address", "show", "tentative").stdout)
        with (
            fabric.running(sys.executable, "-c", SERVE) as served,
            outside.running(sys.executable, "-c", SERVE) as more,
        ):
            for server in (served, more):
                assert server.stdout is not None
                assert [server.stdout.readline() for _ in range(3)] == ["ready\n"] * 3
            yield here


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(namespace: Namespace, address: str, port: int = 8080, kind: str = "tcp", source: str = "") -> str:
    """Return as whom the server saw the asker, or "nobody"."""
    return namespace.run(sys.executable, "-c", ASK, kind, address, str(port), source).stdout.strip()


def test_an_outside_client_keeps_its_address(place: Place) -> None:
    assert ask(place.outside, HOST4) == OUTSIDE4
    assert ask(place.outside, HOST6) == OUTSIDE6
    assert ask(place.outside, HOST4, 5353, "udp") == OUTSIDE4


def test_the_host_reaches_published_ports_at_all_its_addresses(place: Place) -> None:
    assert ask(place.host, "127.0.0.1") == NODE4
    assert ask(place.host, "127.0.0.7") == NODE4
    assert ask(place.host, "127.0.0.1", 5353, "udp") == NODE4
    assert ask(place.host, HOST4) == HOST4
    assert ask(place.host, HOST6) == HOST6
    assert ask(place.host, "::1") == "nobody"


def test_a_port_of_loopback_alone_is_the_hosts_alone(place: Place) -> None:
    assert ask(place.host, "127.0.0.1", 8099) == NODE4
    assert ask(place.host, HOST4, 8099) == "nobody"
    assert ask(place.outside, HOST4, 8099) == "nobody"


def test_the_fabric_comes_back_as_neither_itself_nor_the_node(place: Place) -> None:
    assert ask(place.fabric, HOST4) == str(REFLECTED[0])
    assert ask(place.fabric, HOST6) == str(REFLECTED[1])
    assert ask(place.fabric, HOST4, source="10.77.0.9") == str(REFLECTED[0])


def test_what_leaves_with_the_fabrics_address_takes_the_hosts(place: Place) -> None:
    assert ask(place.fabric, OUTSIDE4) == HOST4
    assert ask(place.fabric, OUTSIDE6) == HOST6


def test_nobody_outside_uses_the_addresses_between_host_and_fabric(place: Place) -> None:
    assert ask(place.outside, FABRIC4) == "nobody"
    assert ask(place.outside, NODE4) == "nobody"


def test_the_hosts_loopback_cannot_be_reached_from_the_fabric(place: Place) -> None:
    """Nobody can see a frame that is dropped, so it is looked at where the kernel says what it does to it."""
    place.fabric.run("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1", "net.ipv4.conf.all.route_localnet=1")
    place.fabric.run("ip", "rule", "add", "pref", "0", "to", "127.0.0.0/8", "lookup", "99")
    place.fabric.run("ip", "route", "add", "127.0.0.0/8", "via", NODE4, "dev", "eth0", "src", FABRIC4, "table", "99")
    serve = "import socket; s = socket.create_server(('127.0.0.1', 7000)); print('ready', flush=True); s.accept()"
    with place.host.running(sys.executable, "-c", serve) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        assert ask(place.fabric, "127.0.0.1", 7000) == "nobody"
        assert server.poll() is None


def test_the_table_is_one_change_that_can_be_made_again() -> None:
    text = render_ruleset(PLAN, {4: ["eth0"]})
    assert text.startswith("table inet tapestry\ndelete table inet tapestry\ntable inet tapestry {\n")
    assert text == render_ruleset(PLAN, {4: ["eth0"]})

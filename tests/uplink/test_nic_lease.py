"""A NIC uplink that states no address, beside a real DHCP server: dnsmasq on the other end of the wire."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.client import AgentClient
from tests.agent.daemon import Daemon, daemon
from tests.netns import Namespace, connect, namespaces, require_tools, set_up
from tests.programs import web

pytestmark = pytest.mark.netns

PLAIN = """
networks: [{name: blue, subnets: [10.77.0.0/24]}]
ports:
  - {name: alice, network: blue, tap: {netns: "@alice", ifname: eth0, make_netns: true}}
"""
LEASED = PLAIN.replace("}}", '}, publish: ["8080:80"]}') + "uplink: {mode: nic, ifname: wire}\n"


@contextmanager
def served(folder: Path) -> Iterator[tuple[Daemon, Namespace, Path]]:
    """Run a daemon whose `wire` leads to a namespace where dnsmasq gives addresses; yield its file of leases too."""
    require_tools("dnsmasq", "ip", "curl")
    leases = folder / "leases"
    command = (
        *("dnsmasq", "--keep-in-foreground", "--port=0", "--no-resolv", "--conf-file=/dev/null", "--user=root"),
        *("--interface=eth0", "--bind-interfaces", "--pid-file=", f"--dhcp-leasefile={leases}", "--no-ping"),
        *("--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,1h", "--dhcp-option=3,192.0.2.1"),
    )
    with namespaces("far") as (far,), daemon(folder, PLAIN) as fabric:
        connect(fabric.home, "wire", far, "eth0")
        set_up(far, "eth0", "192.0.2.1/24")
        with far.running(*command):
            fabric.until(leases.exists)
            fabric.write(LEASED)
            fabric.tapestry("reload")
            yield fabric, far, leases


def uplink_of(fabric: Daemon) -> dict[str, list[str]]:
    """Return the uplink as it is in force."""
    uplink: dict[str, list[str]] = AgentClient(fabric.run_dir).configuration()["uplink"]
    return uplink


def get(place: Namespace, url: str) -> str:
    return place.run("curl", "-sS", "--max-time", "20", url, check=False).stdout


def test_it_gets_an_address_keeps_it_and_gives_it_back(tmp_path: Path) -> None:
    with served(tmp_path) as (fabric, far, leases):
        fabric.until(lambda: uplink_of(fabric)["addresses"])
        uplink = uplink_of(fabric)
        (given,) = uplink["addresses"]
        assert given.startswith("192.0.2.1")
        assert given.endswith("/24")
        assert uplink["gateway"] == ["192.0.2.1"]
        assert given.removesuffix("/24") in leases.read_text()

        fabric.ping("alice", "192.0.2.1")
        with (
            far.running(sys.executable, web.__file__, "80"),
            fabric.namespace("alice").running(sys.executable, web.__file__, "80"),
        ):
            outside = given.removesuffix("/24")
            fabric.until(lambda: get(fabric.namespace("alice"), "http://192.0.2.1/") == outside)
            assert len(get(fabric.namespace("alice"), "http://192.0.2.1/2000000")) == 2_000_000
            assert get(far, f"http://{outside}:8080/") == "192.0.2.1"
            assert len(get(far, f"http://{outside}:8080/2000000")) == 2_000_000

        fabric.tapestry("reload")
        assert uplink_of(fabric)["addresses"] == [given]

        fabric.stop(signal.SIGKILL)
        fabric.start()
        assert uplink_of(fabric)["addresses"] == [given]
        fabric.until(lambda: "by DHCP from 192.0.2.1" in fabric.log.read_text())

        fabric.stop()
        fabric.until(lambda: leases.read_text() == "")

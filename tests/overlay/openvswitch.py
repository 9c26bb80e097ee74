"""Open vSwitch as a peer, all in user space: a datapath of type netdev, a bridge for every network, vxlan ports.

Its tunnels look up routes and neighbours themselves, so the node's address moves from its wire to a bridge over it.
It floods from tunnel to tunnel unless they are protected from each other, which is its split horizon.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.netns import Namespace, end, require_tools, set_up
from tests.overlay.stations import Net, Station, plug_in
from tests.overlay.underlay import WIRE, Node, link_to, mac_of, turn_off_checksum_offload

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
OUTSIDE = "phy"
"""The bridge that has the node's address, and its wire as a port."""

QUIET = "-vconsole:warn"
PATIENCE_S = 30


class OpenVswitchNode:
    """A node on which a running Open vSwitch is the VTEP."""

    def __init__(self, node: Node, folder: Path, nets: Sequence[Net], version: int = 4) -> None:
        self.node = node
        self.version = version
        self._database = f"unix:{folder}/db"
        for net in nets:
            self.add_bridge(self._bridge(net))

    def set(self, key: str, value: str) -> None:
        """Set what Open vSwitch calls other_config; some of it is read at its start alone."""
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".", f"other_config:{key}={value}")

    def add_bridge(self, name: str, *settings: str) -> None:
        self._vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", *settings)

    def take_wire(self) -> None:
        """Make the node's wire a port, and give the node's addresses to the bridge over it."""
        place, mac = self.node.place, mac_of(self.node.place, WIRE)
        place.run("ip", "address", "flush", "dev", WIRE)
        self.add_bridge(OUTSIDE, f"other_config:hwaddr={mac}")
        self._vsctl("add-port", OUTSIDE, WIRE, "--", "set", "interface", OUTSIDE, f"mtu_request={self.node.mtu}")
        set_up(place, OUTSIDE, self.node.prefix(4), self.node.prefix(6))
        for version in (4, 6):
            if gateway := self.node.gateway(version):
                place.run("ip", f"-{version}", "route", "replace", "default", "via", gateway)

    def attach(self, station: Station, mtu: int) -> None:
        """Connect a station of this node."""
        ifname = plug_in(station, mtu)
        turn_off_checksum_offload((station.place, "eth0"))
        self._vsctl("add-port", self._bridge(station.net), ifname)

    def add_peer(self, peer: Node, nets: Sequence[Net]) -> None:
        """Make a tunnel to ``peer`` for every network; which stations are behind it is learned."""
        for net in nets:
            port = f"v{net.number}-{peer.number}"
            options = {"remote_ip": peer.address(self.version), "local_ip": self.node.address(self.version)}
            options |= {"key": str(net.vni)}
            settings = [f"options:{key}={value}" for key, value in options.items()]
            self._vsctl(
                *("add-port", self._bridge(net), port, "--", "set", "port", port, "protected=true", "--"),
                *("set", "interface", port, "type=vxlan", *settings),
            )

    def add_station(self, station: Station) -> None:
        """Nothing: it learns."""

    def _vsctl(self, *arguments: str) -> None:
        command = ("ovs-vsctl", f"--db={self._database}", f"--timeout={PATIENCE_S}", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    @staticmethod
    def _bridge(net: Net) -> str:
        return f"br{net.vni}"


@contextmanager
def open_vswitch(
    node: Node, middle: Namespace, folder: Path, nets: Sequence[Net], version: int = 4, **settings: str
) -> Iterator[OpenVswitchNode]:
    """Run Open vSwitch on a node, its wire taken, with ``settings`` of other_config (``_`` for ``-``)."""
    require_tools("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovsdb-tool")
    turn_off_checksum_offload((node.place, WIRE), (middle, link_to(node)))
    subprocess.run(("ovsdb-tool", "create", f"{folder}/conf.db", SCHEMA), check=True)
    environment = os.environ | {"OVS_RUNDIR": str(folder), "OVS_LOGDIR": str(folder), "OVS_SYSCONFDIR": str(folder)}
    database = ("ovsdb-server", f"{folder}/conf.db", f"--remote=punix:{folder}/db", f"--unixctl={folder}/dbctl", QUIET)
    switch = ("ovs-vswitchd", f"unix:{folder}/db", "--disable-system", f"--unixctl={folder}/ctl", QUIET)
    with running_on(node, environment, *database):
        wait_for(folder / "db")
        subprocess.run(("ovs-vsctl", f"--db=unix:{folder}/db", "--no-wait", "init"), check=True)
        made = OpenVswitchNode(node, folder, ())
        for key, value in settings.items():
            made.set(key.replace("_", "-"), value)
        with running_on(node, environment, *switch):
            made.take_wire()
            yield OpenVswitchNode(node, folder, nets, version)


@contextmanager
def running_on(node: Node, environment: dict[str, str], *command: str) -> Iterator[None]:
    """Run a command on a node for as long as the block lasts; what it says goes where the test's own output goes."""
    process = subprocess.Popen(
        ("nsenter", f"--net={node.place.path}", "--", *command), stdin=subprocess.DEVNULL, text=True, env=environment
    )
    try:
        yield
    finally:
        end(process)


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)

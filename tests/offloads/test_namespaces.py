"""Kernels on both sides of the daemon: their superframes arrive, and whoever computes checksums finds them good.

Between two TAPs nobody computes any. Across a veth whose ends have no offloads the sending kernel completes what the
fabric has left of a partial checksum, and the receiving one checks it.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.test_tap_offloads import features
from tests.netns import Namespace, require_tools, set_up
from tests.offloads import uso
from tests.overlay import talk
from tests.programs.world import ALICE4, ALICE6, BOB4, BOB6, HOST4, HOST6, OUTSIDE4, OUTSIDE6, World, world

pytestmark = [pytest.mark.netns, pytest.mark.timeout(900)]

CONFIGURATION = """
uplink: {mode: host}
networks:
  - {name: blue, subnets: [10.77.0.0/24, "fd77::/64"]}
  - {name: x, mode: none}
  - {name: y, mode: none}
  - {name: z, mode: none}
ports:
  - name: alice
    network: blue
    tap: {netns: "@alice", ifname: eth0, make_netns: true}
    publish: ["7001:7000", "7001:7000/udp", "5002:5002/udp"]
  - {name: bob, network: blue, tap: {netns: "@bob", ifname: eth0, make_netns: true}}
  - {name: plain, network: blue, tap: {netns: "@plain", ifname: eth0, make_netns: true, offloads: false}}
  - {name: ada, network: x, vlan: {access: 10}, tap: {netns: "@ada", ifname: eth0, make_netns: true}}
  - {name: x-bridge, network: x, vlan: {trunk: [10]}, tap: {ifname: x-bridge}}
  - {name: y-bridge, network: y, vlan: {trunk: [10]}, tap: {ifname: y-bridge}}
  - {name: yan, network: y, vlan: {access: 10}, tap: {netns: "@yan", ifname: eth0, make_netns: true}}
  - {name: adam, network: x, vlan: {access: 20}, tap: {netns: "@adam", ifname: eth0, make_netns: true}}
  - {name: zoe, network: z, vlan: {access: 20}, tap: {netns: "@zoe", ifname: eth0, make_netns: true}}
"""
WIRES = """
  - {name: x-wire, network: x, vlan: {trunk: [20]}, nic: {ifname: x-wire}}
  - {name: z-wire, network: z, vlan: {trunk: [20]}, nic: {ifname: z-wire}}
"""
"""``ada`` and ``yan`` are joined by a bridge of the kernel between two trunks, ``adam`` and ``zoe`` by a veth."""

ADA4, YAN4, ADA6, YAN6 = "10.90.0.1", "10.90.0.2", "fd90::1", "fd90::2"
ADAM4, ZOE4, ADAM6, ZOE6 = "10.91.0.1", "10.91.0.2", "fd91::1", "fd91::2"
PLAIN4, PLAIN6 = "10.77.0.4", "fd77::4"

WAYS = [
    ("alice", "bob", BOB4, ALICE4),
    ("alice", "bob", BOB6, ALICE6),
    ("alice", "plain", PLAIN4, ALICE4),
    ("plain", "alice", ALICE6, PLAIN6),
    ("ada", "yan", YAN4, ADA4),
    ("ada", "yan", YAN6, ADA6),
    ("adam", "zoe", ZOE4, ADAM4),
    ("adam", "zoe", ZOE6, ADAM6),
    ("alice", "outside", OUTSIDE4, HOST4),
    ("alice", "outside", OUTSIDE6, HOST6),
    ("outside", "alice", HOST4, OUTSIDE4),
    ("outside", "alice", HOST6, OUTSIDE6),
]
"""Who asks whom by which address, and as whom he is seen: bridged, by a TAP without offloads, tagged across a bridge,
and across a wire, masqueraded, and by published ports."""

LARGEST_WIRE_FRAME, SEGMENT_BYTES = 1518, 1448
STREAM_BYTES = 8 << 20


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_tools("ip", "ethtool")
    with world(tmp_path_factory.mktemp("world"), CONFIGURATION) as made:
        home = made.home
        home.run("ip", "link", "add", "x-wire", "type", "veth", "peer", "name", "z-wire")
        home.run("ip", "link", "add", "bridge", "type", "bridge")
        for name in ("x-bridge", "y-bridge"):
            home.run("ip", "link", "set", name, "master", "bridge")
        for name in ("x-wire", "z-wire", "bridge"):
            home.run("ip", "link", "set", name, "up")
        for name, *addresses in (
            ("ada", ADA4, ADA6),
            ("yan", YAN4, YAN6),
            ("adam", ADAM4, ADAM6),
            ("zoe", ZOE4, ZOE6),
        ):
            set_up(made.inside(name), "eth0", f"{addresses[0]}/24", f"{addresses[1]}/64")
        for place, name in ((home, "x-wire"), (home, "z-wire"), (home, "wan"), (made.outside, "eth0")):
            place.run("ethtool", "-K", name, "tx", "off", "rx", "off")
        made.fabric.write(CONFIGURATION + WIRES)
        made.fabric.tapestry("reload")
        for name in ("x-wire", "z-wire"):
            made.fabric.until(lambda name=name: made.fabric.state_of(name) == "up")
        yield made


def place_of(here: World, name: str) -> Namespace:
    return here.outside if name == "outside" else here.inside(name)


def published(asker: str, port: int) -> int:
    return port + 1 if asker == "outside" else port


def wrong_checksums(place: Namespace) -> int:
    """Return how many segments and datagrams a namespace has found to have a wrong checksum."""
    counts = 0
    lines = place.run("cat", "/proc/net/snmp").stdout.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        counts += sum(
            int(value) for name, value in zip(names.split(), values.split(), strict=True) if name == "InCsumErrors"
        )
    for line in place.run("cat", "/proc/net/snmp6").stdout.splitlines():
        name, value = line.split()
        counts += int(value) if name.endswith("InCsumErrors") else 0
    return counts


def mean_received(here: World, port: str) -> float:
    """Return how long the frames were that a port has received so far, all and in the mean."""
    entry = next(each for each in here.fabric.ask("ports") if each["name"] == port)
    return float(entry["rx_bytes"] / max(entry["rx_packets"], 1))


@pytest.mark.parametrize(("asker", "asked", "address", "seen"), WAYS)
def test_what_is_sent_arrives_byte_for_byte(here: World, asker: str, asked: str, address: str, seen: str) -> None:
    """A stream, and datagrams longer than the MTU, there and back."""
    asking, answering = place_of(here, asker), place_of(here, asked)
    before = wrong_checksums(asking) + wrong_checksums(answering)
    with answering.running(sys.executable, talk.__file__, "serve", "7000") as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        sizes = ("100", "1473", "9000", "60000")
        port = str(published(asker, 7000))
        done = asking.run(sys.executable, talk.__file__, "ask", address, port, str(STREAM_BYTES), *sizes)
    assert done.stdout.split() == [seen]
    assert wrong_checksums(asking) + wrong_checksums(answering) == before


@pytest.mark.parametrize("merged", [False, True], ids=["one by one", "merged"])
@pytest.mark.parametrize(("asker", "asked", "address", "seen"), WAYS)
def test_datagrams_of_one_superframe_arrive_in_order(
    here: World, asker: str, asked: str, address: str, seen: str, merged: bool
) -> None:
    receiver = place_of(here, asked)
    before = wrong_checksums(receiver)
    with receiver.running(sys.executable, uso.__file__, "receive", *(["merged"] if merged else [])) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        place_of(here, asker).run(sys.executable, uso.__file__, "send", address)
        reads, arrived = server.stdout.readline().split()
    assert arrived == "True"
    if not merged:
        assert int(reads) == uso.SENDS * uso.SEGMENTS
    assert wrong_checksums(receiver) == before


@pytest.mark.parametrize("options", [(), ("-R",)], ids=["there", "back"])
@pytest.mark.parametrize(("asker", "asked", "address", "seen"), WAYS)
def test_little_of_a_stream_is_sent_twice(
    here: World, asker: str, asked: str, address: str, seen: str, options: tuple[str, ...]
) -> None:
    """What the receiver does not take is sent again and again. Where frames come one by one a short queue overflows at
    times, which is how a stream finds out how fast it may be."""
    require_tools("iperf3")
    if asker == "outside":
        pytest.skip("iperf3 needs the same port on both sides")
    if asker == "adam":
        pytest.skip("a NIC's receive ring has slots for the segments of ten superframes, and is sent more at once")
    server = place_of(here, asked)
    with server.running("iperf3", "-s", "-1"):
        here.fabric.until(lambda: ":5201" in server.run("ss", "-ltn").stdout)
        done = place_of(here, asker).run("iperf3", "-J", "-n", "200M", "-c", address, *options)
    end = json.loads(done.stdout)["end"]
    assert end["sum_received"]["bytes"] >= 190 << 20
    assert end["sum_sent"]["retransmits"] * SEGMENT_BYTES < end["sum_sent"]["bytes"] / 10


def test_a_capture_shows_superframes_and_no_wrong_checksum(here: World, tmp_path: Path) -> None:
    require_tools("iperf3", "tshark")
    capture, bob = tmp_path / "c.pcapng", here.inside("bob")
    with bob.running("iperf3", "-s", "-1"):
        here.fabric.until(lambda: ":5201" in bob.run("ss", "-ltn").stdout)
        with here.fabric.popen("capture", "alice", "-w", str(capture), "-c", "300") as capturing:
            here.fabric.until(lambda: capture.exists() and capture.stat().st_size)
            here.inside("alice").run("iperf3", "-n", "50M", "-c", BOB4)
            assert capturing.wait(30) == 0
    command = ["tshark", "-r", str(capture), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command += ["-T", "fields", "-e", "frame.len", "-e", "tcp.checksum.status"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    lengths, states = zip(*(line.split("\t") for line in shown), strict=True)
    assert len(shown) == 300
    assert max(map(int, lengths)) > LARGEST_WIRE_FRAME
    assert set(states) <= {"1", ""}, "good, or no TCP"


@pytest.mark.parametrize(
    ("port", "has_superframes"),
    [("alice", True), ("ada", True), ("y-bridge", True), ("adam", True), ("z-wire", False), ("plain", False)],
)
def test_superframes_come_where_they_are_asked_for_and_an_interface_that_cannot_is_given_none(
    here: World, port: str, has_superframes: bool
) -> None:
    assert (mean_received(here, port) > LARGEST_WIRE_FRAME) == has_superframes


def test_whoever_takes_over_has_the_same_devices(here: World) -> None:
    """An agent after one that was killed; and a device that somebody took away is made anew as it was."""

    def cuts(name: str) -> bool:
        return "tcp-segmentation-offload" not in features(here.inside(name), "eth0")

    here.fabric.stop(signal.SIGKILL)
    here.fabric.start()
    assert (cuts("alice"), cuts("plain")) == (False, True)
    for name in ("alice", "plain"):
        here.fabric.run_inside(name, "ip", "link", "delete", "eth0")
        here.fabric.until(
            lambda name=name: here.fabric.run_inside(name, "ip", "link", "show", "eth0", check=False).stdout
        )
        here.fabric.until(lambda name=name: here.fabric.state_of(name) == "up")
    assert (cuts("alice"), cuts("plain")) == (False, True)

"""A NIC port and a TAP port of a real worker, on a real veth: guest === TAP === worker === NIC ------ far.

The near end of the veth is the NIC's interface, in a namespace that stands for the machine's own.
"""

import errno
import hashlib
import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_interface
from pathlib import Path
from random import Random

import pytest

from control.fabric import Fabric, PortCounters
from control.host.links import set_link_up
from control.host.namespaces import run_in_namespace
from control.host.packet import ETH_P_ALL, SOL_PACKET, OpenNic, open_nic
from control.host.taps import OpenTap, open_tap
from control.model import Configuration
from dataplane.ports.nic.tables import STATUS_VLAN_VALID
from tests.configurations import access, port, switch, trunk
from tests.dataplane.processes import Agent, Message, shared_fabric, worker_process
from tests.netns import Namespace, connect, namespaces, require_tools, set_up
from tests.packets import BROADCAST, mac, plain, tag, tagged

pytestmark = pytest.mark.netns

GUEST, FAR = "10.9.0.1", "10.9.0.2"
MEGABYTES = 8
PACKET_AUXDATA = 8

RECEIVE = """
import hashlib, socket, sys
listener = socket.create_server((sys.argv[1], 5001), family=socket.AF_INET)
print("listening", flush=True)
connection, _ = listener.accept()
digest, count = hashlib.sha256(), 0
while part := connection.recv(1 << 20):
    digest.update(part)
    count += len(part)
print(count, digest.hexdigest(), flush=True)
"""
SEND = """
import random, socket, sys
data = random.Random(int(sys.argv[2])).randbytes(int(sys.argv[3]) << 20)
connection = socket.create_connection((sys.argv[1], 5001), timeout=30)
connection.sendall(data)
connection.close()
"""


class Cable:
    """The worker with both ports open, and both ends of the way through it."""

    def __init__(self, stack: ExitStack, folder: Path, configuration: Configuration, mtu: int) -> None:
        self.guest, self.near, self.far = stack.enter_context(namespaces("guest", "near", "far"))
        connect(self.near, "wire", self.far, "wire")
        for namespace in (self.guest, self.near, self.far):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        self.fabric: Fabric = stack.enter_context(shared_fabric(configuration))
        worker = stack.enter_context(worker_process(folder))
        self.agent: Agent = stack.enter_context(worker.connect())
        assert self.agent.ask({"op": "attach"}, self.fabric.memory_fd)["op"] == "ready"
        self.tap: OpenTap = open_tap(self.guest.name, "eth0", mtu=mtu, addresses=[ip_interface(f"{GUEST}/24")])
        self.give("tap", self.tap.fd, "tap", {})
        self.open_nic()

    def give(self, name: str, descriptor: int, kind: str, options: dict[str, int]) -> None:
        index = self.fabric.index_of(name)
        asked = {"op": "open_port", "index": index, "kind": kind, "receive": True, "options": options}
        assert self.agent.ask(asked, descriptor) == {"op": "port_open", "index": index}
        os.close(descriptor)
        self.fabric.set_link(name, up=True)

    def open_nic(self) -> None:
        nic: OpenNic = run_in_namespace(self.near.name, lambda: open_nic("wire"))
        self.give("nic", nic.fd, "nic", nic.options)

    def counters(self, name: str) -> PortCounters:
        """Return what has been counted by the end of the burst that is under way."""
        self.agent.ask({"op": "close_port", "index": 99})
        return self.fabric.port_counters()[name]

    def passes(self, *options: str) -> bool:
        """Return whether a ping from the guest is answered."""
        return self.guest.run("ping", "-c1", "-W2", *options, FAR, check=False).returncode == 0

    def failure_of(self, name: str) -> Message:
        """Return what the worker says of a port that fails."""
        message = self.agent.hear()
        assert (message["op"], message["index"]) == ("port_failed", self.fabric.index_of(name))
        return message


Lay = Callable[..., Cable]


@pytest.fixture
def lay_cable(tmp_path: Path) -> Iterator[Lay]:
    require_tools("ip", "ping", "sysctl")
    with ExitStack() as stack:

        def lay(configuration: Configuration | None = None, mtu: int = 1500) -> Cable:
            cable = Cable(stack, tmp_path, configuration or switch(["tap", "nic"]), mtu)
            set_up(cable.far, "wire", f"{FAR}/24")
            return cable

        yield lay


def transfer(sender: Namespace, receiver: Namespace, address: str, seed: int) -> None:
    """Send MEGABYTES over TCP and compare what arrives."""
    with receiver.running(sys.executable, "-c", RECEIVE, address) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        sender.run(sys.executable, "-c", SEND, address, str(seed), str(MEGABYTES))
        data = Random(seed).randbytes(MEGABYTES << 20)
        assert server.stdout.readline().split() == [str(len(data)), hashlib.sha256(data).hexdigest()]


def test_tcp_passes_both_ways_and_superframes_arrive_whole(lay_cable: Lay, seed: int) -> None:
    """A veth's kernel hands over up to 64 KiB at once, checksums still to be computed: the guest's kernel copes."""
    cable = lay_cable()
    transfer(cable.guest, cable.far, FAR, seed)
    before = cable.counters("nic")
    transfer(cable.far, cable.guest, GUEST, seed + 1)
    after = cable.counters("nic")
    mean = (after.rx_bytes - before.rx_bytes) / (after.rx_packets - before.rx_packets)
    assert mean > 2000, "longer than any frame on a wire"


def packet_socket(namespace: Namespace, ifname: str) -> socket.socket:
    """Return a socket that sends and receives whole frames, told of tags beside them."""
    made = run_in_namespace(namespace.name, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.bind((ifname, ETH_P_ALL))
    made.settimeout(20)
    return made


def receive_tagged(packets: socket.socket) -> tuple[bytes, int | None]:
    """Return the next frame and the tag (TCI) that the kernel took out of it, None if there was none."""
    frame, control, _, _ = packets.recvmsg(1 << 16, 64)
    [auxiliary] = [data for _, kind, data in control if kind == PACKET_AUXDATA]
    status, tci = struct.unpack_from("I12xH", auxiliary)
    return frame, tci if status & STATUS_VLAN_VALID else None


def test_tags_are_on_the_wire_and_not_in_the_guest(lay_cable: Lay) -> None:
    """The kernels on either side keep tags beside the frame."""
    cable = lay_cable(switch([port("tap", vlan=access(10)), port("nic", vlan=trunk(10, 20))]))
    frame = plain(BROADCAST, mac(1), 400)
    with packet_socket(cable.guest, "eth0") as guest, packet_socket(cable.far, "wire") as far:
        guest.send(frame)
        assert receive_tagged(far) == (frame, 10)
        answer = plain(mac(1), mac(2), 1000)
        for refused in (answer, tagged(answer, tag(20)), tagged(answer, tag(30))):
            far.send(refused)
        far.send(tagged(answer, tag(10, pcp=5)))
        assert receive_tagged(guest) == (answer, None)
    assert cable.counters("nic").rx_packets >= 4
    assert cable.fabric.drop_counts()["nic"]["vlan_not_member"] == 2


def test_a_frame_too_long_for_the_interface_is_refused_alone(lay_cable: Lay) -> None:
    cable = lay_cable(mtu=9000)
    assert cable.passes()
    before = cable.counters("nic")
    assert not cable.passes("-s", "4000", "-M", "do")
    after = cable.counters("nic")
    assert after.tx_errors > before.tx_errors
    assert cable.passes(), "the port is still there"
    assert cable.fabric.drop_counts()["tap"]["transmit_failed"] >= 1


def test_jumbo_frames_pass_where_the_interface_takes_them(lay_cable: Lay) -> None:
    cable = lay_cable(mtu=9000)
    for namespace in (cable.near, cable.far):
        namespace.run("ip", "link", "set", "wire", "mtu", "9000")
    assert cable.passes("-s", "8972", "-M", "do")


def test_a_carrier_that_comes_and_goes_costs_no_more_than_its_frames(lay_cable: Lay) -> None:
    cable = lay_cable()
    assert cable.passes()
    set_link_up(cable.far.name, "wire", up=False)
    assert not cable.passes()
    set_link_up(cable.far.name, "wire")
    assert cable.passes()


def test_an_interface_that_is_set_down_is_reported_and_may_be_opened_again(lay_cable: Lay) -> None:
    cable = lay_cable()
    assert cable.passes()
    set_link_up(cable.near.name, "wire", up=False)
    assert cable.failure_of("nic")["errno"] == errno.ENETDOWN
    assert not cable.fabric.link_is_up("nic")
    set_link_up(cable.near.name, "wire")
    cable.open_nic()
    assert cable.passes()


def test_an_interface_that_is_removed_is_reported(lay_cable: Lay) -> None:
    cable = lay_cable()
    assert cable.passes()
    cable.far.run("ip", "link", "delete", "wire")
    assert cable.failure_of("nic")["errno"] == errno.ENETDOWN
    assert not cable.passes()
    connect(cable.near, "wire", cable.far, "wire")
    set_up(cable.far, "wire", f"{FAR}/24")
    cable.open_nic()
    cable.guest.run("ip", "neighbour", "flush", "all")  # The new interface has a MAC of its own.
    assert cable.passes()


def test_a_tap_that_is_removed_is_reported_and_the_wire_stays(lay_cable: Lay) -> None:
    cable = lay_cable()
    assert cable.passes()
    cable.guest.run("ip", "link", "delete", "eth0")
    assert cable.failure_of("tap")["errno"] in (errno.EBADFD, errno.EFAULT)
    cable.give("tap", open_tap(cable.guest.name, "eth0", addresses=[ip_interface(f"{GUEST}/24")]).fd, "tap", {})
    assert cable.passes()


def test_frames_pass_while_another_port_fails(lay_cable: Lay) -> None:
    """A TAP that goes takes nothing else with it: TCP between the others does not notice."""
    cable = lay_cable(switch(["tap", "nic", "third"]))
    cable.give("third", open_tap(cable.guest.name, "third").fd, "tap", {})
    remove = threading.Timer(0.05, lambda: cable.guest.run("ip", "link", "delete", "third"))
    remove.start()
    try:
        transfer(cable.far, cable.guest, GUEST, seed=1)
        transfer(cable.guest, cable.far, FAR, seed=2)
    finally:
        remove.join()
    cable.failure_of("third")


@pytest.mark.parametrize("reverse", [[], ["--reverse"]], ids=["out", "in"])
def test_iperf3(lay_cable: Lay, reverse: list[str]) -> None:
    require_tools("iperf3")
    cable = lay_cable()
    with cable.far.running("iperf3", "--server", "--one-off", "--forceflush") as server:
        assert server.stdout is not None
        while "listening" not in server.stdout.readline():
            pass
        report = cable.guest.run("iperf3", "--client", FAR, "--bytes", "32M", "--json", *reverse)
    # What is still on its way when the client has sent all is not counted as received.
    assert json.loads(report.stdout)["end"]["sum_received"]["bytes"] >= 16 << 20

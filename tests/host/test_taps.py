"""TAPs: made or attached to, configured, and refused with a sentence."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_interface

import pytest

from control.errors import UserError
from control.host import tun
from control.host.links import find_link, read_link_counters
from control.host.namespaces import identify_namespace, run_in_namespace
from control.host.taps import OpenTap, open_tap, require_interface_name
from tests.netns import Namespace, namespaces, require_tools

VNET_HEADER = bytes(tun.VNET_HEADER_BYTES)
FRAME = b"\xff" * 6 + bytes.fromhex("020000000001") + b"\x08\x06" + bytes(46)

DATAGRAM = b"a datagram of the test"

Opener = Callable[..., OpenTap]


@pytest.fixture
def inside() -> Iterator[Namespace]:
    require_tools("ip")
    with namespaces("tap") as (namespace,):
        yield namespace


@pytest.fixture
def opened() -> Iterator[Opener]:
    """`open_tap`, whose descriptors are closed when the test ends."""
    with ExitStack() as stack:

        def open_and_keep(*arguments: object, **settings: object) -> OpenTap:
            tap = open_tap(*arguments, **settings)  # type: ignore[arg-type]
            stack.callback(close_quietly, tap.fd)
            return tap

        yield open_and_keep


def close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError as error:
        assert error.errno == errno.EBADF  # noqa: PT017 - the test closed it itself


def test_a_tap_is_made_inside_the_namespace_and_ready(inside: Namespace, opened: Opener) -> None:
    addresses = [ip_interface("10.0.0.1/24"), ip_interface("fd00::1/64")]
    tap = opened(inside.name, "eth0", mac=bytes.fromhex("020000000009"), mtu=1400, addresses=addresses)
    link = find_link(inside.name, "eth0")
    assert link is not None
    assert (link.index, link.kind, link.mac.hex(), link.mtu) == (tap.ifindex, "tun", "020000000009", 1400)
    assert link.passes_frames
    assert tap.made
    assert tap.namespace == identify_namespace(inside.name)
    shown = inside.run("ip", "addr", "show", "eth0").stdout
    assert "inet 10.0.0.1/24" in shown
    assert "inet6 fd00::1/64 scope global nodad" in shown


def test_frames_pass_behind_a_twelve_byte_header(inside: Namespace, opened: Opener) -> None:
    tap = opened(inside.path, "eth0", addresses=[ip_interface("10.0.0.1/24")])
    before = read_link_counters(inside.name, "eth0")
    assert os.write(tap.fd, VNET_HEADER + FRAME) == len(VNET_HEADER) + len(FRAME)
    after = read_link_counters(inside.name, "eth0")
    assert before is not None
    assert after is not None
    assert after.rx_packets == before.rx_packets + 1
    run_in_namespace(inside.name, broadcast_datagram)
    frames = (read[len(VNET_HEADER) :] for read in received(tap.fd))
    assert any(frame.startswith(b"\xff" * 6) and DATAGRAM in frame for frame in frames)


def broadcast_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(DATAGRAM, ("10.0.0.255", 9))


def received(fd: int) -> Iterator[bytes]:
    """Yield what waits; reading never blocks, so this ends."""
    while True:
        try:
            yield os.read(fd, 2000)
        except BlockingIOError:
            return


def test_addresses_already_there_stay(inside: Namespace, opened: Opener) -> None:
    inside.run("ip", "tuntap", "add", "dev", "eth0", "mode", "tap")
    inside.run("ip", "addr", "add", "10.0.0.1/24", "dev", "eth0")
    opened(inside.name, "eth0", addresses=[ip_interface("10.0.0.1/24"), ip_interface("10.0.0.2/24")])
    shown = inside.run("ip", "addr", "show", "eth0").stdout
    assert "10.0.0.1/24" in shown
    assert "10.0.0.2/24" in shown


def test_a_tap_we_made_goes_with_its_last_descriptor(inside: Namespace) -> None:
    tap = open_tap(inside.name, "eth0")
    workers_copy = os.dup(tap.fd)
    os.close(tap.fd)
    assert find_link(inside.name, "eth0") is not None
    os.close(workers_copy)
    assert find_link(inside.name, "eth0") is None


@pytest.mark.parametrize("queues", [(), ("multi_queue",)], ids=["single queue", "multi_queue"])
def test_a_persistent_tap_is_used_and_left_in_place(inside: Namespace, queues: tuple[str, ...]) -> None:
    inside.run("ip", "tuntap", "add", "dev", "vm1", "mode", "tap", *queues)
    for _ in range(2):
        tap = open_tap(inside.name, "vm1")
        assert not tap.made
        assert tap.multi_queue == bool(queues)
        os.write(tap.fd, VNET_HEADER + FRAME)
        os.close(tap.fd)
        assert find_link(inside.name, "vm1") is not None


@pytest.mark.parametrize("queues", [(), ("multi_queue",)], ids=["single queue", "multi_queue"])
def test_a_tap_that_is_held_names_its_holder(inside: Namespace, opened: Opener, queues: tuple[str, ...]) -> None:
    inside.run("ip", "tuntap", "add", "dev", "vm1", "mode", "tap", *queues)
    opened(inside.name, "vm1")
    with pytest.raises(UserError, match=rf"'vm1' in namespace '{inside.name}' is held by process {os.getpid()} \(.+\)"):
        open_tap(inside.name, "vm1")


def test_the_holder_of_a_tap_of_the_same_name_elsewhere_is_not_accused(opened: Opener) -> None:
    require_tools("ip")
    hold = (
        "import sys; from control.host.taps import open_tap; open_tap(sys.argv[1], 'eth0'); print(flush=True); input()"
    )
    with namespaces("ours", "theirs") as (ours, theirs):
        opened(ours.name, "eth0")
        command = [sys.executable, "-c", hold, theirs.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(UserError, match=f"held by process {os.getpid()} "):
                open_tap(ours.name, "eth0")
            with pytest.raises(UserError, match=f"held by process {other.pid} "):
                open_tap(theirs.name, "eth0")
            other.communicate("\n")


@pytest.mark.netns
def test_in_the_agents_own_namespace_a_held_tap_points_to_nic(inside: Namespace) -> None:
    script = (
        "from control.host.taps import open_tap\n"
        "from control.errors import UserError\n"
        "held = open_tap(None, 'vm1')\n"
        "try: open_tap(None, 'vm1')\n"
        "except UserError as error: print(error)\n"
    )
    assert "nic: {ifname: vm1}" in inside.run(sys.executable, "-c", script).stdout


@pytest.mark.netns
def test_in_the_agents_own_namespace_only_the_mtu_is_set(inside: Namespace) -> None:
    inside.run("ip", "tuntap", "add", "dev", "vm1", "mode", "tap")
    before = find_link(inside.name, "vm1")
    script = "from control.host.taps import open_tap; open_tap(None, 'vm1', mac=bytes([2, 0, 0, 0, 0, 9]), mtu=9000)"
    inside.run(sys.executable, "-c", script)
    after = find_link(inside.name, "vm1")
    assert before is not None
    assert after is not None
    assert (after.mac, after.mtu, after.is_up) == (before.mac, 9000, True)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [(("link", "add", "x0", "type", "bridge"), "bridge"), (("tuntap", "add", "dev", "x0", "mode", "tun"), "tun")],
)
def test_a_name_taken_by_something_else_is_told(inside: Namespace, arguments: tuple[str, ...], kind: str) -> None:
    inside.run("ip", *arguments)
    with pytest.raises(UserError, match=rf"'x0' in namespace '.*' is taken: it is no TAP \(kind {kind}\)"):
        open_tap(inside.name, "x0")


def test_a_setting_that_the_kernel_refuses_leaves_no_tap_behind(inside: Namespace) -> None:
    with pytest.raises(UserError, match="cannot set MAC, MTU 70000"):
        open_tap(inside.name, "eth0", mtu=70000)
    assert find_link(inside.name, "eth0") is None


def test_ipv6_turned_off_is_told(inside: Namespace) -> None:
    require_tools("sysctl")
    inside.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    with pytest.raises(UserError, match=r"fd00::1/64: IPv6 is off there"):
        open_tap(inside.name, "eth0", addresses=[ip_interface("fd00::1/64")])


@pytest.mark.parametrize("name", ["", ".", "a b", "a/b", "a:b", "tap%d", "sixteen-letters-", "ä" * 8])
def test_what_cannot_name_an_interface_is_told(name: str) -> None:
    with pytest.raises(UserError, match="cannot name an interface: expected 1 to 15 bytes"):
        require_interface_name(name)


def test_no_tun_device_says_how_to_make_it(tmp_path: object) -> None:
    with pytest.raises(UserError, match="mknod /dev/net/tun c 10 200"):
        tun.require_tun_device(f"{tmp_path}/tun")

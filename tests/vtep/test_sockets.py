"""The sockets of a VTEP: what they are set to, what the kernel says of them, and refusals that say what to do."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from control.errors import UserError
from control.host.namespaces import run_in_namespace
from control.host.underlay import underlay_mtus
from control.host.vtep import (
    FIRST_PORT,
    IP_MTU_DISCOVER,
    IPV6_MTU_DISCOVER,
    LAST_PORT,
    PMTUDISC_DO,
    SENDERS,
    SO_NO_CHECK,
    OpenVtep,
    VtepSettings,
    open_vtep,
)
from dataplane.ports.vtep import tables
from tests.netns import Namespace, connect, namespaces, set_up
from tests.vtep.rig import ADDRESSES, LENGTHS, udp_socket

UDP_SEGMENT = 103
each_version = pytest.mark.parametrize("version", [4, 6])


@contextmanager
def node() -> Iterator[Namespace]:
    """Make a namespace with an address of each version on an interface to another one."""
    with namespaces("node", "other") as (here, there):
        connect(here, "under0", there, "under0")
        for version, (address, other) in ADDRESSES.items():
            set_up(here, "under0", f"{address}/{LENGTHS[version]}")
            set_up(there, "under0", f"{other}/{LENGTHS[version]}")
        yield here


@contextmanager
def opened(namespace: Namespace, settings: VtepSettings) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Open a VTEP; yields its receivers and its senders."""
    vtep: OpenVtep = run_in_namespace(namespace.name, lambda: open_vtep(settings))
    receivers, senders = ([socket.socket(fileno=each) for each in part] for part in (vtep.receivers, vtep.senders))
    try:
        yield receivers, senders
    finally:
        for each in (*receivers, *senders):
            each.close()


def refusal(namespace: Namespace, call: Callable[[], object]) -> str:
    """Return what the user is told."""
    with pytest.raises(UserError) as refused:
        run_in_namespace(namespace.name, call)
    return str(refused.value)


def test_a_worker_has_room_for_all_that_send() -> None:
    """Behind those comes the TAP for uncut superframes."""
    assert SENDERS == tables.SENDERS


@each_version
def test_one_receives_at_the_port_and_many_send_from_ports_of_their_own(version: int) -> None:
    address = ADDRESSES[version][0]
    with node() as here, opened(here, VtepSettings(address, ttl=9)) as (receivers, senders):
        assert [each.getsockname()[:2] for each in receivers] == [(address, 4789)]
        assert {each.getsockname()[0] for each in senders} == {address}
        ports = {each.getsockname()[1] for each in senders}
        assert len(ports) == SENDERS
        assert FIRST_PORT <= min(ports) <= max(ports) <= LAST_PORT
        assert not any(os.get_blocking(each.fileno()) or os.get_inheritable(each.fileno()) for each in senders)
        level, ttl, discover = (
            (socket.IPPROTO_IP, socket.IP_TTL, IP_MTU_DISCOVER)
            if version == 4
            else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER)
        )
        assert {each.getsockopt(level, ttl) for each in senders} == {9}
        assert {each.getsockopt(level, discover) for each in senders} == {PMTUDISC_DO}


def test_what_is_sent_to_a_sending_socket_is_dropped() -> None:
    address = ADDRESSES[4][0]
    with node() as here, opened(here, VtepSettings(address)) as (_, senders):
        other = run_in_namespace(here.name, lambda: udp_socket(address, 0))
        with other:
            other.sendto(b"x", senders[0].getsockname())
            with pytest.raises(BlockingIOError):
                senders[0].recv(10)


@each_version
def test_the_kernel_takes_so_many_datagrams_in_one_message(version: int) -> None:
    """The figures that transmitting relies on."""
    near, far = ADDRESSES[version]

    def sent(sender: socket.socket, length: int, segment: int) -> int:
        """Return 0, or the errno of the refusal."""
        try:
            sender.sendmsg([bytes(length)], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", segment))], 0, (far, 9))
        except OSError as error:
            return error.errno or -1
        return 0

    headers = 28 if version == 4 else 48
    with node() as here, opened(here, VtepSettings(near)) as (_, senders):
        assert sent(senders[0], 64 * 500, 500) == 0
        assert sent(senders[0], 1024 * 50, 50) == errno.EINVAL
        assert sent(senders[0], 3000, 1500 - headers) == 0
        assert sent(senders[0], 3000, 1500 - headers + 1) == errno.EMSGSIZE
        assert sent(senders[0], 65_600, 1400) == errno.EMSGSIZE
        if version == 4:
            senders[0].setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
            assert sent(senders[0], 3000, 1000) == errno.EINVAL


def test_without_checksums_they_say_so() -> None:
    with node() as here, opened(here, VtepSettings(ADDRESSES[4][0], checksum=False)) as (_, senders):
        assert {each.getsockopt(socket.SOL_SOCKET, SO_NO_CHECK) for each in senders} == {1}
        vtep = run_in_namespace(here.name, lambda: open_vtep(VtepSettings(ADDRESSES[6][0], checksum=False)))
        assert vtep.options["cuts"] == 0
        for descriptor in (*vtep.receivers, *vtep.senders):
            os.close(descriptor)


@pytest.mark.parametrize(("version", "group"), [(4, "239.1.1.1"), (6, "ff05::77")])
def test_a_group_is_joined_at_its_interface(version: int, group: str) -> None:
    settings = VtepSettings(ADDRESSES[version][0], group=group, group_interface="under0")
    with node() as here:
        with opened(here, settings) as (receivers, _):
            assert [each.getsockname()[0] for each in receivers] == [settings.address, group]
            assert group in here.run("ip", "maddr", "show", "dev", "under0").stdout
        assert group not in here.run("ip", "maddr", "show", "dev", "under0").stdout


def test_an_address_of_somebody_else_is_refused() -> None:
    with node() as here:
        said = refusal(here, lambda: open_vtep(VtepSettings("192.0.2.77")))
        assert (
            said == "overlay.address: 192.0.2.77 is none of this host's addresses: expected one that `ip address` lists"
        )


def test_a_port_that_is_taken_names_who_has_it() -> None:
    address = ADDRESSES[4][0]
    with node() as here:
        with run_in_namespace(here.name, lambda: udp_socket("0.0.0.0", 4789)):
            said = refusal(here, lambda: open_vtep(VtepSettings(address)))
            assert said.startswith(f"overlay.port: UDP port 4789 at {address} is taken by process {os.getpid()} (")
        here.run(*f"ip link add vx type vxlan id 9 local {address} dstport 4789 dev under0".split())
        here.run("ip", "link", "set", "vx", "up")
        assert "the kernel (a vxlan device, say)" in refusal(here, lambda: open_vtep(VtepSettings(address)))


def test_a_group_without_its_interface_is_refused() -> None:
    with node() as here:
        settings = VtepSettings(ADDRESSES[4][0], group="239.1.1.1", group_interface="gone0")
        said = refusal(here, lambda: open_vtep(settings))
        assert said == "overlay.group_interface: there is no interface 'gone0'"


def mtu(namespace: Namespace, towards: str) -> int | str:
    """Ask from where an event loop runs, as the agent does."""

    async def ask() -> int | str:
        (told,) = underlay_mtus([ip_address(towards)])
        return told

    return run_in_namespace(namespace.name, lambda: asyncio.run(ask()))


def test_the_underlays_mtu_is_that_of_the_way() -> None:
    with node() as here:
        here.run("ip", "link", "set", "under0", "mtu", "1450")
        assert {mtu(here, address) for addresses in ADDRESSES.values() for address in addresses} == {1450}
        here.run("ip", "route", "add", "203.0.113.0/24", "via", ADDRESSES[4][1], "mtu", "1300")
        assert mtu(here, "203.0.113.9") == 1300
        here.run(*["ip", "link", "add", "wide0", "mtu", "9000", "type", "veth", "peer", "name", "wide1"])
        set_up(here, "wide1")
        set_up(here, "wide0", "198.51.100.1/24")
        assert mtu(here, "198.51.100.1") == 9000
        both = f"nexthop via {ADDRESSES[4][1]} nexthop via 198.51.100.2"
        here.run("ip", "route", "add", "10.0.0.0/8", *both.split())
        assert mtu(here, "10.9.8.7") == 1450
        assert mtu(here, "172.16.0.1") == "Network is unreachable"

"""The real machine behind `system.System`, by way of control.host."""

import asyncio
import errno
import fcntl
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_interface

from control.agent.system import HostSide, LinkChange, Watch
from control.agent.worker import PortDescriptor
from control.model import Address
from control.reconcile import Device

TUNGETIFF = 0x800454D2  # linux/if_tun.h
IFREQ_BYTES = 40


class Machine:
    """Devices and namespaces of this machine."""

    def open_device(self, device: Device) -> PortDescriptor:
        if device.kind == "nic":
            from control.host.packet import open_nic

            nic = open_nic(device.ifname)
            return PortDescriptor(nic.fd, "nic", dict(nic.options))
        if device.vtep is not None:
            from control.host.vtep import open_vtep

            vtep = open_vtep(device.vtep)
            first, *others = vtep.descriptors
            return PortDescriptor(first, "vtep", dict(vtep.options), tuple(others))
        from control.host.taps import open_tap

        tap = open_tap(
            device.netns,
            device.ifname,
            mac=bytes.fromhex(device.mac.replace(":", "")),
            mtu=device.mtu,
            addresses=[ip_interface(address) for address in device.addresses],
            gateways=[ip_address(gateway) for gateway in device.gateways],
            offloads=device.offloads,
        )
        return PortDescriptor(tap.fd, "tap")

    def reconfigure_device(self, before: Device, after: Device) -> None:
        from control.agent.readdress import readdress

        if after.kind == "tap":
            readdress(before, after)

    def still_holds(self, port: PortDescriptor) -> bool:
        if port.kind != "tap":
            return False
        try:
            fcntl.ioctl(port.fd, TUNGETIFF, bytes(IFREQ_BYTES))
        except OSError as error:
            return error.errno != errno.EBADFD
        return True

    def require_namespace(self, netns: str) -> None:
        from control.host.namespaces import identify_namespace

        identify_namespace(netns)

    def make_namespace(self, name: str) -> bool:
        from control.host.namespaces import make_namespace

        return make_namespace(name)

    def remove_namespace(self, name: str) -> None:
        from control.host.namespaces import remove_namespace

        remove_namespace(name)

    def host_side(self, before: Mapping[str, str], remember: Callable[[Mapping[str, str]], None]) -> HostSide:
        from control.uplink.host import HostRouting

        return HostRouting(before, remember)

    def underlay_mtus(self, towards: Sequence[Address]) -> Sequence[int | str]:
        from control.host.underlay import underlay_mtus

        return underlay_mtus(towards)

    def look_after_uncut(self) -> str:
        from control.host.uncut import look_after_uncut

        return look_after_uncut()

    def open_rule_news(self) -> socket.socket:
        from control.host.uncut import open_rule_news

        return open_rule_news()

    def has_ipv6(self) -> bool:
        from control.uplink.sysctls import has_ipv6

        return has_ipv6()

    def open_services(
        self, netns: str, ifname: str, router_mac: bytes, addresses: Sequence[Address]
    ) -> list[socket.socket]:
        from control.dns.place import open_services

        return open_services(netns, ifname, router_mac, addresses)

    def watch_links(self, on_change: Callable[[LinkChange], None]) -> Watch:
        return _LinkWatch(on_change)


class _LinkWatch:
    """`control.host.watch.LinkWatcher` in the words of ``LinkChange``."""

    def __init__(self, on_change: Callable[[LinkChange], None]) -> None:
        from control.host.watch import Change, LinkEvent, LinkWatcher

        def translate(event: LinkEvent) -> None:
            gone = event.change is Change.NAMESPACE_REMOVED
            passes = event.link is not None and event.link.passes_frames
            on_change(LinkChange(event.netns, event.ifname, event.link is not None, passes, gone))

        self._watcher = LinkWatcher(translate, asyncio.get_running_loop())

    def watch(self, netns: str | None, ifname: str) -> LinkChange:
        link = self._watcher.watch(netns, ifname)
        if link is None:  # The namespace may be newer than the watcher's last look.
            self._watcher.check_namespaces()
            link = self._watcher.watch(netns, ifname)
        return LinkChange(netns, ifname, link is not None, link is not None and link.passes_frames)

    def unwatch(self, netns: str | None, ifname: str) -> None:
        self._watcher.unwatch(netns, ifname)

    def close(self) -> None:
        self._watcher.close()

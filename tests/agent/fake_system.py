"""A machine made of pipes: devices that tests can take away, namespaces that are names in a set."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from control.agent.system import LinkChange
from control.agent.worker import PortDescriptor
from control.errors import UserError
from control.model import Address
from control.reconcile import Device
from control.uplink.plan import HostPlan, Lead

Place = tuple[str | None, str]


class FakeWatch:
    """Remembers what is watched, and reports what the test says."""

    def __init__(self, system: "FakeSystem", on_change: Callable[[LinkChange], None]) -> None:
        self.system = system
        self.on_change = on_change
        self.watched: set[Place] = set()

    def watch(self, netns: str | None, ifname: str) -> LinkChange:
        self.watched.add((netns, ifname))
        return self.system.look(netns, ifname)

    def unwatch(self, netns: str | None, ifname: str) -> None:
        self.watched.discard((netns, ifname))

    def close(self) -> None:
        self.watched.clear()


@dataclass
class FakeHostSide:
    """Keeps the plan that is in force. ``refusal`` says why it cannot be; ``undone`` that somebody changed it."""

    plan: HostPlan | None = None
    before: dict[str, str] = field(default_factory=dict)
    remember: Callable[[Mapping[str, str]], None] = lambda _: None
    refusal: str = ""
    undone: str | None = None
    applied: int = 0

    def check(self, plan: HostPlan, present: Sequence[Lead]) -> None:
        if self.refusal:
            raise UserError(self.refusal)

    def apply(self, plan: HostPlan) -> None:
        self.plan, self.before = plan, {"ipv4/ip_forward": "0"}
        self.applied += 1
        self.remember(self.before)

    def look_after(self) -> str | None:
        undone, self.undone = self.undone, None
        return undone

    def remove(self) -> None:
        self.plan, self.before = None, {}
        self.remember(self.before)


@dataclass
class FakeSystem:
    """Holds the other end of every device. ``refused`` says why a place cannot be opened; ``opened`` counts.

    ``ways`` are the MTUs of ways other than of 1500 bytes, or why there is none.
    """

    namespaces: set[str] = field(default_factory=set)
    refused: dict[Place, str] = field(default_factory=dict)
    unmakeable: set[str] = field(default_factory=set)
    ways: dict[str, int | str] = field(default_factory=dict)
    down: set[Place] = field(default_factory=set)
    devices: dict[Place, int] = field(default_factory=dict)
    settings: dict[Place, Device] = field(default_factory=dict)
    opened: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    watches: list[FakeWatch] = field(default_factory=list)
    host: FakeHostSide = field(default_factory=FakeHostSide)
    services: list[tuple[str, ...]] = field(default_factory=list)
    looked_after_uncut: int = 0
    rule_news: socket.socket | None = None

    def open_device(self, device: Device) -> PortDescriptor:
        if device.netns is not None:
            self.require_namespace(device.netns)
        if device.place in self.refused:
            raise UserError(self.refused[device.place])
        ours, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.close_our_end(device.place)
        self.devices[device.place] = ours
        self.settings[device.place] = device
        self.opened[device.port] += 1
        others = (os.dup(theirs), os.dup(theirs)) if device.vtep is not None else ()
        return PortDescriptor(theirs, device.kind, {}, others)

    def reconfigure_device(self, before: Device, after: Device) -> None:
        assert self.settings[before.place] == before
        self.settings[after.place] = after
        if before == after:
            self.restored[after.port] += 1

    def still_holds(self, port: PortDescriptor) -> bool:
        return False

    def require_namespace(self, netns: str) -> None:
        if netns not in self.namespaces:
            raise UserError(f"namespace '{netns}' does not exist")

    def make_namespace(self, name: str) -> bool:
        if name in self.unmakeable:
            raise UserError(f"cannot make namespace '{name}'")
        is_new = name not in self.namespaces
        self.namespaces.add(name)
        return is_new

    def remove_namespace(self, name: str) -> None:
        self.namespaces.discard(name)

    def host_side(self, before: Mapping[str, str], remember: Callable[[Mapping[str, str]], None]) -> "FakeHostSide":
        self.host.before, self.host.remember = dict(before), remember
        return self.host

    def underlay_mtus(self, towards: Sequence[Address]) -> list[int | str]:
        return [self.ways.get(str(address), 1500) for address in towards]

    def look_after_uncut(self) -> str:
        self.looked_after_uncut += 1
        return ""

    def open_rule_news(self) -> socket.socket:
        self.close_rule_news()
        self.rule_news, news = socket.socketpair()
        news.setblocking(False)
        return news

    def has_ipv6(self) -> bool:
        return True

    def open_services(
        self, netns: str, ifname: str, router_mac: bytes, addresses: Sequence[Address]
    ) -> list[socket.socket]:
        assert (netns, ifname) in self.devices
        self.services.append(tuple(map(str, addresses)))
        return []

    def watch_links(self, on_change: Callable[[LinkChange], None]) -> FakeWatch:
        self.watches.append(FakeWatch(self, on_change))
        return self.watches[-1]

    def look(self, netns: str | None, ifname: str) -> LinkChange:
        place = (netns, ifname)
        return LinkChange(netns, ifname, place in self.devices, place in self.devices and place not in self.down)

    def is_held(self, netns: str | None, ifname: str) -> bool:
        """Return whether anybody has a descriptor of the device: a pipe without a writer is at its end."""
        try:
            return os.read(self.devices[netns, ifname], 1) != b""
        except BlockingIOError:
            return True

    def set_link(self, netns: str | None, ifname: str, up: bool) -> None:
        (self.down.discard if up else self.down.add)((netns, ifname))
        self.report(self.look(netns, ifname))

    def delete_device(self, netns: str | None, ifname: str) -> None:
        self.close_our_end((netns, ifname))
        self.report(LinkChange(netns, ifname, False, False))

    def delete_namespace(self, name: str) -> None:
        self.namespaces.discard(name)
        for netns, ifname in list(self.devices):
            if netns == name:
                self.report(LinkChange(netns, ifname, False, False, namespace_gone=True))

    def report(self, change: LinkChange) -> None:
        for watch in self.watches:
            if (change.netns, change.ifname) in watch.watched:
                watch.on_change(change)

    def close_rule_news(self) -> None:
        if self.rule_news is not None:
            self.rule_news.close()

    def close_our_end(self, place: Place) -> None:
        if place in self.devices:
            os.close(self.devices.pop(place))

    def close(self) -> None:
        self.close_rule_news()
        for place in list(self.devices):
            self.close_our_end(place)

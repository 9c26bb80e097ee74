"""What the agent asks of the machine: an interface, so that tests can stand in for it; `Machine` is the real one.

Calls about devices and namespaces may block for some milliseconds (netlink, ioctl); the agent makes them from a thread.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from control.agent.worker import PortDescriptor
from control.model import Address
from control.reconcile import Device
from control.uplink.plan import HostPlan, Lead


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What became of a watched device. ``is_there``: there is a device of that name in that namespace now.

    ``namespace_gone``: the namespace's name is gone or leads to another one; what is held in the old one is to be let
    go, although it works still.
    """

    netns: str | None
    ifname: str
    is_there: bool
    passes_frames: bool
    namespace_gone: bool = False


class Watch(Protocol):
    """Follows devices by place from the event loop."""

    def watch(self, netns: str | None, ifname: str) -> LinkChange:
        """Follow the device from now on; return how it is."""
        ...

    def unwatch(self, netns: str | None, ifname: str) -> None: ...

    def close(self) -> None: ...


class HostSide(Protocol):
    """The host's side of a host uplink; see `control.uplink.host`."""

    def check(self, plan: HostPlan, present: Sequence[Lead]) -> None:
        """Raise UserError if the plan cannot be carried out; ``present`` are the ports that are ours already."""
        ...

    def apply(self, plan: HostPlan) -> None:
        """Set everything up; UserError where the host refuses."""
        ...

    def look_after(self) -> str | None:
        """Do again what somebody undid; return a sentence about it, None if all is well."""
        ...

    def remove(self) -> None:
        """Take everything away and put back what was there."""
        ...


class System(Protocol):
    """The machine. What it cannot do it refuses with a UserError that says what to do."""

    def open_device(self, device: Device) -> PortDescriptor:
        """Open and configure the device; the descriptor is the caller's."""
        ...

    def reconfigure_device(self, before: Device, after: Device) -> None:
        """Change MAC, MTU and addresses of a device that is there."""
        ...

    def still_holds(self, port: PortDescriptor) -> bool:
        """Return whether there still is a device behind the descriptor, wherever it was moved."""
        ...

    def require_namespace(self, netns: str) -> None:
        """Raise UserError unless the namespace is there."""
        ...

    def make_namespace(self, name: str) -> bool:
        """Make the namespace; False if it is there already."""
        ...

    def remove_namespace(self, name: str) -> None: ...

    def host_side(self, before: Mapping[str, str], remember: Callable[[Mapping[str, str]], None]) -> HostSide:
        """Return the host's side of a host uplink. ``before`` is what ``remember`` was told by an earlier one."""
        ...

    def underlay_mtus(self, towards: Sequence[Address]) -> Sequence[int | str]:
        """Return the MTU of the host's way to each address, in bytes, or why there is no way."""
        ...

    def look_after_uncut(self) -> str:
        """Let superframes go uncut only while the host filters nothing that it forwards; return a sentence if that
        changed, else nothing."""
        ...

    def open_rule_news(self) -> socket.socket:
        """Return a socket that can be read when the host's packet filter has changed; OSError if nobody tells."""
        ...

    def has_ipv6(self) -> bool:
        """Return whether devices in the agent's own namespace may have IPv6 addresses."""
        ...

    def open_services(
        self, netns: str, ifname: str, router_mac: bytes, addresses: Sequence[Address]
    ) -> list[socket.socket]:
        """Return sockets for the services, UDP and TCP at each address; answers leave by the device, to the router."""
        ...

    def watch_links(self, on_change: Callable[[LinkChange], None]) -> Watch:
        """Start a watcher on the running event loop."""
        ...

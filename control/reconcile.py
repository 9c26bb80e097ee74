"""Desired against applied: which steps, in which order, take the machine from one to the other. Pure: no I/O, no clock.

Goals: applying the difference touches nothing that stays; the same difference is never empty twice; the order in which
a configuration lists its ports, and whether it changed in one step or in ten, makes no difference to where it ends.

Invariants of a plan, at every prefix of it:
- two open devices never share a name in one namespace,
- a device is opened in a namespace only after the namespace was asked for, and a namespace is let go only when empty.

Limits: it plans what the agent commits to. A device that cannot be opened right now is the business of the port's
keeper, which tries again; it is not planned anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from control.host.vtep import VtepSettings
from control.model import ROUTED_GATEWAYS, Address, Configuration, Interface, Nic, Pcap, Port, Tap, Vtep
from control.uplink.plan import host_end


@dataclass(frozen=True, slots=True)
class Device:
    """What one port needs of the system: which device, where, and what is set on it.

    ``netns`` None is the agent's own namespace. ``addresses`` are in CIDR form; ``mac`` is aa:bb:cc:dd:ee:ff or empty
    where the device keeps its own; ``mtu`` is in bytes, 0 where it is not ours to set. ``gateways``, without a prefix
    length, are the ways to everywhere else. ``offloads``, of a TAP: what comes by it may be superframes, with partial
    checksums. ``vtep`` is what a device of that kind is, which has no name; its link is that of the interface by
    which it is in a multicast group, for that ends with the interface, or none.
    """

    port: str
    kind: str
    ifname: str
    netns: str | None = None
    make_netns: bool = False
    mac: str = ""
    mtu: int = 0
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    offloads: bool = True
    vtep: VtepSettings | None = None

    @property
    def has_link(self) -> bool:
        """Whether it is an interface of some namespace, which comes and goes, and is up or down."""
        return self.ifname != ""

    @property
    def place(self) -> tuple[str | None, str]:
        """Where the device is: no two can be in one place."""
        return self.netns, self.ifname

    def is_same_device(self, other: "Device") -> bool:
        """Return whether going from one to the other is a matter of settings, and traffic need not stop."""
        return self._identity == other._identity

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.place, self.kind, self.offloads, self.vtep


@dataclass(frozen=True, slots=True)
class Committed:
    """What the agent keeps up: devices by port name, and the namespaces it answers for (made by it, when missing)."""

    devices: Mapping[str, Device] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClosePort:
    """Take the device from the workers and let go of it."""

    device: Device


@dataclass(frozen=True, slots=True)
class RemoveNamespace:
    """Let go of the namespace: remove it if the agent made it."""

    name: str


@dataclass(frozen=True, slots=True)
class MakeNamespace:
    """Answer for the namespace: make it if it is missing."""

    name: str


@dataclass(frozen=True, slots=True)
class ReconfigurePort:
    """Change settings of an open device; frames keep flowing."""

    before: Device
    after: Device


@dataclass(frozen=True, slots=True)
class OpenPort:
    """Open the device and give it to the workers."""

    device: Device


Action = ClosePort | RemoveNamespace | MakeNamespace | ReconfigurePort | OpenPort


def plan_actions(applied: Committed, desired: Committed) -> tuple[Action, ...]:
    """Return the steps from ``applied`` to ``desired``, none if they are the same; sorted, so a plan is repeatable.

    A namespace that ``desired`` does not ask for is let go of when no device is left in it, not before.
    """
    close, reconfigure, reopen = [], [], []
    for name, device in sorted(applied.devices.items()):
        wanted = desired.devices.get(name)
        if wanted is None or not device.is_same_device(wanted):
            close.append(ClosePort(device))
        elif wanted != device:
            reconfigure.append(ReconfigurePort(device, wanted))
    occupied = {device.netns for device in desired.devices.values()}
    closed = {action.device.port for action in close}
    for name, device in sorted(desired.devices.items()):
        if name in closed or name not in applied.devices:
            reopen.append(OpenPort(device))
    return (
        *close,
        *(RemoveNamespace(name) for name in sorted(applied.namespaces - desired.namespaces - occupied)),
        *(MakeNamespace(name) for name in sorted(desired.namespaces - applied.namespaces)),
        *reconfigure,
        *reopen,
    )


def commit_to(configuration: Configuration) -> Committed:
    """Return what the agent has to keep up for a configuration."""
    ports = (port for port in configuration.ports if has_device(port))
    devices = {port.name: device_of(port, configuration) for port in ports}
    return Committed(devices, namespaces_of(devices.values()))


def has_device(port: Port) -> bool:
    """Whether the port has a device of its own: not one of replay, nor a tunnel of raw frames, which uses another's."""
    return not isinstance(port.attachment, Pcap) and port.attachment != Vtep("raw")


def namespaces_of(devices: Iterable[Device]) -> frozenset[str]:
    """Return the namespaces that the agent answers for, given the devices it keeps."""
    return frozenset(device.netns for device in devices if device.make_netns and device.netns is not None)


def device_of(port: Port, configuration: Configuration) -> Device:
    """Return what ``port`` needs of the system; a TAP is ours to set up, a NIC is as its owner has it."""
    attachment = port.attachment
    if isinstance(attachment, Nic):
        return Device(port.name, "nic", attachment.ifname)
    if isinstance(attachment, Vtep):
        settings = vtep_settings(configuration)
        return Device(port.name, "vtep", settings.group_interface, vtep=settings)
    if not isinstance(attachment, Tap):
        raise TypeError(f"port {port.name} has no device: {attachment}")
    return Device(
        port.name,
        "tap",
        attachment.ifname,
        netns=attachment.netns,
        make_netns=attachment.make_netns,
        mac=port.mac.hex(":"),
        mtu=configuration.mtu_of(port),
        addresses=tuple(str(address) for address in _addresses_of(port, configuration)),
        gateways=tuple(str(gateway) for gateway in _gateways_of(port, attachment, configuration)),
        offloads=attachment.offloads and not _is_wrapped_here(port, configuration),
    )


def _is_wrapped_here(port: Port, configuration: Configuration) -> bool:
    """Return whether frames from ``port`` to other nodes are wrapped by the fabric itself: then they are to come as
    they are on a wire, for a burst has room for the segments of a few superframes only."""
    overlay = configuration.overlay
    if overlay is None or overlay.transport != "raw" or not port.network:
        return False
    return configuration.network(port.network).mode == "overlay"


def vtep_settings(configuration: Configuration) -> VtepSettings:
    """Return what the sockets of the overlay's tunnels are made by."""
    overlay = configuration.overlay
    if overlay is None:
        raise TypeError("a configuration without overlay has no tunnel")
    return VtepSettings(
        str(overlay.address),
        overlay.port,
        overlay.ttl,
        overlay.checksum,
        "" if overlay.group is None else str(overlay.group),
        overlay.group_interface,
        overlay.uncut,
    )


def _addresses_of(port: Port, configuration: Configuration) -> tuple[Interface, ...]:
    """Return what is set on a TAP: the port's addresses, but at a host uplink, whose other end is the host."""
    uplink = configuration.uplink
    if uplink is not None and uplink.mode == "host" and uplink.port == port.name:
        return host_end(configuration)
    return port.addresses


def _gateways_of(port: Port, attachment: Tap, configuration: Configuration) -> tuple[Address, ...]:
    """Return where a port's machine sends what is not for its network; nowhere if there is no way out and none to
    another network, or if it is not ours to set up."""
    if not port.network or attachment.netns is None:
        return ()
    network = configuration.network(port.network)
    if network.mode == "none" or (network.internal and not _is_routed_between_networks(configuration)):
        return ()
    own = {address.version for address in port.addresses}
    gateways = {gateway.version: gateway for gateway in reversed(network.gateway)}
    if network.mode == "routed":
        gateways = {gateway.version: gateway for gateway in ROUTED_GATEWAYS} | gateways
    return tuple(gateway for version, gateway in sorted(gateways.items()) if version in own)


def _is_routed_between_networks(configuration: Configuration) -> bool:
    """Return whether a written route leads into a network, so that others send there, and are answered."""
    subnets = [subnet for network in configuration.networks for subnet in network.subnets]
    return any(
        route.network
        or any(hop.version == subnet.version and hop in subnet for hop, _ in route.via for subnet in subnets)
        for route in configuration.routes
    )

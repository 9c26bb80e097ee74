"""Where a packet comes in, and which MACs it carries: as the station that sends it would choose."""

from ipaddress import IPv4Address
from typing import NamedTuple

from control.config.allocate import derive_mac
from control.config.subnets import subnet_of
from control.errors import UserError
from control.explain.packet import Packet
from control.fabric.interfaces import UPLINK_KEY, InterfaceKey, InterfacePlan
from control.fabric.plan import Plan, PortPlan
from control.model import TUNNEL, Address, Network, Port
from control.overlay.store import PeerStore

BROADCAST = b"\xff" * 6


class Place(NamedTuple):
    """The port that the packet comes in by, the tag and the MACs that it carries there, and what was assumed."""

    port: PortPlan
    vlan: int | None
    source_mac: bytes
    destination_mac: bytes
    receiver: PortPlan | None
    """The port behind which the destination MAC is known to be, if it is a station's."""
    assumed: tuple[str, ...]


def place_packet(packet: Packet, plan: Plan, in_port: str | None, others: PeerStore) -> Place:
    """Return where the packet comes in; UserError if nobody can tell. ``others``: what is known of other nodes."""
    port = _named(in_port, plan) if in_port else _port_of_source(packet.source, plan)
    assumed: list[str] = []
    source_mac = mac_of(port, packet.source, plan, assumed)
    interface = interface_at(port, plan)
    receiver = None
    if packet.destination.is_multicast or packet.destination == IPv4Address("255.255.255.255"):
        destination_mac = group_mac(packet.destination)
    elif interface is not None and not _is_on_link(packet.destination, port, interface, plan):
        destination_mac = interface.mac
    else:
        receiver = owner_of(packet.destination, port.port.network, plan)
        remote_mac = others.mac_of(port.port.network, packet.destination)
        if remote_mac:
            destination_mac = remote_mac
        elif receiver is None:
            assumed.append(f"{packet.destination} has a MAC that nobody has used yet: no port states the address")
            destination_mac = station_mac(packet.destination, plan)
        else:
            destination_mac = mac_of(receiver, packet.destination, plan, assumed)
    return Place(port, _tag(packet, port), source_mac, destination_mac, receiver, tuple(assumed))


def _named(name: str, plan: Plan) -> PortPlan:
    if name not in plan.ports:
        known = ", ".join(plan.ports) or "none"
        raise UserError(f"--in-port: expected one of the ports, {known}, found {name}", status=2)
    return plan.ports[name]


def _port_of_source(source: Address, plan: Plan) -> PortPlan:
    """Return the port that has the address; else the one port where somebody unnamed can be; else the uplink."""
    owners = [each for each in plan.ports.values() if any(one.ip == source for one in each.port.addresses)]
    if len(owners) > 1:
        raise UserError(f"{source} is on the ports {_names(owners)}: say which with --in-port", status=2)
    if owners:
        return owners[0]
    networks = {each.name for each in plan.configuration.networks if subnet_of(source, each.subnets)}
    if networks:
        unnamed = [each for each in plan.ports.values() if each.port.network in networks and not each.port.addresses]
        if len(unnamed) == 1:
            return unnamed[0]
        raise UserError(f"no port has the address {source}: say where it comes in with --in-port", status=2)
    uplink = plan.configuration.uplink
    if uplink is None or uplink.port not in plan.ports:
        raise UserError(f"{source} is on no network, and there is no uplink: say with --in-port where", status=2)
    return plan.ports[uplink.port]


def _names(ports: list[PortPlan]) -> str:
    return ", ".join(each.port.name for each in ports)


def interface_at(port: PortPlan, plan: Plan) -> InterfacePlan | None:
    """Return the router's interface in the domain of the port's untagged frames."""
    return next((each for each in plan.interfaces.values() if port.native_domain in each.domains), None)


def _is_on_link(destination: Address, port: PortPlan, interface: InterfacePlan, plan: Plan) -> bool:
    """Whether a station at the port would send to the destination's own MAC, not to the router's."""
    network = _network_of(port.port, plan)
    if network is None or not network.is_bridged or destination in interface.addresses:
        return False
    return subnet_of(destination, network.subnets) is not None


def _network_of(port: Port, plan: Plan) -> Network | None:
    return next((each for each in plan.configuration.networks if each.name == port.network), None)


def owner_of(address: Address, network: str, plan: Plan) -> PortPlan | None:
    """Return the port of a network that has the address."""
    for each in plan.ports.values():
        if each.port.network == network and any(one.ip == address for one in each.port.addresses):
            return each
    return None


def answerer_of(address: Address, domain: int, plan: Plan) -> PortPlan | None:
    """Return the port at which an address of a domain would answer: its owner, else the one where it can only be."""
    members = [each for each in plan.ports.values() if any(number == domain for _, number in each.domains)]
    for each in members:
        if any(one.ip == address for one in each.port.addresses):
            return each
    unnamed = [each for each in members if not each.port.addresses and each.port.name != TUNNEL]
    return unnamed[0] if len(unnamed) == 1 else None


def mac_of(port: PortPlan, address: Address, plan: Plan, assumed: list[str]) -> bytes:
    """Return the MAC that a station behind a port has: the port's own, else one made up, which is noted."""
    is_uplinks = UPLINK_KEY in plan.interfaces and port.native_domain in plan.interfaces[UPLINK_KEY].domains
    if port.port.mac:
        return port.port.mac
    mac = station_mac(address, plan)
    if not is_uplinks:
        assumed.append(f"{address} at port {port.port.name} has the MAC {mac.hex(':')}: none is stated")
    return mac


def station_mac(address: Address, plan: Plan) -> bytes:
    """Return a MAC for a station that states none."""
    return derive_mac(plan.configuration.node, "explain", str(address))


def group_mac(address: Address) -> bytes:
    """Return the MAC of a group (RFC 1112 section 6.4, RFC 2464 section 7), or of everybody."""
    if address.version == 6:
        return b"\x33\x33" + address.packed[-4:]
    if not address.is_multicast:
        return BROADCAST
    low = int(address) & 0x7F_FFFF
    return b"\x01\x00\x5e" + low.to_bytes(3, "big")


def _tag(packet: Packet, port: PortPlan) -> int | None:
    """Return the tag that the packet comes in with: the one asked for, else a trunk's first where it must have one."""
    if packet.vlan is not None or port.native_domain or not port.port.vlan:
        return packet.vlan
    return next((vlan for vlan, _ in port.domains if vlan is not None), None)


def interface_name(key: InterfaceKey) -> str:
    """Return what an interface is called: its network, or what else it is for."""
    return key.network or key.kind

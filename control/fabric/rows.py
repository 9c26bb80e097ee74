"""From a port's plan to its rows in each feature's table."""

from ipaddress import IPv4Address

from control.fabric.domains import DomainKey, is_tunnel
from control.fabric.interfaces import UPLINK_KEY, InterfacePlan
from control.fabric.plan import Plan, PortPlan
from control.model import TUNNEL, Address
from dataplane.admit.build import AdmitPort
from dataplane.admit.tables import CHECK_ADDRESSES, CHECK_MAC, ENCAPSULATED, TRANSPARENT, TRUNK, UNTAGGED
from dataplane.forward.build import ForwardPort
from dataplane.forward.tables import HAIRPIN, ISOLATED, TAGGING
from dataplane.interfaces.build import InterfaceRow, Services
from encap.build import NetworkRow, VtepRow

IPV4_MAPPED = b"\0" * 10 + b"\xff\xff"


def mac_number(mac: bytes) -> int:
    """Return a MAC as columns hold it: its first byte is the lowest."""
    return int.from_bytes(mac, "little")


def address_bytes(address: Address) -> bytes:
    """Return 16 bytes, IPv4 mapped (RFC 4291 section 2.5.5.2)."""
    return IPV4_MAPPED + address.packed if isinstance(address, IPv4Address) else address.packed


def address_number(address: Address) -> int:
    """Return a number of 128 bits, IPv4 mapped."""
    return int.from_bytes(address_bytes(address), "big")


def is_trunk(plan: PortPlan) -> bool:
    """Whether the port's frames may carry a tag."""
    return plan.vlan_aware and plan.port.vlan is not None and plan.port.vlan.is_trunk


def admit_row(plan: PortPlan) -> AdmitPort:
    """Return what admission must know of the port."""
    port = plan.port
    checks = 0
    if port.spoof_check:
        checks = CHECK_ADDRESSES | (CHECK_MAC if port.mac_known else 0)
    vlan_mode = ENCAPSULATED if is_tunnel(port) else TRANSPARENT
    if plan.vlan_aware:
        vlan_mode = TRUNK if is_trunk(plan) else UNTAGGED
    return AdmitPort(
        mac=mac_number(port.mac),
        addresses=tuple(address_bytes(interface.ip) for interface in port.addresses),
        checks=checks,
        vlan_mode=vlan_mode,
        native_domain=plan.native_domain,
        domain_of_vlan=tuple((vlan, domain) for vlan, domain in plan.domains if vlan is not None)
        if is_trunk(plan)
        else (),
        storm_rates=(port.storm.broadcast, port.storm.multicast, port.storm.unknown_unicast),
    )


def forward_row(plan: PortPlan) -> ForwardPort:
    """Return what forwarding must know of the port. Who is behind the tunnel counts as an endpoint, so that those that
    are kept apart are kept from other nodes' as well."""
    is_isolated = plan.isolated or is_tunnel(plan.port)
    traits = (
        (ISOLATED if is_isolated else 0) | (HAIRPIN if plan.port.hairpin else 0) | (TAGGING if is_trunk(plan) else 0)
    )
    return ForwardPort(native_domain=plan.native_domain, traits=traits)


def interface_row(plan: InterfacePlan) -> InterfaceRow:
    """Return what the router must know of one of its interfaces."""
    addresses4 = [address for address in plan.addresses if address.version == 4]
    addresses6 = [address for address in plan.addresses if address.version == 6 and not address.is_link_local]
    return InterfaceRow(
        domain=plan.domain,
        domains=plan.domains,
        mac=mac_number(plan.mac),
        mtu=plan.mtu,
        traits=plan.traits,
        address4=address_number(addresses4[0]) if addresses4 else 0,
        address6=address_number(addresses6[0]) if addresses6 else 0,
        link_local=int(plan.link_local),
        prefixes=tuple((int(prefix.network_address), prefix.prefixlen) for prefix in plan.prefixes),
    )


def services_row(plan: Plan) -> Services:
    """Return where the router finds the agent's services."""
    port = plan.ports.get(plan.configuration.services)
    return Services() if port is None else Services(port.native_domain, mac_number(port.port.mac))


def vtep_row(plan: Plan) -> VtepRow | None:
    """Return this node's end of the tunnels; None if there is no overlay."""
    overlay, tunnel = plan.configuration.overlay, plan.ports.get(TUNNEL)
    if overlay is None or tunnel is None:
        return None
    return VtepRow(
        address=overlay.address,
        udp_port=overlay.port,
        port=tunnel.index,
        raw=overlay.transport == "raw",
        ttl=overlay.ttl,
        dscp=overlay.dscp,
        checksums=overlay.checksum,
        learns=overlay.learning,
        has_groups=overlay.gbp,
        group=overlay.group,
        underlay=_underlay(plan) if overlay.transport == "raw" else (0, 0, 0),
    )


def _underlay(plan: Plan) -> tuple[int, int, int]:
    """Return the uplink's port, domain and interface."""
    uplink, interface = plan.configuration.uplink, plan.interfaces.get(UPLINK_KEY)
    if uplink is None or interface is None:
        return 0, 0, 0
    return plan.ports[uplink.port].index, interface.domain, interface.number


def overlay_rows(plan: Plan) -> dict[int, NetworkRow]:
    """Return the networks between nodes, by domain."""
    return {
        plan.domain_numbers[DomainKey(network.name)]: NetworkRow(network.vni, network.mtu, network.inner_vlan == "keep")
        for network in plan.configuration.networks
        if network.mode == "overlay" and network.vni is not None
    }


def static_entries(plan: Plan) -> list[tuple[int, int, int]]:
    """Return every static FDB entry: (domain, MAC, port index), each MAC in all domains of its port."""
    return [
        (domain, mac_number(mac), port.index)
        for port in plan.ports.values()
        for mac in port.port.static_macs
        for _, domain in port.domains
    ]

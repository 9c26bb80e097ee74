"""One port without a mistake -> the model, its defaults filled in."""

from control.config.schema import PortFields, StormFields, VlanFields
from control.config.subnets import on_subnet, subnet_of
from control.model import Attachment, Interface, Network, Nic, Pcap, Port, Storm, Tap, Vlan

DEFAULT_NAMESPACE = "default"


def attachment_of(fields: PortFields) -> Attachment:
    if fields.tap is not None:
        tap = fields.tap
        return Tap(tap.ifname, tap.netns, bool(tap.make_netns), offloads=tap.offloads is not False)
    if fields.nic is not None:
        return Nic(fields.nic.ifname)
    return Pcap()


def vlan_of(fields: VlanFields | None) -> Vlan | None:
    if fields is None:
        return None
    trunk = frozenset(vlan for vlans in fields.trunk or () for vlan in vlans)
    return Vlan(fields.access, trunk, fields.native)


def stated_addresses(fields: PortFields, network: Network) -> tuple[Interface, ...]:
    """Return the addresses that a port states, each with the prefix length of its subnet."""
    addresses = [item[0] for item in fields.addresses or () if item is not None]
    found = [(address, subnet_of(address, network.subnets)) for address in addresses]
    return tuple(on_subnet(address, subnet) for address, subnet in found if subnet is not None)


def wants_addresses(fields: PortFields) -> bool:
    """Say whether a port gets addresses that it does not state: it is ours to configure, and it is one machine's."""
    in_namespace = fields.tap is not None and fields.tap.netns is not None
    return in_namespace and fields.addresses is None and not _is_trunk(fields)


def wants_mac(fields: PortFields) -> bool:
    """Say whether a port gets a MAC that it does not state: a TAP's is ours to set, what is behind others is not."""
    return fields.tap is not None and fields.mac is None


def build_port(fields: PortFields, addresses: tuple[Interface, ...], mac: bytes, macs_per_port: int) -> Port:
    """Return the port with its addresses and MAC; ``macs_per_port`` is the limit of a port that states none."""
    is_machine = fields.nic is None and not _is_trunk(fields) and fields.network is not None
    endpoint = is_machine if fields.endpoint is None else fields.endpoint
    spoof_check = endpoint and bool(addresses) if fields.spoof_check is None else fields.spoof_check
    return Port(
        name=str(fields.name),
        network=fields.network or "",
        attachment=attachment_of(fields),
        addresses=addresses,
        mac=mac,
        mac_known=fields.mac is not None or (fields.tap is not None and fields.tap.netns is not None),
        namespace=fields.namespace or DEFAULT_NAMESPACE,
        labels=tuple(sorted((fields.labels or {}).items())),
        named_ports=tuple(sorted((name, *port) for name, port in (fields.named_ports or {}).items())),
        endpoint=endpoint,
        spoof_check=spoof_check,
        hairpin=bool(fields.hairpin),
        vlan=vlan_of(fields.vlan),
        storm=_storm(fields.storm),
        static_macs=tuple(sorted({mac for mac in fields.static_macs or () if mac is not None})),
        publish=tuple(publish for publish in fields.publish or () if publish is not None),
        max_macs=macs_per_port if fields.max_macs is None else fields.max_macs,
        group=fields.group or 0,
    )


def _is_trunk(fields: PortFields) -> bool:
    return fields.vlan is not None and fields.vlan.trunk is not None


def _storm(fields: StormFields | None) -> Storm:
    return Storm() if fields is None else Storm(fields.broadcast, fields.multicast, fields.unknown_unicast)

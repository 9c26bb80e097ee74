"""The model as JSON-able data, in the file's own words: what `--check -o json` and the API show.

Names, units and shapes are those of the configuration file, with every default filled in. ``kind`` of a port is the
field that says how it is attached.
"""

from control.model import Attachment, Configuration, Network, Nic, Port, Storm, Tap, Vlan

Json = dict[str, object]


def render_configuration(configuration: Configuration) -> Json:
    return {
        "node": configuration.node,
        "workers": configuration.workers,
        "networks": [render_network(network) for network in configuration.networks],
        "ports": [render_port(port) for port in configuration.ports],
        "timeouts": {"fdb_s": configuration.timeouts.fdb_s},
        "limits": {"fdb": configuration.limits.fdb, "macs_per_port": configuration.limits.macs_per_port},
    }


def render_network(network: Network) -> Json:
    return {
        "name": network.name,
        "mode": network.mode,
        "subnets": [str(subnet) for subnet in network.subnets],
        "gateway": [str(gateway) for gateway in network.gateway],
        "internal": network.internal,
        "icc": network.icc,
        "mtu": network.mtu,
    }


def render_port(port: Port) -> Json:
    kind, attachment = _attachment(port.attachment)
    return {
        "name": port.name,
        "network": port.network,
        "kind": kind,
        kind: attachment,
        "addresses": [str(address) for address in port.addresses],
        "mac": port.mac.hex(":") or None,
        "mac_known": port.mac_known,
        "namespace": port.namespace,
        "labels": dict(port.labels),
        "named_ports": {name: f"{number}/{protocol}" for name, number, protocol in port.named_ports},
        "endpoint": port.endpoint,
        "spoof_check": port.spoof_check,
        "hairpin": port.hairpin,
        "vlan": None if port.vlan is None else _vlan(port.vlan),
        "storm": _storm(port.storm),
        "static_macs": [mac.hex(":") for mac in port.static_macs],
        "max_macs": port.max_macs,
    }


def vlan_ranges(vlans: frozenset[int]) -> list[int | str]:
    """Return VLANs as the file writes them, in order: ``[10, "100-199"]``."""
    ranges: list[tuple[int, int]] = []
    for vlan in sorted(vlans):
        if ranges and ranges[-1][1] == vlan - 1:
            ranges[-1] = (ranges[-1][0], vlan)
        else:
            ranges.append((vlan, vlan))
    return [low if low == high else f"{low}-{high}" for low, high in ranges]


def _attachment(attachment: Attachment) -> tuple[str, Json]:
    if isinstance(attachment, Tap):
        tap: Json = {"ifname": attachment.ifname, "netns": attachment.netns, "make_netns": attachment.make_netns}
        return "tap", tap
    if isinstance(attachment, Nic):
        return "nic", {"ifname": attachment.ifname}
    return "pcap", {}


def _vlan(vlan: Vlan) -> Json:
    if vlan.access is not None:
        return {"access": vlan.access}
    return {"trunk": vlan_ranges(vlan.trunk), "native": vlan.native}


def _storm(storm: Storm) -> Json:
    return {
        "broadcast": storm.broadcast,
        "multicast": storm.multicast,
        "unknown_unicast": storm.unknown_unicast,
    }

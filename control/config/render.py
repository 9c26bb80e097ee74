"""The model as JSON-able data, in the file's own words: what `--check -o json` and the API show.

Names, units and shapes are those of the configuration file, with every default filled in. ``kind`` of a port is the
field that says how it is attached.
"""

from dataclasses import asdict

from control.model import Attachment, Configuration, Nat, Network, Nic, Port, Publish, Route, Storm, Tap, Uplink, Vlan

Json = dict[str, object]


def render_configuration(configuration: Configuration) -> Json:
    return {
        "node": configuration.node,
        "workers": configuration.workers,
        "networks": [render_network(network) for network in configuration.networks],
        "ports": [render_port(port) for port in configuration.ports],
        "uplink": None if configuration.uplink is None else render_uplink(configuration.uplink),
        "routes": [render_route(route) for route in configuration.routes],
        "nat": _nat(configuration.nat),
        "timeouts": asdict(configuration.timeouts),
        "limits": asdict(configuration.limits),
    }


def render_network(network: Network) -> Json:
    return {
        "name": network.name,
        "mode": network.mode,
        "subnets": [str(subnet) for subnet in network.subnets],
        "gateway": [str(gateway) for gateway in network.gateway],
        "masquerade": network.masquerade,
        "internal": network.internal,
        "icc": network.icc,
        "mtu": network.mtu,
    }


def render_port(port: Port) -> Json:
    kind, attachment = _attachment(port.attachment)
    return {
        "name": port.name,
        "network": port.network or None,
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
        "publish": [publish_text(publish) for publish in port.publish],
    }


def render_uplink(uplink: Uplink) -> Json:
    return {
        "mode": uplink.mode,
        "addresses": [str(address) for address in uplink.addresses],
        "gateway": [str(gateway) for gateway in uplink.gateway],
        "port": uplink.port,
        "ifname": uplink.ifname or None,
        "mtu": uplink.mtu,
    }


def render_route(route: Route) -> Json:
    """Return the route with the one of ``via``, ``network`` and ``blackhole`` that it has, the others null."""
    return {
        "to": str(route.to),
        "via": [{"address": str(address), "weight": weight} for address, weight in route.via] or None,
        "network": route.network or None,
        "blackhole": route.blackhole or None,
    }


def publish_text(publish: Publish) -> str:
    """Return ``[HOST_IP:]PORT[-PORT]:PORT[-PORT]/PROTO``, as the file writes it."""
    count = publish.last - publish.first
    host = "" if publish.host is None else f"[{publish.host}]:" if publish.host.version == 6 else f"{publish.host}:"
    outside, inside = (f"{low}-{low + count}" if count else str(low) for low in (publish.first, publish.target))
    return f"{host}{outside}:{inside}/{publish.protocol}"


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


def _nat(nat: Nat) -> Json:
    static = [{"outside": str(outside), "inside": str(inside)} for outside, inside in nat.static]
    return {"endpoint_independent": nat.endpoint_independent, "static": static}


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

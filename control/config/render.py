"""The model as JSON-able data, in the file's own words: what `--check -o json` and the API show.

Names, units and shapes are those of the configuration file, with every default filled in. ``kind`` of a port is the
field that says how it is attached.
"""

from dataclasses import asdict

from control.model import (
    Attachment,
    Configuration,
    Nat,
    Network,
    Nic,
    Overlay,
    Peer,
    Port,
    Publish,
    RemoteEndpoint,
    Route,
    Storm,
    Tap,
    Uplink,
    Vlan,
    Vtep,
)

Json = dict[str, object]


def render_configuration(configuration: Configuration) -> Json:
    return {
        "node": configuration.node,
        "workers": configuration.workers,
        "networks": [render_network(network) for network in configuration.networks],
        "ports": [render_port(port) for port in configuration.ports],
        "uplink": None if configuration.uplink is None else render_uplink(configuration.uplink),
        "overlay": None if configuration.overlay is None else render_overlay(configuration.overlay),
        "routes": [render_route(route) for route in configuration.routes],
        "nat": _nat(configuration.nat),
        "timeouts": asdict(configuration.timeouts),
        "limits": asdict(configuration.limits),
        "manifests": render_manifests(configuration),
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
        "vni": network.vni,
        "inner_vlan": network.inner_vlan if network.mode == "overlay" else None,
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
        "group": port.group,
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


def render_overlay(overlay: Overlay) -> Json:
    return {
        "address": str(overlay.address),
        "port": overlay.port,
        "transport": overlay.transport,
        "learning": overlay.learning,
        "group": None if overlay.group is None else str(overlay.group),
        "group_interface": overlay.group_interface or None,
        "checksum": overlay.checksum,
        "ttl": overlay.ttl,
        "dscp": "inherit" if overlay.dscp is None else overlay.dscp,
        "gbp": overlay.gbp,
        "uncut": overlay.uncut,
        "mtu": overlay.mtu,
        "subnets": [str(subnet) for subnet in overlay.subnets],
        "peers": [render_peer(peer) for peer in overlay.peers],
    }


def render_peer(peer: Peer) -> Json:
    return {
        "node": peer.node,
        "address": str(peer.address),
        "networks": list(peer.networks),
        "subnets": [str(subnet) for subnet in peer.subnets],
        "endpoints": [render_endpoint(endpoint) for endpoint in peer.endpoints],
        "lease_s": peer.lease_s,
    }


def render_endpoint(endpoint: RemoteEndpoint) -> Json:
    return {
        "network": endpoint.network,
        "address": str(endpoint.address),
        "mac": endpoint.mac.hex(":") or None,
        "namespace": endpoint.namespace,
        "labels": dict(endpoint.labels),
    }


def render_route(route: Route) -> Json:
    """Return the route with the one of ``via``, ``network`` and ``blackhole`` that it has, the others null."""
    return {
        "to": str(route.to),
        "via": [{"address": str(address), "weight": weight} for address, weight in route.via] or None,
        "network": route.network or None,
        "blackhole": route.blackhole or None,
    }


def render_manifests(configuration: Configuration) -> Json | None:
    """Return where manifests are read from, and how many objects of each kind there are; None if there are none."""
    objects = configuration.manifests
    return (
        None
        if objects is None
        else {
            "paths": list(configuration.manifest_paths),
            "network_policies": len(objects.policies),
            "cluster_network_policies": len(objects.cluster_policies),
            "namespaces": len(objects.namespaces),
            "nodes": len(objects.nodes),
        }
    )


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
        names = ("ifname", "netns", "make_netns", "offloads")
        return "tap", {name: getattr(attachment, name) for name in names}
    if isinstance(attachment, Nic):
        return "nic", {"ifname": attachment.ifname}
    if isinstance(attachment, Vtep):
        return "vtep", {"transport": attachment.transport}
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

"""The ``peers`` of an overlay -> the model's: in the file, and one at a time when somebody feeds them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from control.config.build import DEFAULT_NAMESPACE
from control.config.check import Networks
from control.config.mistakes import Mistakes, Path
from control.config.schema import PeerFields, RemoteEndpointFields
from control.config.subnets import is_host, subnet_of
from control.model import Address, Configuration, Network, Overlay, Peer, RemoteEndpoint, Subnet, Uplink
from control.overlay.claims import PeerClaims


class Land(NamedTuple):
    """What peers are resolved in. ``all_networks`` is false when ``networks`` lacks one whose name is wrong;
    ``overlay`` is None when it is wrong; ``node`` is this node's name."""

    networks: Networks
    all_networks: bool
    overlay: Overlay | None
    uplink: Uplink | None
    node: str


def resolve_peers(
    items: Iterable[tuple[Path, object]], land: Land, claims: PeerClaims, mistakes: Mistakes
) -> tuple[Peer, ...]:
    """Return the peers that are without a mistake, in order; ``items`` are their paths and data, ``claims`` what others
    have already, and then what these have."""
    peers: list[Peer] = []
    for path, item in items:
        peer = _read_peer(item, path, land, mistakes)
        if peer is None:
            continue
        for clash in claims.clashes(peer):
            mistakes.add((*path, *clash.where), clash.expected, clash.found)
        if not mistakes.touch(path):
            claims.add(peer)
            peers.append(peer)
    return tuple(peers)


def parse_peer(mapping: object, configuration: Configuration, where: str = "peer") -> Peer:
    """Return the node that ``mapping`` (an item of the file's ``peers``, as JSON has it) is.

    Same fields, same rules as in the file; but what others have is not looked at. ConfigurationError with every mistake
    as ``WHERE: field: expected what, found what``.
    """
    mistakes = Mistakes(where)
    peer = _read_peer(mapping, (), _land_of(configuration, mistakes), mistakes)
    mistakes.raise_any()
    assert peer is not None
    return peer


def parse_endpoint(
    mapping: object, networks: Sequence[str], configuration: Configuration, where: str = "endpoint"
) -> RemoteEndpoint:
    """Return the endpoint that ``mapping`` is, of a peer that takes part in ``networks``; errors as ``parse_peer``."""
    mistakes = Mistakes(where)
    endpoint = read_endpoint(mapping, (), networks, _land_of(configuration, mistakes), mistakes)
    mistakes.raise_any()
    assert endpoint is not None
    return endpoint


def _land_of(configuration: Configuration, mistakes: Mistakes) -> Land:
    if configuration.overlay is None:
        mistakes.add((), "an overlay to reach other nodes by", "none")
        mistakes.raise_any()
    networks = {network.name: network for network in configuration.networks}
    return Land(networks, True, configuration.overlay, configuration.uplink, configuration.node)


def read_endpoint(
    data: object, path: Path, peer: Sequence[str], land: Land, mistakes: Mistakes
) -> RemoteEndpoint | None:
    """Return one endpoint of a peer that takes part in the networks ``peer`` (none: in all); None if it is wrong."""
    fields = RemoteEndpointFields.read(data, path, mistakes)
    if fields is None or fields.network is None or fields.address is None:
        return None
    network = _find_network(fields.network, land, (*path, "network"), mistakes)
    if network is None:
        return None
    if peer and network.name not in peer:
        mistakes.add((*path, "network"), f"one of the peer's networks, {', '.join(peer)}", network.name)
    _check_address(fields.address, network, (*path, "address"), mistakes)
    if mistakes.touch(path):
        return None
    labels = tuple(sorted(fields.labels.items())) if fields.labels else ()
    return RemoteEndpoint(
        network.name, fields.address, fields.mac or b"", fields.namespace or DEFAULT_NAMESPACE, labels
    )


def _read_peer(data: object, path: Path, land: Land, mistakes: Mistakes) -> Peer | None:
    fields = PeerFields.read(data, path, mistakes)
    if fields is None:
        return None
    networks = [name for name in fields.networks or () if name is not None]
    for index, name in enumerate(fields.networks or ()):
        if name is not None:
            _find_network(name, land, (*path, "networks", index), mistakes)
    if fields.node == land.node:
        mistakes.add((*path, "node"), "another node's name", f"{fields.node}, our own")
    if fields.address is not None:
        _check_vtep(fields.address, land, (*path, "address"), mistakes)
    via = None if mistakes.touch((*path, "address")) else fields.address
    for index, subnet in enumerate(fields.subnets or ()):
        if subnet is not None:
            _check_subnet(subnet, networks, via, land, (*path, "subnets", index), mistakes)
    found = [
        read_endpoint(item, (*path, "endpoints", index), networks, land, mistakes)
        for index, item in enumerate(fields.endpoints or ())
    ]
    if fields.node is None or fields.address is None:
        return None
    return Peer(
        node=fields.node,
        address=fields.address,
        subnets=tuple(subnet for subnet in fields.subnets or () if subnet is not None),
        endpoints=tuple(endpoint for endpoint in found if endpoint is not None),
        networks=tuple(networks),
        lease_s=fields.lease_s,
    )


def _find_network(name: str, land: Land, where: Path, mistakes: Mistakes) -> Network | None:
    """Return the overlay network of that name; None if there is none, or it is wrong in itself."""
    network = land.networks.get(name)
    if network is not None and network.mode == "overlay":
        return network
    if network is not None:
        mistakes.add(where, "an overlay network", f"{name}, of mode {network.mode}")
    elif land.all_networks and name not in land.networks:
        mistakes.add(where, "an overlay network", f"{name}, which there is none of")
    return None


def _check_vtep(address: Address, land: Land, where: Path, mistakes: Mistakes) -> None:
    overlay = land.overlay
    if address.is_multicast or address.is_unspecified:
        mistakes.add(where, "a node's unicast address", str(address))
    elif overlay is not None and address == overlay.address:
        mistakes.add(where, "another node's address", f"{address}, our own")
    elif overlay is not None and address.version != overlay.address.version:
        mistakes.add(where, f"an IPv{overlay.address.version} address, as {overlay.address} is", str(address))


def _check_subnet(
    subnet: Subnet, networks: Sequence[str], via: Address | None, land: Land, where: Path, mistakes: Mistakes
) -> None:
    network = network_around(subnet, land.networks, ("overlay", "routed"))
    if network is None:
        if land.all_networks and None not in land.networks.values():
            mistakes.add(where, "a subnet within one of an overlay or a routed network", str(subnet))
    elif network.mode == "overlay" and networks and network.name not in networks:
        mistakes.add(where, f"a subnet of the peer's networks, {', '.join(networks)}", f"{subnet}, of {network.name}")
    elif network.mode == "routed" and via is not None:
        _check_next_hop(subnet, network, via, land.uplink, where, mistakes)


def _check_next_hop(
    subnet: Subnet, network: Network, via: Address, uplink: Uplink | None, where: Path, mistakes: Mistakes
) -> None:
    """Check that the node behind which a routed network goes on is a neighbour of the uplink's."""
    shown = f"{subnet}, of routed network {network.name}"
    if uplink is None:
        mistakes.add(where, "an uplink to send by", f"{shown}, and none")
    elif subnet.version != via.version:
        mistakes.add(where, f"an IPv{via.version} subnet, as the peer's address is, in a routed network", shown)
    elif uplink.mode != "host" and uplink.addresses and subnet_of(via, _links(uplink)) is None:
        mistakes.add(where, "a peer on the uplink's link, for a subnet of a routed network", f"{via} for {shown}")


def _links(uplink: Uplink) -> list[Subnet]:
    return [address.network for address in uplink.addresses]


def network_around(subnet: Subnet, networks: Networks, modes: Sequence[str]) -> Network | None:
    """Return the network of one of the modes that ``subnet`` is a part of; None if there is none."""
    for network in networks.values():
        if network is None or network.mode not in modes:
            continue
        for own in network.subnets:
            if own.version == subnet.version and subnet.subnet_of(own):  # type: ignore[arg-type]
                return network
    return None


def _check_address(address: Address, network: Network, where: Path, mistakes: Mistakes) -> None:
    subnet = subnet_of(address, network.subnets)
    if subnet is None:
        listed = " or ".join(map(str, network.subnets)) or "a subnet (there is none)"
        mistakes.add(where, f"an address in {listed} of network {network.name}", str(address))
    elif not is_host(address, subnet):
        mistakes.add(where, f"a host's address in {subnet}", str(address))
    elif address in network.gateway:
        mistakes.add(where, f"an address other than network {network.name}'s gateway", str(address))

"""The ``networks`` of the file -> the model's networks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from control.config.check import check_network, check_overlay_fields
from control.config.claims import Claims
from control.config.mistakes import Mistakes, Path
from control.config.schema import NetworkFields
from control.config.subnets import first_host
from control.model import DEFAULT_MTU, Address, Network, Subnet

_MODES: Mapping[str, Literal["bridge", "overlay", "routed", "none"]] = {
    "bridge": "bridge",
    "overlay": "overlay",
    "routed": "routed",
    "none": "none",
}
_DERIVED_MTU = 0
"""Of an overlay network that states none, until ``settle_networks`` has it."""
_SHAPES_ADDRESSES = ("subnets", "gateway", "mode")


def resolve_networks(
    items: Sequence[object], has_overlay: bool, mistakes: Mistakes
) -> tuple[dict[str, Network | None], bool]:
    """Return the networks by name, and whether that is all of them: false when one's name is wrong.

    A network whose subnets or gateway are wrong is None. ``has_overlay``: the file says how other nodes are reached.
    """
    networks: dict[str, Network | None] = {}
    claims = Claims()
    routed: dict[Subnet, str] = {}
    complete = True
    for index, item in enumerate(items):
        path: Path = ("networks", index)
        fields = NetworkFields.read(item, path, mistakes)
        if fields is None or fields.name is None:
            complete = False
            continue
        owner = claims.claim_name("network", fields.name, f"line {mistakes.line_of(path)}")
        if owner is not None:
            mistakes.add((*path, "name"), "a name no other network has", f"{fields.name}, which is taken on {owner}")
            continue
        check_network(fields, path, mistakes)
        check_overlay_fields(fields, path, has_overlay, mistakes)
        _claim_vni(fields, path, claims, mistakes)
        shaky = any(mistakes.touch((*path, field)) for field in _SHAPES_ADDRESSES)
        networks[fields.name] = None if shaky else _leave_to_first(_build(fields, fields.name), routed, path, mistakes)
    return networks, complete


def _leave_to_first(network: Network, routed: dict[Subnet, str], path: Path, mistakes: Mistakes) -> Network | None:
    """Return the network, without a router if one of its subnets is another's: the router knows an address once.

    ``routed`` are the subnets that networks before this one have, by their name; this one's are added.
    """
    if network.mode == "none":
        return network
    for subnet in network.subnets:
        for other, owner in routed.items():
            if subnet.version == other.version and subnet.overlaps(other):
                if network.mode != "bridge":
                    found = f"{subnet}, which overlaps {other} of network {owner}"
                    expected = f"subnets that no other network has, in mode {network.mode}"
                    mistakes.add((*path, "subnets"), expected, found)
                    return None
                reason = f"{subnet} overlaps {other} of network {owner}"
                mistakes.warn(path, f"{reason}: there is no router in {network.name}, as in mode none")
                return replace(network, mode="none", gateway=(), masquerade=False)
    routed.update(dict.fromkeys(network.subnets, network.name))
    return network


def _build(fields: NetworkFields, name: str) -> Network:
    subnets = tuple(subnet for subnet in fields.subnets or () if subnet is not None)
    return Network(
        name=name,
        mode=_MODES[fields.mode or "bridge"],
        subnets=subnets,
        gateway=_gateways(fields, subnets),
        masquerade=fields.mode in (None, "bridge", "overlay") if fields.masquerade is None else fields.masquerade,
        internal=bool(fields.internal),
        icc=fields.icc is not False,
        mtu=fields.mtu or (_DERIVED_MTU if fields.mode == "overlay" else DEFAULT_MTU),
        vni=fields.vni,
        inner_vlan="keep" if fields.inner_vlan == "keep" else "discard",
    )


def _claim_vni(fields: NetworkFields, path: Path, claims: Claims, mistakes: Mistakes) -> None:
    owner = None if fields.vni is None else claims.claim_name("vni", str(fields.vni), f"line {mistakes.line_of(path)}")
    if owner is not None:
        mistakes.add((*path, "vni"), "a VNI that no other network has", f"{fields.vni}, which is taken on {owner}")


def _gateways(fields: NetworkFields, subnets: tuple[Subnet, ...]) -> tuple[Address, ...]:
    if fields.gateway is not None:
        return tuple(gateway for gateway in fields.gateway if gateway is not None)
    return () if fields.mode == "none" else tuple(first_host(subnet) for subnet in subnets)

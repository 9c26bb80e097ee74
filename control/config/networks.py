"""The ``networks`` of the file -> the model's networks."""

from collections.abc import Sequence

from control.config.check import check_network
from control.config.claims import Claims
from control.config.mistakes import Mistakes, Path
from control.config.schema import NetworkFields
from control.config.subnets import first_host
from control.model import Address, Network, Subnet

_DEFAULT_MTU = 1500
_SHAPES_ADDRESSES = ("subnets", "gateway", "mode")


def resolve_networks(items: Sequence[object], mistakes: Mistakes) -> tuple[dict[str, Network | None], bool]:
    """Return the networks by name, and whether that is all of them: false when one's name is wrong.

    A network whose subnets or gateway are wrong is None.
    """
    networks: dict[str, Network | None] = {}
    claims = Claims()
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
        shaky = any(mistakes.touch((*path, field)) for field in _SHAPES_ADDRESSES)
        networks[fields.name] = None if shaky else _build(fields, fields.name)
    return networks, complete


def _build(fields: NetworkFields, name: str) -> Network:
    subnets = tuple(subnet for subnet in fields.subnets or () if subnet is not None)
    return Network(
        name=name,
        mode="none" if fields.mode == "none" else "bridge",
        subnets=subnets,
        gateway=_gateways(fields, subnets),
        masquerade=fields.mode != "none" if fields.masquerade is None else fields.masquerade,
        internal=bool(fields.internal),
        icc=fields.icc is not False,
        mtu=_DEFAULT_MTU if fields.mtu is None else fields.mtu,
    )


def _gateways(fields: NetworkFields, subnets: tuple[Subnet, ...]) -> tuple[Address, ...]:
    if fields.gateway is not None:
        return tuple(gateway for gateway in fields.gateway if gateway is not None)
    return () if fields.mode == "none" else tuple(first_host(subnet) for subnet in subnets)

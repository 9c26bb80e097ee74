"""From the model to numbers: which index a port has, which filtering domains there are, and who is in them.

Pure: a plan is computed from a configuration and the plan before it, so that what stays keeps its numbers. The build
rooms write plans into tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from control.errors import UserError
from control.model import Configuration, Port
from dataplane.vector import DOMAINS, MAX_PORTS

DEFAULT_VLAN = 1
"""The VLAN of a port that says nothing of VLANs, in a network where another port does."""

DomainKey = tuple[str, int | None]
"""A network, and a VLAN of it, or None for all of a network where no port reads VLANs."""


@dataclass(frozen=True)
class PortPlan:
    """One port in numbers. ``domains`` maps each VLAN that the port carries (None: reads none) to its domain."""

    port: Port
    index: int
    vlan_aware: bool
    isolated: bool
    native_domain: int
    domains: tuple[tuple[int | None, int], ...]


@dataclass(frozen=True)
class DomainPlan:
    """One filtering domain: the VLAN that tags it on trunks (0: none), and its member ports in order."""

    vlan: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """All of it, by port name and by domain number, and the configuration that it was made of."""

    ports: dict[str, PortPlan] = field(default_factory=dict)
    domains: dict[int, DomainPlan] = field(default_factory=dict)
    domain_numbers: dict[DomainKey, int] = field(default_factory=dict)
    configuration: Configuration = field(default_factory=lambda: Configuration(""))


def vlans_of(port: Port) -> list[int]:
    """Return the VLANs that ``port`` carries in a VLAN-aware network."""
    if port.vlan is None:
        return [DEFAULT_VLAN]
    if port.vlan.access is not None:
        return [port.vlan.access]
    native = set() if port.vlan.native is None else {port.vlan.native}
    return sorted(port.vlan.trunk | native)


def native_vlan_of(port: Port) -> int | None:
    """Return the VLAN of untagged frames in a VLAN-aware network, or None if there is none."""
    if port.vlan is None:
        return DEFAULT_VLAN
    return port.vlan.native if port.vlan.is_trunk else port.vlan.access


def lowest_free(taken: Iterable[int], first: int, limit: int, what: str) -> Iterable[int]:
    """Yield free numbers from ``first`` on; UserError when ``limit`` is reached."""
    used = set(taken)
    for number in range(first, limit):
        if number not in used:
            yield number
    raise UserError(f"more than {limit - first} {what}: the tables hold no more; use fewer")


def make_plan(configuration: Configuration, before: Plan) -> Plan:
    """Give every port and domain of ``configuration`` its numbers, the old ones where it had any.

    A port whose domains change keeps its index. UserError when the tables cannot hold it.
    """
    aware = {port.network for port in configuration.ports if port.vlan is not None}
    keys: dict[DomainKey, list[Port]] = {}
    for port in configuration.ports:
        for vlan in vlans_of(port) if port.network in aware else [None]:
            keys.setdefault((port.network, vlan), []).append(port)

    numbers = _number_domains(keys, before)
    indices = _number_ports(configuration, before)
    isolated = {network.name for network in configuration.networks if not network.icc}
    ports = {}
    for port in configuration.ports:
        vlans = vlans_of(port) if port.network in aware else [None]
        native = native_vlan_of(port) if port.network in aware else None
        has_native = port.network not in aware or native is not None
        ports[port.name] = PortPlan(
            port=port,
            index=indices[port.name],
            vlan_aware=port.network in aware,
            isolated=port.network in isolated and port.endpoint,
            native_domain=numbers[port.network, native] if has_native else 0,
            domains=tuple((vlan, numbers[port.network, vlan]) for vlan in vlans),
        )
    domains = {
        numbers[key]: DomainPlan(key[1] or 0, tuple(indices[port.name] for port in members))
        for key, members in keys.items()
    }
    return Plan(ports, domains, numbers, configuration)


def _number_domains(keys: Iterable[DomainKey], before: Plan) -> dict[DomainKey, int]:
    kept = {key: before.domain_numbers[key] for key in keys if key in before.domain_numbers}
    # A number that has just become free may still be in the FDB: it is not given away in the same change.
    free = iter(lowest_free(before.domain_numbers.values(), 1, DOMAINS, "VLANs over all networks"))
    return {key: kept[key] if key in kept else next(free) for key in keys}


def _number_ports(configuration: Configuration, before: Plan) -> dict[str, int]:
    taken = {plan.index for plan in before.ports.values()}
    free = iter(lowest_free(taken, 0, MAX_PORTS, "ports"))
    return {
        port.name: before.ports[port.name].index if port.name in before.ports else next(free)
        for port in configuration.ports
    }

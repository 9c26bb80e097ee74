"""From the model to numbers: which index a port has, which filtering domains and interfaces there are, who is in them.

Pure: a plan is computed from a configuration and the plan before it, so that what stays keeps its numbers. The build
rooms write plans into tables.
"""

from dataclasses import dataclass, field

from control.fabric.domains import DomainKey, Domains
from control.fabric.interfaces import FIRST_INTERFACE, InterfaceKey, InterfacePlan, interface_keys, plan_interface
from control.fabric.numbers import keep_numbers
from control.model import Configuration, Port, Vtep
from dataplane.interfaces.tables import INTERFACES
from dataplane.vector import DOMAINS, MAX_PORTS


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
    """All of it, by port name, domain number and interface, and the configuration that it was made of."""

    ports: dict[str, PortPlan] = field(default_factory=dict)
    domains: dict[int, DomainPlan] = field(default_factory=dict)
    domain_numbers: dict[DomainKey, int] = field(default_factory=dict)
    interfaces: dict[InterfaceKey, InterfacePlan] = field(default_factory=dict)
    configuration: Configuration = field(default_factory=lambda: Configuration(""))

    @property
    def numbers(self) -> "Numbers":
        """Return what the next plan must know of this one."""
        return Numbers(
            {name: plan.index for name, plan in self.ports.items()},
            self.domain_numbers,
            {key: plan.number for key, plan in self.interfaces.items()},
        )

    @property
    def without_device(self) -> list[int]:
        """Return the ports that need no device, and whose link is always up: a tunnel of raw frames."""
        return [plan.index for plan in self.ports.values() if plan.port.attachment == Vtep("raw")]


@dataclass(frozen=True)
class Numbers:
    """The numbers in use: of ports by name, of domains and of interfaces."""

    ports: dict[str, int] = field(default_factory=dict)
    domains: dict[DomainKey, int] = field(default_factory=dict)
    interfaces: dict[InterfaceKey, int] = field(default_factory=dict)


def make_plan(configuration: Configuration, before: Numbers) -> Plan:
    """Give every port, domain and interface of ``configuration`` its numbers, the old ones where it had any.

    A port whose domains change keeps its index. UserError when the tables cannot hold it.
    """
    domains = Domains(configuration)
    numbers = keep_numbers(domains.members, before.domains, 1, DOMAINS, "VLANs over all networks")
    names = [port.name for port in configuration.ports]
    indices = keep_numbers(names, before.ports, 0, MAX_PORTS, "ports")
    isolated = {network.name for network in configuration.networks if not network.icc}
    ports = {
        port.name: _plan_port(port, indices[port.name], domains, numbers, port.network in isolated)
        for port in configuration.ports
    }
    members = {
        numbers[key]: DomainPlan(key.vlan or 0, tuple(indices[port.name] for port in ports_within))
        for key, ports_within in domains.members.items()
    }
    keys = interface_keys(configuration)
    places = keep_numbers(keys, before.interfaces, FIRST_INTERFACE, INTERFACES, "networks with a gateway")
    interfaces = {key: plan_interface(key, places[key], configuration, domains, numbers) for key in keys}
    return Plan(ports, members, numbers, interfaces, configuration)


def _plan_port(
    port: Port, index: int, domains: Domains, numbers: dict[DomainKey, int], network_isolates: bool
) -> PortPlan:
    native = domains.native_key(port)
    return PortPlan(
        port=port,
        index=index,
        vlan_aware=domains.is_aware(port),
        isolated=network_isolates and port.endpoint and not domains.is_way_out(port),
        native_domain=0 if native is None else numbers[native],
        domains=tuple((key.vlan, numbers[key]) for key in domains.keys_of(port)),
    )

"""Who has which name: what each network's endpoints are called, and which network somebody asks from. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from control.model import Address, Configuration, Network, Port


@dataclass(frozen=True)
class NetworkNames:
    """The names of one network, in lower case: ``web`` and ``web.blue`` for the port web on the network blue."""

    network: str
    is_internal: bool
    addresses: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    owners: dict[Address, str] = field(default_factory=dict)


class Names:
    """All names of a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._networks = configuration.networks
        self._names = {
            network.name: _names_of(network, (port for port in configuration.ports if port.network == network.name))
            for network in configuration.networks
        }
        self._network_of = {
            interface.ip: port.network for port in configuration.ports if port.network for interface in port.addresses
        }

    def of_asker(self, asker: Address, asked: Address) -> NetworkNames | None:
        """Return the names that ``asker`` may know, who asks at the address ``asked``; None for a stranger."""
        network = self._network_of.get(asker)
        if network is None:
            around = (each.name for each in self._networks if asked in each.gateway and _is_in(asker, each))
            network = next(around, None)
        return None if network is None else self._names[network]


def _names_of(network: Network, ports: Iterable[Port]) -> NetworkNames:
    names = NetworkNames(network.name, network.internal)
    for port in ports:
        if not port.endpoint or not port.addresses:
            continue
        addresses = tuple(interface.ip for interface in port.addresses)
        short = port.name.lower()
        full = f"{short}.{network.name.lower()}"
        names.addresses[full] = addresses
        names.addresses.setdefault(short, addresses)
        names.owners.update(dict.fromkeys(addresses, full))
    return names


def _is_in(address: Address, network: Network) -> bool:
    return any(address in subnet for subnet in network.subnets)

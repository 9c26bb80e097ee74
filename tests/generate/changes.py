"""Random changes of a configuration: ports come, go and change their ways, as an administrator has them do."""

from dataclasses import replace
from random import Random

from control.model import Configuration, Network, Port, Timeouts
from tests.generate.nodes import LIFETIMES_S, MOST_PORTS, STATIONS, random_port, random_vlan
from tests.packets import mac


def changed(random: Random, configuration: Configuration) -> Configuration:
    """Return a valid configuration with some of the ports of ``configuration``, and some new or different.

    Capacities stay, and so do the storm limits of the ports that stay. Lifetimes get shorter only: whether a longer one
    finds an entry that had expired depends on whether anything swept it meanwhile.
    """
    networks = tuple(changed_network(random, network) for network in configuration.networks)
    aware = {port.network for port in configuration.ports if port.vlan} if random.random() < 0.8 else set()
    ports = []
    for number in range(MOST_PORTS):
        port = next((port for port in configuration.ports if port.name == f"p{number}"), None)
        if port and random.random() < 0.85:
            ports.append(changed_port(random, port, port.network in aware))
        elif random.random() < 0.2:
            network = random.choice(networks).name
            other = random_port(random, number, network, network in aware)
            ports.append(replace(other, storm=port.storm) if port else other)
    random.shuffle(ports)
    fdb_s = configuration.timeouts.fdb_s
    if random.random() < 0.2:
        fdb_s = random.choice([shorter for shorter in LIFETIMES_S if shorter <= fdb_s])
    return replace(configuration, networks=networks, ports=tuple(ports), timeouts=Timeouts(fdb_s=fdb_s))


def changed_network(random: Random, network: Network) -> Network:
    """Return ``network``, seldom with its endpoints kept apart or let together."""
    return replace(network, icc=not network.icc) if random.random() < 0.1 else network


def changed_port(random: Random, port: Port, aware: bool) -> Port:
    """Return ``port``, mostly as it is."""
    if not aware:
        port = replace(port, vlan=None)
    if random.random() < 0.7:
        return port
    number = int(port.name.removeprefix("p"))
    choices = (
        {"vlan": random_vlan(random) if aware else None},
        {"endpoint": not port.endpoint},
        {"hairpin": not port.hairpin},
        {"max_macs": random.choice((0, 1, 2, 1024))},
        {"static_macs": () if port.static_macs else (mac(STATIONS[number]),)},
        {"spoof_check": not port.spoof_check},
    )
    return replace(port, **random.choice(choices))

"""Random configurations: few MACs, VLANs and addresses, so that ports meet, and limits low enough to reach."""

from dataclasses import replace
from ipaddress import ip_interface
from random import Random

from control.model import Configuration, Limits, Network, Pcap, Port, Storm, Timeouts, Vlan
from tests.naive.vlan import is_vlan_aware, vlans_of
from tests.packets import ip4, ip6, mac

STATIONS = 12
"""MACs and addresses are those numbered 1 to this."""
VLANS = (1, 2, 10, 4094)
LIFETIMES_S = (1, 2, 7, 60, 300)


def random_configuration(random: Random) -> Configuration:
    """Return a valid configuration of one to three networks and one to ten ports."""
    names = ("blue", "red", "green")[: random.choice((1, 1, 2, 3))]
    networks = tuple(Network(name, icc=random.random() < 0.6) for name in names)
    aware = {network.name for network in networks if random.random() < 0.5}
    fixed = {network.name: random.sample(range(1, STATIONS + 1), 3) for network in networks}
    ports = []
    for number in range(random.randint(1, 10)):
        network = random.choice(networks).name
        statics = tuple(mac(fixed[network].pop()) for _ in range(len(fixed[network])) if random.random() < 0.1)
        ports.append(random_port(random, f"p{number}", network, network in aware, statics))
    configuration = Configuration(
        node="random",
        networks=networks,
        ports=tuple(ports),
        timeouts=Timeouts(fdb_s=random.choice(LIFETIMES_S)),
    )
    return replace(configuration, limits=Limits(fdb=random_capacity(random, configuration)))


def random_capacity(random: Random, configuration: Configuration) -> int:
    """Return how many MACs the table holds: plenty, or a few more than the static ones."""
    if random.random() < 0.6:
        return 65536
    aware = {name: is_vlan_aware(configuration, name) for name in (network.name for network in configuration.networks)}
    statics = (
        len(port.static_macs) * (len(vlans_of(port)) if aware[port.network] else 1) for port in configuration.ports
    )
    return sum(statics) + random.randint(1, 12)


def random_port(random: Random, name: str, network: str, aware: bool, static_macs: tuple[bytes, ...]) -> Port:
    """Return a port of ``network``, with a role in VLANs if the network is ``aware`` of them."""
    own = random.randint(1, STATIONS)
    addresses = [ip_interface(f"{ip4(own)}/8"), ip_interface(f"{ip6(own)}/64"), ip_interface(f"{ip4(own + 100)}/8")]
    return Port(
        name=name,
        network=network,
        attachment=Pcap(),
        addresses=tuple(random.sample(addresses, random.randint(0, 3))),
        mac=mac(own),
        mac_known=random.random() < 0.7,
        endpoint=random.random() < 0.7,
        spoof_check=random.random() < 0.2,
        hairpin=random.random() < 0.15,
        vlan=random_vlan(random) if aware else None,
        storm=random_storm(random),
        static_macs=static_macs,
        max_macs=random.choice((1, 2, 3, 1024, 1024)),
    )


def random_vlan(random: Random) -> Vlan | None:
    """Return a role: none, access, or trunk, more often trunk."""
    role = random.choice(("none", "access", "access", "trunk", "trunk"))
    if role == "none":
        return None
    if role == "access":
        return Vlan(access=random.choice(VLANS))
    native = random.choice((None, None, *VLANS))
    return Vlan(trunk=frozenset(random.sample(VLANS, random.randint(1, len(VLANS)))), native=native)


def random_storm(random: Random) -> Storm:
    """Return storm limits, mostly none."""
    rates = [random.choice((1, 5, 10, 30, 100, 999, 12345)) if random.random() < 0.15 else None for _ in range(3)]
    return Storm(*rates)

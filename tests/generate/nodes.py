"""Random configurations: few MACs, VLANs and addresses, so that ports meet, and limits low enough to reach."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random

from control.model import Configuration, Limits, Network, Pcap, Port, Storm, Timeouts, Vlan
from tests.naive.vlan import is_vlan_aware, vlans_of
from tests.packets import ip4, ip6, mac
from tests.scale import scaled

SUBNETS = (ip_network("10.0.0.0/8"), ip_network("fd00::/64"))
GATEWAY = (ip_address(ip4(1)), ip_address(ip6(1)))
MOST_PORTS = 10
STATIONS = range(2, 2 + MOST_PORTS + 3)
"""Port number N is the home of station N + 2: ``mac(N + 2)``, ``ip4(N + 2)``, ``ip6(N + 2)``; the last three roam."""
SECOND = 100
"""A port may have a second address and fix a second MAC, numbered so much higher."""
VLANS = (1, 2, 10, 4094)
LIFETIMES_S = (1, 2, 7, 60, 300)


def random_configuration(random: Random) -> Configuration:
    """Return a valid configuration of one to three networks and one to ten ports."""
    names = ("blue", "red", "green")[: random.choice((1, 1, 2, 3))]
    networks = tuple(random_network(random, name, name == names[0]) for name in names)
    aware = {name for name in names if random.random() < 0.5}
    ports = []
    for number in range(random.randint(1, MOST_PORTS)):
        network = random.choice(names)
        ports.append(random_port(random, number, network, network in aware))
    configuration = Configuration(
        node="random",
        networks=networks,
        ports=tuple(ports),
        timeouts=Timeouts(fdb_s=random.choice(LIFETIMES_S)),
    )
    return replace(configuration, limits=Limits(fdb=random_capacity(random, configuration)))


def random_network(random: Random, name: str, is_first: bool) -> Network:
    """Return a network; all have the same subnets, so the first alone has a router in it."""
    icc = random.random() < 0.6
    if is_first:
        return Network(name, subnets=SUBNETS, gateway=GATEWAY, masquerade=True, icc=icc)
    return Network(name, "none", SUBNETS, icc=icc)


def random_capacity(random: Random, configuration: Configuration) -> int:
    """Return how many MACs the table holds: plenty, or a few more than the static ones."""
    if random.random() < 0.6:
        return scaled(65536, jit_off=256)
    aware = {name: is_vlan_aware(configuration, name) for name in (network.name for network in configuration.networks)}
    statics = (
        len(port.static_macs) * (len(vlans_of(port)) if aware[port.network] else 1) for port in configuration.ports
    )
    return sum(statics) + random.randint(1, 12)


def random_port(random: Random, number: int, network: str, aware: bool) -> Port:
    """Return port ``number``, of ``network``, with a role in VLANs if the network is ``aware`` of them."""
    own = STATIONS[number]
    addresses = [ip_interface(f"{ip4(own)}/8"), ip_interface(f"{ip6(own)}/64"), ip_interface(f"{ip4(own + SECOND)}/8")]
    mac_known = random.random() < 0.7
    return Port(
        name=f"p{number}",
        network=network,
        attachment=Pcap(),
        addresses=tuple(random.sample(addresses, random.randint(0, 3))),
        mac=mac(own) if mac_known else b"",
        mac_known=mac_known,
        endpoint=random.random() < 0.7,
        spoof_check=random.random() < 0.2,
        hairpin=random.random() < 0.15,
        vlan=random_vlan(random) if aware else None,
        storm=random_storm(random),
        static_macs=tuple(each for each in (mac(own), mac(own + SECOND)) if random.random() < 0.1),
        max_macs=random.choice((0, 1, 2, 3, 1024, 1024, 1024)),
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
    rates = [random.choice((1, 5, 10, 30, 100, 999, 12345)) if random.random() < 0.2 else None for _ in range(3)]
    return Storm(*rates)

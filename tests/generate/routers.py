"""Random nodes that route: bridged and routed networks, an uplink, routes that are written."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from random import Random

from control.model import Address, Configuration, Limits, Nat, Network, Pcap, Port, Route, Subnet, Uplink
from tests.packets import mac

UPLINKS = (ip_interface("192.0.2.10/24"), ip_interface("2001:db8::10/64"))
GATEWAYS = (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
OUTSIDE = (ip_address("192.0.2.200"), ip_address("2001:db8::200"))
ELSEWHERE = ("0.0.0.0/0", "10.1.2.0/24", "10.2.0.0/15", "172.16.0.0/12", "fd00:1::/80", "fd50::/16", "::/0")
SMALL = Limits(fdb=1000, flows=1000, routes=200)


def subnets_of(number: int) -> tuple[Subnet, Subnet]:
    """Return the subnets of network ``number``."""
    return ip_network(f"10.{number}.0.0/16"), ip_network(f"fd00:{number}::/64")


def host(number: int, station: int) -> tuple[Address, Address]:
    """Return the addresses of a station of network ``number``; station 1 is the gateway."""
    return ip_address(f"10.{number}.0.{station}"), ip_address(f"fd00:{number}::{station:x}")


def random_router(random: Random) -> Configuration:
    """Return a valid configuration of one to four networks, up to eight ports, and perhaps a way out."""
    networks = [random_network(random, number) for number in range(1, random.randint(2, 5))]
    ports = []
    for station in range(2, random.randint(2, 10)):
        number = random.randint(1, len(networks))
        addresses = tuple(
            ip_interface(f"{address}/{subnet.prefixlen}")
            for address, subnet in zip(host(number, station), subnets_of(number), strict=True)
            if random.random() < 0.8
        )
        ports.append(Port(f"p{station}", f"n{number}", Pcap(), addresses, mac=mac(station)))
    uplink = None
    if random.random() < 0.7:
        ports.append(Port("out", "", Pcap(), endpoint=False))
        mode = random.choice(("host", "port"))
        uplink = Uplink(mode, UPLINKS, random.choice((GATEWAYS, GATEWAYS[:1], ())), "out")  # type: ignore[arg-type]
    services = ""
    if random.random() < 0.4:
        services = "within"
        ports.append(Port("within", "", Pcap(), mac=mac(0xAAAA), endpoint=False))
    random.shuffle(ports)
    bridged = [number for number, network in enumerate(networks, start=1) if network.mode == "bridge"]
    routes = [random_route(random, to, bridged) for to in random.sample(ELSEWHERE, random.randint(0, 4))]
    static = tuple(zip(OUTSIDE, host(1, 9), strict=True)) if uplink and random.random() < 0.3 else ()
    return Configuration(
        node="random",
        networks=tuple(networks),
        ports=tuple(ports),
        uplink=uplink,
        services=services,
        routes=tuple(route for route in routes if route is not None),
        nat=Nat(static=static),
        limits=SMALL,
    )


def random_network(random: Random, number: int) -> Network:
    """Return network ``number``, mostly one with gateways."""
    mode = random.choice(("bridge", "bridge", "bridge", "routed", "routed", "none"))
    return Network(
        f"n{number}",
        mode=mode,  # type: ignore[arg-type]
        subnets=subnets_of(number),
        gateway=() if mode == "none" else random.choice((host(number, 1), host(number, 1)[:1])),
        masquerade=random.random() < 0.5,
        internal=random.random() < 0.2,
        icc=random.random() < 0.7,
        mtu=random.choice((1280, 1500, 9000)),
    )


def random_route(random: Random, to: str, bridged: list[int]) -> Route | None:
    """Return a route to ``to``: by neighbours in bridged networks, into one, or nowhere; None if it needs one more."""
    prefix = ip_network(to)
    kind = random.choice(("via", "via", "network", "blackhole"))
    if kind == "blackhole":
        return Route(prefix, blackhole=True)
    if not bridged:
        return None
    if kind == "network":
        return Route(prefix, network=f"n{random.choice(bridged)}")
    stations = random.sample(range(20, 30), random.randint(1, 3))
    hops = [host(random.choice(bridged), station)[prefix.version == 6] for station in stations]
    return Route(prefix, via=tuple((hop, random.randint(1, 5)) for hop in hops))


def random_addresses(random: Random, configuration: Configuration, count: int) -> list[Address]:
    """Return addresses near those that the configuration knows, and some from anywhere."""
    known: list[Address] = [*GATEWAYS, *OUTSIDE, ip_address("169.254.1.1"), ip_address("fe80::1")]
    known += [address for network in configuration.networks for address in network.gateway]
    known += [address.ip for port in configuration.ports for address in port.addresses]
    known += [edge for to in ELSEWHERE for edge in (ip_network(to)[0], ip_network(to)[-1])]
    found: list[Address] = []
    while len(found) < count:
        address = random.choice(known)
        number = int(address) + random.choice((0, 0, 0, 1, -1, 256, 65536, 1 << 16))
        width = address.max_prefixlen
        if random.random() < 0.1:
            number = random.getrandbits(width)
        number %= 1 << width
        found.append(IPv4Address(number) if width == 32 else IPv6Address(number))
    return found

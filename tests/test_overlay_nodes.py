"""Nodes back to back: whatever goes in at one comes out at the others as if all ports were one switch's."""

from collections import Counter
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from random import Random

import pytest

from control.model import (
    TUNNEL,
    Configuration,
    Limits,
    Network,
    Overlay,
    Pcap,
    Peer,
    Port,
    RemoteEndpoint,
    Uplink,
    Vtep,
)
from tests.cluster import Cluster, Sent, cluster
from tests.fuzz.oracle import account_for_frames
from tests.packets import BROADCAST, GROUP, mac
from tests.scale import scaled

pytestmark = pytest.mark.kernel

NODES = (1, 2, 3)
NETWORKS = {"blue": 42, "red": 43}
STATIONS = (1, 2)
NOW_NS = 1_700_000_000_000_000_000
FRAMES = scaled(120, jit_off=25)


def port_name(node: int, network: str, station: int) -> str:
    return f"{network}{node}{station}"


def station_mac(port: str) -> bytes:
    """Return the MAC of the station behind a port, which tells in which network, where and who it is."""
    return mac(int.from_bytes(port[0].encode(), "big") << 16 | int(port[-2:]))


def station_address(port: str) -> str:
    return f"10.{port[-2]}.{1 + (port[0] == 'r')}.{port[-1]}"


def vtep(node: int, version: int) -> IPv4Interface | IPv6Interface:
    return ip_interface(f"192.0.2.{node}/24" if version == 4 else f"2001:db8::{node}/64")


def node_of(number: int, version: int, is_told: bool) -> Configuration:
    """Return one of the nodes. ``is_told``: it knows who is at the others; else it learns."""
    ports = [Port(port_name(number, network, station), network, Pcap()) for network in NETWORKS for station in STATIONS]
    wan = Port("wan", "", Pcap(), endpoint=False)
    tunnel = Port(TUNNEL, "", Vtep("raw"), mac=mac(0xFFF), endpoint=False)
    own = vtep(number, version)
    others = [other for other in NODES if other != number]
    overlay = Overlay(
        own.ip,
        transport="raw",
        learning=not is_told,
        checksum=version == 6,
        peers=tuple(peer_of(other, version, is_told) for other in others),
    )
    networks = tuple(
        Network(name, mode="overlay", vni=vni, mtu=1500 - (50 if version == 4 else 70))
        for name, vni in NETWORKS.items()
    )
    return Configuration(
        node=f"node{number}",
        networks=networks,
        ports=(*ports, wan, tunnel),
        uplink=Uplink("port", (own,), port="wan"),
        overlay=overlay,
        limits=Limits(fdb=scaled(4096, jit_off=256), flows=256),
    )


def peer_of(number: int, version: int, is_told: bool) -> Peer:
    """Return what the others are told of a node."""
    ports = [port_name(number, network, station) for network in NETWORKS for station in STATIONS]
    told = tuple(
        RemoteEndpoint("blue" if port[0] == "b" else "red", ip_address(station_address(port)), station_mac(port))
        for port in ports
    )
    return Peer(f"node{number}", vtep(number, version).ip, endpoints=told if is_told else ())


def ports_of(network: str) -> list[str]:
    """Return all ports of a network, at all nodes."""
    return [port_name(node, network, station) for node in NODES for station in STATIONS]


def random_frame(random: Random) -> tuple[str, bytes]:
    """Return a frame of a station's to another, to all, or to nobody, and the port where it comes in."""
    network = random.choice(list(NETWORKS))
    ports = ports_of(network)
    source = random.choice(ports)
    others = [station_mac(port) for port in ports if port != source]
    to = random.choice((*others, *others, BROADCAST, GROUP, mac(0xEEEE)))
    length = random.choice((0, 1, 46, 100, 400, 1400))
    return source, to + station_mac(source) + b"\x88\xb5" + random.randbytes(length)


def receivers(source: str, frame: bytes) -> list[str]:
    """Return the ports that a switch sends a frame to that has heard every station."""
    others = [port for port in ports_of("blue" if source[0] == "b" else "red") if port != source]
    return [port for port in others if station_mac(port) == frame[:6]] or others


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "learning"])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1, 7, 256])
def test_three_nodes_are_one_switch(version: int, is_told: bool, size: int, seed: int) -> None:
    random = Random(seed)
    with cluster(*(node_of(number, version, is_told) for number in NODES), sizes=[size]) as nodes:
        for at in range(FRAMES):
            source, frame = random_frame(random)
            expected = Counter(Sent(f"node{port[-2]}", port, frame) for port in receivers(source, frame))
            found = Counter(nodes.give(f"node{source[-2]}", [(source, frame)], NOW_NS + at))
            assert not expected - found, f"frame {at} from {source}: somebody missed it"
            assert all(is_mere_flood(extra, frame, source) for extra in found - expected), f"frame {at}: {found}"
            assert max(found.values()) == 1, f"frame {at}: somebody got it twice"
        hold_accounts(nodes)


def is_mere_flood(extra: Sent, frame: bytes, source: str) -> bool:
    """Whether a copy is one of a unicast frame whose receiver its node had not heard: the same frame, in its network,
    and not where it came from."""
    return extra.frame == frame and not frame[0] & 1 and extra.port[0] == source[0] and extra.port != source


def hold_accounts(nodes: Cluster) -> None:
    """Each node's counters tell what its frames tell."""
    for node in nodes.nodes.values():
        account_for_frames(node.configuration, node.arrivals, node.run())


def test_a_burst_before_the_way_is_known_arrives_whole_and_in_order() -> None:
    """All frames of a vector wait for the answer of the next hop, and are then sent in their order."""
    to, source = port_name(2, "blue", 1), port_name(1, "blue", 1)
    burst = [station_mac(to) + station_mac(source) + b"\x88\xb5" + bytes([k]) * 50 for k in range(16)]
    with cluster(*(node_of(number, 4, True) for number in NODES)) as nodes:
        nodes.give("node2", [(to, BROADCAST + station_mac(to) + b"\x88\xb5" + bytes(46))], NOW_NS)
        found = nodes.give("node1", [(source, frame) for frame in burst], NOW_NS + 1)
        assert [each.frame for each in found if each.port == to] == burst
        hold_accounts(nodes)

"""A small world for the rows of policy: three pods in one network, a fourth in another, and a way out.

blue    b1 (client), b2 (server, which policies select), b3 (stranger); MACs and addresses as in ``router/world.py``
red     r1 (client)
wan     no pod: who is there is an address
"""

from dataclasses import replace
from typing import Any

from scapy.packet import Packet

from control.model import Configuration, Port, Route
from control.policy.model import (
    BlockPeer,
    Labels,
    Manifests,
    NetworkPolicy,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
)
from tests.checkers import Check
from tests.packets import mac
from tests.rows.router import world as routed
from tests.rows.router.world import B1, B2, R1, Station, ether, pcap
from tests.rows.row import Step, step

B3 = Station("b3", mac(0x14), "10.1.0.4", "fd00:1::4", "blue")

CLIENT: Labels = (("app", "client"),)
SERVER: Labels = (("app", "server"),)
STRANGER: Labels = (("app", "stranger"),)


def labelled(station: Station, labels: Labels, **fields: Any) -> Port:
    """Return the port of a pod with these labels."""
    return pcap(station, labels=labels, **fields)


def pods(labels: Labels) -> Selector:
    """Return what selects the pods with these labels."""
    return Selector(tuple(Requirement(key, "In", frozenset({value})) for key, value in labels))


def policy(name: str, of: Labels = SERVER, **directions: tuple[Rule, ...]) -> NetworkPolicy:
    """Return a policy of the default namespace for pods with these labels."""
    return NetworkPolicy("default", name, pods(of), **directions)


def from_pods(labels: Labels, *ports: PortMatch) -> Rule:
    """Return a rule that lets pods with these labels talk to some ports, or to all if none are named."""
    return Rule((PodPeer(pods(labels)),), ports or None)


def blocks(*cidrs: Any, ports: tuple[PortMatch, ...] | None = None) -> Rule:
    """Return a rule that lets addresses pass."""
    return Rule(tuple(BlockPeer(cidr) for cidr in cidrs), ports)


def judged(
    *policies: NetworkPolicy,
    ports: tuple[Port, ...] = (),
    routes: tuple[Route, ...] = (),
    **fields: Any,
) -> Configuration:
    """Return the world with these policies in force."""
    usual = {
        "b1": labelled(B1, CLIENT),
        "b2": labelled(B2, SERVER),
        "b3": labelled(B3, STRANGER),
        "r1": labelled(R1, CLIENT),
    }
    whole = usual | {port.name: port for port in ports}
    configuration = routed.world(*whole.values(), routes=routes, **fields)
    return replace(configuration, manifests=Manifests(policies))


def without_gateways(configuration: Configuration) -> Configuration:
    """Return a configuration in which nothing is routed."""
    networks = tuple(replace(each, subnets=(), gateway=()) for each in configuration.networks)
    return replace(configuration, networks=networks, uplink=None)


UDP_53 = PortMatch("udp", 53, 53)
TCP_80 = PortMatch("tcp", 80, 80)
NOTHING_IN = policy("closed", ingress=())
NOTHING_OUT = policy("quiet", of=CLIENT, egress=())
CLIENTS_ASK = policy("clients", ingress=(from_pods(CLIENT, UDP_53, TCP_80),))
"""The server hears clients at these two ports, and nobody else."""

OPEN = judged()
CLOSED = judged(NOTHING_IN)
GUARDED = judged(CLIENTS_ASK)
QUIET = judged(NOTHING_OUT)
BARE = judged(NOTHING_IN, NOTHING_OUT)
"""Nobody may begin anything, but the stranger with itself and with those of no policy."""


def passes(source: Station, destination: Station, packet: Packet) -> bytes:
    """Return the frame by which a station gives another one of its network a packet."""
    return ether(destination.mac, source.mac, packet)


def tells(source: Station, destination: Station, packet: Packet, *checks: Check, **after: int) -> Step:
    """Return the step in which it does so."""
    return step(source.port, passes(source, destination, packet), *checks, **after)


def heard(*stations: Station) -> tuple[Step, ...]:
    """Return the steps after which all know behind which ports these stations are."""
    return tuple(step(each.port, routed.arp_reply(each)) for each in stations)

"""Random policies for random nodes: their ports become pods with labels, and somebody has written about these."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from control.model import Configuration, Port
from tests.generate.policies import NAMESPACES, random_labels, random_manifests, random_named_ports
from tests.generate.routed import random_traffic
from tests.naive.overlay import destination_of
from tests.runs import Arrival


def with_policies(random: Random, configuration: Configuration) -> Configuration:
    """Return ``configuration`` with policies in force; its ports are in namespaces and have labels, anew."""
    ports = tuple(as_pod(random, port) for port in configuration.ports)
    return replace(configuration, ports=ports, manifests=random_manifests(random))


def with_other_policies(random: Random, configuration: Configuration) -> Configuration:
    """Return ``configuration`` after a change of its policies, or of some ports' labels."""
    if random.random() < 0.3:
        ports = tuple(as_pod(random, port) if random.random() < 0.4 else port for port in configuration.ports)
        return replace(configuration, ports=ports)
    return replace(configuration, manifests=random_manifests(random))


def as_pod(random: Random, port: Port) -> Port:
    """Return a port that selectors can tell from others."""
    return replace(
        port,
        namespace=random.choice(NAMESPACES[:2]),
        labels=random_labels(random),
        named_ports=random_named_ports(random),
    )


def random_talk(random: Random, node: Configuration, count: int) -> Iterator[Arrival]:
    """Yield random traffic of a node that routes, in which pods talk to each other directly, mostly, where they can."""
    macs = {address.ip: port.mac for port in node.ports for address in port.addresses if port.mac}
    for arrival in random_traffic(random, node, count):
        to = macs.get(destination_of(arrival.frame))
        if to and random.random() < 0.7:
            arrival = arrival._replace(frame=to + arrival.frame[6:])
        yield arrival

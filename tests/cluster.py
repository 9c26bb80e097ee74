"""Nodes on one underlay, each the real pipeline with ports made of lists: what leaves one's uplink comes in at the
others', as on a link.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import NamedTuple

from control.fabric import Fabric
from control.model import Configuration
from tests.engine import begin, carry, in_memory, run_of
from tests.naive.switch import Outcome
from tests.runs import CALM, Arrival, Run

MOST_ROUNDS = 50
"""How often the uplinks take turns before they are held to talk without end."""


class Sent(NamedTuple):
    """A frame that left a node by a port."""

    node: str
    port: str
    frame: bytes


class Node:
    """One node: its pipeline, and what has become of all that came in."""

    def __init__(self, configuration: Configuration) -> None:
        assert configuration.uplink
        self.name = configuration.node
        self.configuration = configuration
        self.uplink = configuration.uplink.port
        self.fabric = Fabric(configuration.limits, seed=1)
        self.engine = begin(self.fabric, configuration, CALM)
        self.arrivals: list[Arrival] = []
        self.outcomes: list[Outcome] = []

    def take(self, arrivals: Sequence[Arrival], size: int) -> list[Sent]:
        """Switch frames in vectors of ``size``; return what leaves."""
        frames, data = in_memory(self.engine, arrivals)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(arrivals):
            outcomes += carry(self.engine, frames, data, len(outcomes), size)
        self.arrivals += arrivals
        self.outcomes += outcomes
        return [Sent(self.name, port, frame) for outcome in outcomes for port, frame in outcome.out]

    def run(self) -> Run:
        """Return all that has been."""
        return run_of(
            self.fabric, [(outcome, {}) for outcome in self.outcomes], max(arrival.time_ns for arrival in self.arrivals)
        )


class Cluster:
    """Nodes, and the link between them."""

    def __init__(self, nodes: Mapping[str, Node], sizes: Sequence[int]) -> None:
        self.nodes = nodes
        self.sizes = cycle(sizes)

    def give(self, node: str, frames: Sequence[tuple[str, bytes]], now_ns: int) -> list[Sent]:
        """Give a node frames by its ports, and let the nodes talk until they are quiet; return what left elsewhere than
        at the uplinks."""
        left: list[Sent] = []
        waiting = deque([(node, list(frames))])
        for _ in range(MOST_ROUNDS):
            if not waiting:
                return left
            name, coming = waiting.popleft()
            arrivals = [Arrival(port, frame, now_ns) for port, frame in coming]
            sent = self.nodes[name].take(arrivals, next(self.sizes))
            uplink = self.nodes[name].uplink
            left += [each for each in sent if each.port != uplink]
            onto_link = [each.frame for each in sent if each.port == uplink]
            others = [other for other in self.nodes.values() if other.name != name]
            waiting += [(other.name, [(other.uplink, frame) for frame in onto_link]) for other in others if onto_link]
        raise AssertionError(f"the nodes still talk: {waiting}")


@contextmanager
def cluster(*configurations: Configuration, sizes: Sequence[int] = (256,)) -> Iterator[Cluster]:
    """Run nodes on one link."""
    nodes: dict[str, Node] = {}
    try:
        for configuration in configurations:
            nodes[configuration.node] = Node(configuration)
        yield Cluster(nodes, sizes)
    finally:
        for node in nodes.values():
            node.fabric.close()

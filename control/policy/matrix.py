"""The truth table: whether each pod may talk to each other one, on each port that policies or pods know."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from control.model import Address
from control.policy.answers import Answer, Decide, answer_of
from control.policy.model import ClusterPolicy, Manifests, NetworkPolicy, Pod, PortMatch, Rule

PROTOCOLS = ("tcp", "udp", "sctp")
_MAX_PORT = 65535


class Column(NamedTuple):
    """A port of a protocol. ``is_other``: it stands for all that are not named one by one."""

    protocol: str
    port: int = 0
    is_other: bool = False

    @property
    def text(self) -> str:
        """How people write it."""
        if self.protocol not in PROTOCOLS:
            return self.protocol
        return f"{self.protocol} others" if self.is_other else f"{self.port}/{self.protocol}"


class Cell(NamedTuple):
    """What becomes of a conversation from one pod to another, by addresses of a family (4 or 6)."""

    source: Pod
    destination: Pod
    family: int
    column: Column
    answer: Answer


def matrix(
    decide: Decide, sources: Sequence[Pod], destinations: Sequence[Pod], columns: Sequence[Column]
) -> Iterator[Cell]:
    """Yield a cell for every two pods, family that both have, and column; by source, destination, family, column."""
    for source in sources:
        for destination in destinations:
            for one, other in pairs(source, destination):
                for column in columns:
                    answer = answer_of(*decide(one, other, column.protocol, column.port))
                    yield Cell(source, destination, one.version, column, answer)


def pairs(source: Pod, destination: Pod) -> Iterator[tuple[Address, Address]]:
    """Yield the addresses by which one pod reaches another: the first ones of each family that both have."""
    for version in (4, 6):
        one = next((address for address in source.addresses if address.version == version), None)
        other = next((address for address in destination.addresses if address.version == version), None)
        if one is not None and other is not None:
            yield one, other


def columns_of(manifests: Manifests, pods: Iterable[Pod]) -> list[Column]:
    """Return the ports to ask about: those that rules and pods name, both ends of ranges, of each protocol one that
    stands for all others, and ICMP."""
    everyone = tuple(pods)
    spans = list(spans_of(manifests, everyone))
    ports = {(protocol, port) for protocol, first, last in spans for port in (first, last)}
    ports |= {(protocol, number) for pod in everyone for _, number, protocol in pod.named_ports}
    columns = [
        Column(protocol, port) for protocol, port in sorted(ports, key=lambda each: (PROTOCOLS.index(each[0]), each[1]))
    ]
    for protocol in PROTOCOLS:
        taken = [(first, last) for each, first, last in spans if each == protocol]
        taken += [(port, port) for each, port in ports if each == protocol]
        if (other := port_outside(taken)) is not None:
            columns.append(Column(protocol, other, is_other=True))
    return [*columns, Column("icmp")]


def spans_of(manifests: Manifests, pods: Sequence[Pod]) -> Iterator[tuple[str, int, int]]:
    """Yield protocol, first and last port of what rules name, but for a protocol as a whole."""
    for match in matches_of(manifests):
        if match.name:
            for pod in pods:
                for name, number, protocol in pod.named_ports:
                    if name == match.name and match.protocol in (None, protocol):
                        yield protocol, number, number
        elif match.protocol is not None and (match.first, match.last) != (0, _MAX_PORT):
            yield match.protocol, match.first, match.last


def matches_of(manifests: Manifests) -> Iterator[PortMatch]:
    """Yield what all rules say of ports."""
    rules: list[Rule] = []
    policies: list[NetworkPolicy | ClusterPolicy] = [*manifests.policies, *manifests.cluster_policies]
    for policy in policies:
        rules += [*(policy.ingress or ()), *(policy.egress or ())]
    for rule in rules:
        yield from rule.ports or ()


def port_outside(spans: Sequence[tuple[int, int]]) -> int | None:
    """Return a port that lies in none of the spans, None if they cover all."""
    candidates = [1, *(last + 1 for _, last in spans)]
    free = (port for port in candidates if port <= _MAX_PORT and all(not a <= port <= b for a, b in spans))
    return min(free, default=None)

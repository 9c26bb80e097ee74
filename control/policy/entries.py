"""Policies as rows are made of them: in each direction, clauses in order, and what is said where none holds.

A clause is a rule, or the part of one whose ports are written by number or by name: whom it is about, its ports, and
its verdict. Ports of an egress rule that are written by name are those of the pod at the other end: such a clause is
about pods alone, be it about blocks or everybody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from control.policy.model import (
    BlockPeer,
    ClusterPolicy,
    Direction,
    NamePeer,
    NetworkPolicy,
    NodePeer,
    PodPeer,
    Rule,
    UnknownPeer,
)
from control.policy.spans import ALL, PortNames, Span, names_of, spans_of
from dataplane.policy.tables import ALLOW, AUDIT, DENY, PASS

Tier = Literal["admin", "network", "baseline"]
TIERS: tuple[Tier, ...] = ("admin", "network", "baseline")
"""In the order in which they are asked."""

ACTIONS = {"accept": ALLOW, "deny": DENY, "pass": PASS}


class RuleName(NamedTuple):
    """What decided: the policy, ``NAMESPACE/NAME`` or a cluster's by its name; the rule, as ``ingress[0]``, or
    ``ingress`` where it was that no rule lets it pass; the direction."""

    policy: str
    rule: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Callers:
    """Pods that have a port of a name: whom an egress rule is about that says only that."""

    name: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whoever has an address that ``peer`` is about, as one more thing that is known of him."""

    peer: NodePeer | NamePeer | BlockPeer


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods that ``peer`` selects, written in ``namespace``; None there where the peer says namespaces itself."""

    peer: PodPeer
    namespace: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses, by the longest prefix that holds them."""

    peer: BlockPeer


Whom = Pods | Addressed | Callers | Block


class Clause(NamedTuple):
    """``whom`` None: everybody. ``spans`` and ``names``: the ports. ``rule`` None: nobody is told of it. A clause of
    several rules' parts has the ``order`` of its rule."""

    whom: tuple[Whom, ...] | None
    spans: tuple[Span, ...]
    names: PortNames
    action: int
    rule: RuleName | None
    order: int


class Entry:
    """One policy as it counts now. ``audited``: what it would drop passes. Two are the same if they are one object."""

    def __init__(self, policy: NetworkPolicy | ClusterPolicy, audited: bool) -> None:
        self.policy = policy
        self.audited = audited
        if isinstance(policy, NetworkPolicy):
            self.tier: Tier = "network"
            self.name = f"{policy.namespace}/{policy.name}"
            self.rank: tuple[int, str] = (0, policy.name)
            self.subject = PodPeer(policy.pods)
            self.namespace: str | None = policy.namespace
        else:
            self.tier = policy.tier
            self.name = policy.name
            self.rank = (policy.priority, policy.name)
            self.subject = policy.subject
            self.namespace = None

    def rules(self, direction: Direction) -> tuple[Rule, ...] | None:
        """Return the rules of a direction, None where the policy has nothing to say there."""
        rules: tuple[Rule, ...] | None = getattr(self.policy, direction)
        return rules if self.tier == "network" else rules or None

    def has_names(self, direction: Direction) -> bool:
        """Whether any port of a direction is written by name."""
        return any(port.name for rule in self.rules(direction) or () for port in rule.ports or ())

    def default(self, direction: Direction) -> RuleName:
        """Return the name of what drops where no rule lets pass."""
        return RuleName(self.name, direction, direction)


def clauses_of(entries: Sequence[Entry], direction: Direction) -> list[Clause]:
    """Return the clauses of some policies of one tier, in order."""
    found: list[Clause] = []
    order = 0
    for entry in entries:
        for index, rule in enumerate(entry.rules(direction) or ()):
            name = RuleName(entry.name, f"{direction}[{index}]", direction)
            found += _clauses(entry, rule, direction, name, order)
            order += 1
    return found


def _clauses(entry: Entry, rule: Rule, direction: Direction, name: RuleName, order: int) -> Iterator[Clause]:
    action = AUDIT if rule.action == "deny" and entry.audited else ACTIONS[rule.action]
    told = None if action == PASS else name
    if any(isinstance(peer, UnknownPeer) for peer in rule.peers or ()):
        if rule.action != "accept":
            yield Clause(None, ALL, (), AUDIT if entry.audited else DENY, name, order)
        return
    whom = None if rule.peers is None else tuple(_whom(peer, entry.namespace) for peer in rule.peers)
    spans, names = spans_of(rule.ports), names_of(rule.ports)
    if direction == "ingress" or not names:
        yield Clause(whom, spans, names, action, told, order)
        return
    if spans:
        yield Clause(whom, spans, (), action, told, order)
    yield Clause(_pods_among(whom, names), (), names, action, told, order)


def _whom(peer: object, namespace: str | None) -> Whom:
    match peer:
        case PodPeer():
            return Pods(peer, namespace if peer.namespaces is None else None)
        case BlockPeer():
            return Block(peer)
        case NodePeer() | NamePeer():
            return Addressed(peer)
    raise TypeError(peer)


def _pods_among(whom: tuple[Whom, ...] | None, names: PortNames) -> tuple[Whom, ...]:
    """Return the pods of these, by what is known of each pod."""
    if whom is None:
        return tuple(Callers(name) for name, _ in dict.fromkeys(names))
    return tuple(Addressed(each.peer) if isinstance(each, Block) else each for each in whom)

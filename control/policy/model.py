"""Policies, and the objects that they select by: frozen, checked, and as near to Kubernetes' own words as can be.

Sources: `networking.k8s.io/v1` NetworkPolicy, `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy, "Labels and
Selectors".
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from control.model import Address, Subnet

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
Protocol = Literal["tcp", "udp", "sctp"]
Action = Literal["accept", "deny", "pass"]
Tier = Literal["admin", "baseline"]
Direction = Literal["ingress", "egress"]
Labels = tuple[tuple[str, str], ...]
"""Sorted by their keys."""

NAME_LABEL = "kubernetes.io/metadata.name"
"""A label that every namespace has: its name."""


class Place(NamedTuple):
    """Where an object was written."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "nowhere"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. ``values``: none for Exists and DoesNotExist."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selector:
    """All ``requirements`` must hold; without any, it selects everything. ``matchLabels`` are In with one value."""

    requirements: tuple[Requirement, ...] = ()


EVERYTHING = Selector()


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Pods that ``pods`` selects, in the namespaces that ``namespaces`` selects, or, if that is None, in the policy's
    own. A peer that names only namespaces has ``pods`` EVERYTHING."""

    pods: Selector = EVERYTHING
    namespaces: Selector | None = None


@dataclass(frozen=True, slots=True)
class BlockPeer:
    """Addresses in ``cidr`` and in none of ``excepts``, whoever has them."""

    cidr: Subnet
    excepts: tuple[Subnet, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePeer:
    """Nodes, by their addresses."""

    nodes: Selector = EVERYTHING


@dataclass(frozen=True, slots=True)
class NamePeer:
    """Addresses that the fabric's own DNS has answered with for a name: ``example.com``, or ``*.example.com`` for
    all below it."""

    name: str


@dataclass(frozen=True, slots=True)
class UnknownPeer:
    """What this version does not understand: it selects nobody where that lets less pass, everybody where it denies."""

    text: str


Peer = PodPeer | BlockPeer | NodePeer | NamePeer | UnknownPeer


@dataclass(frozen=True, slots=True)
class PortMatch:
    """Destination ports ``first`` … ``last`` of a protocol, or those that the destination pod calls ``name``.

    ``protocol`` None with a ``name``: whichever protocol the pod's port of that name has (ClusterNetworkPolicy). With
    neither ports nor name: all ports of the protocol, ``first`` 0 and ``last`` 65535.
    """

    protocol: Protocol | None
    first: int = 0
    last: int = 65535
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule lets pass, denies, or hands on. ``peers`` None: anybody; ``ports`` None: all of every protocol.
    Empty tuples match nothing. ``name``: a ClusterNetworkPolicy's rules may have one."""

    peers: tuple[Peer, ...] | None = None
    ports: tuple[PortMatch, ...] | None = None
    action: Action = "accept"
    name: str = ""


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A namespace's policy for the pods that it selects. A direction that is None is not isolated by it; one with no
    rules lets nothing pass. ``audited``: what it would drop passes, and is logged."""

    namespace: str
    name: str
    pods: Selector = EVERYTHING
    ingress: tuple[Rule, ...] | None = None
    egress: tuple[Rule, ...] | None = None
    audited: bool = False
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """A ClusterNetworkPolicy: asked before (Admin) or after (Baseline) NetworkPolicies, lower ``priority`` first; of
    one priority the alphabetically first name. ``subject`` names the pods that it is about."""

    name: str
    tier: Tier
    priority: int
    subject: PodPeer
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    audited: bool = False
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace's ``labels``, NAME_LABEL among them. ``audited``: all that its NetworkPolicies would drop passes."""

    name: str
    labels: Labels = ()
    audited: bool = False
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster, as peers select it."""

    name: str
    labels: Labels = ()
    addresses: tuple[Address, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Manifests:
    """All objects that were read, each kind sorted by (namespace and) name. Where a fabric has any, it tracks
    conversations and judges them, even if no policy selects anybody yet."""

    policies: tuple[NetworkPolicy, ...] = ()
    cluster_policies: tuple[ClusterPolicy, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Pod:
    """Who policies are about: an endpoint of this node (``port`` is its port's name) or of another one.

    ``name`` is unique in the cluster. ``named_ports``: name, number, protocol.
    """

    name: str
    namespace: str = "default"
    labels: Labels = ()
    named_ports: tuple[tuple[str, int, str], ...] = ()
    addresses: tuple[Address, ...] = ()
    port: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What decided: ``policy`` is ``NAMESPACE/NAME``, or a cluster policy's name; ``rule`` is ``ingress[0]``, or only
    ``ingress`` where it was that no rule lets it pass."""

    allowed: bool
    policy: str = ""
    rule: str = ""
    audited: bool = False

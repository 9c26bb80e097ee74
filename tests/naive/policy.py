"""Policies as their specifications read: who may talk to whom, asked of the objects alone, anew each time.

Sources: Kubernetes' "Network Policies" and "Labels and Selectors", the comments of `networking.k8s.io/v1`
NetworkPolicy, and those of `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy.

Each direction is asked by itself, and both must allow: egress by the policies that select the source, ingress by those
that select the destination. In each, the tiers are asked one after the other:

    Admin            the first rule that matches, by priority, name and place: accepts, denies, or passes on
    NetworkPolicy    if any selects the pod in that direction: some rule allows it, or it is denied
    Baseline         as Admin
    otherwise        it is allowed, and nobody has decided

Where the specifications could be read two ways, this is how they are read:

- Of NetworkPolicies that allow, the first by name counts, and its first rule; of those that only isolate, the first by
  name, one that is not audited before one that is.
- What an audited policy denies passes. Of several that isolate a pod, none of which allows it, one that is not audited
  is enough to deny it. What audited policies allow is allowed.
- A rule with a peer that is not understood matches nothing if it accepts, and denies everything if it denies or passes.
- A peer says who, ports say which, independently: of a block, too, a named port is that of the pod at the other end.
- An address is a node's if its Node object says so; what this node's own addresses are says the cluster.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from control.model import Address
from control.policy.model import (
    NAME_LABEL,
    BlockPeer,
    ClusterPolicy,
    Decision,
    Direction,
    Labels,
    Manifests,
    NamePeer,
    NetworkPolicy,
    NodePeer,
    Peer,
    Pod,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
    Tier,
    UnknownPeer,
)

UNDECIDED = Decision(True)


class End(NamedTuple):
    """One end of a conversation: the pod, if it is one, and the address that it uses there, if any is known."""

    pod: Pod | None
    address: Address | None


@dataclass(frozen=True)
class Cluster:
    """Who there is. ``own``: this node's own addresses; ``names``: the addresses that were answered for each name."""

    pods: tuple[Pod, ...] = ()
    own: frozenset[Address] = frozenset()
    names: Mapping[str, frozenset[Address]] = field(default_factory=dict)

    def at(self, address: Address) -> End:
        """Return who has an address."""
        return End(next((pod for pod in self.pods if address in pod.addresses), None), address)


class Question(NamedTuple):
    """Whether ``other`` may talk with ``pod``: from it (egress) or to it (ingress). ``port`` is the destination's, 0
    where the ``protocol`` has none; that is tcp, udp, sctp or something else."""

    cluster: Cluster
    manifests: Manifests
    direction: Direction
    pod: Pod
    other: End
    protocol: str
    port: int

    @property
    def target(self) -> Pod | None:
        """The pod that the conversation goes to."""
        return self.other.pod if self.direction == "egress" else self.pod


def decide_both(
    cluster: Cluster, manifests: Manifests, source: End, destination: End, protocol: str, port: int
) -> tuple[Decision, Decision]:
    """Return what the source's egress and the destination's ingress say."""
    ends = source, destination
    return (
        decide(cluster, manifests, "egress", *ends, protocol, port),
        decide(cluster, manifests, "ingress", *ends, protocol, port),
    )


def decide(
    cluster: Cluster,
    manifests: Manifests,
    direction: Direction,
    source: End,
    destination: End,
    protocol: str,
    port: int,
) -> Decision:
    """Return what one direction says of a conversation's first packet, after destination translation and before source
    translation."""
    pod, other = (source.pod, destination) if direction == "egress" else (destination.pod, source)
    if pod is None or other.pod == pod:
        return UNDECIDED
    if direction == "ingress" and other.pod is None and other.address in cluster.own:
        return UNDECIDED
    question = Question(cluster, manifests, direction, pod, other, protocol, port)
    return ask_tier(question, "admin") or ask_network_policies(question) or ask_tier(question, "baseline") or UNDECIDED


def is_isolated(manifests: Manifests, direction: Direction, pod: Pod) -> bool:
    """Whether any policy has a say in a direction of a pod's."""
    question = Question(Cluster(), manifests, direction, pod, End(None, None), "", 0)
    subjects = [policy.subject for policy in manifests.cluster_policies if getattr(policy, direction)]
    return any(policies_about(question)) or any(selects_pod(manifests, each, None, pod) for each in subjects)


# ClusterNetworkPolicy


def ask_tier(question: Question, tier: Tier) -> Decision | None:
    """Return what a tier decides, None if it has nothing to say or passes."""
    policies = [policy for policy in question.manifests.cluster_policies if policy.tier == tier]
    for policy in sorted(policies, key=lambda each: (each.priority, each.name)):
        if not selects_pod(question.manifests, policy.subject, None, question.pod):
            continue
        for number, rule in enumerate(getattr(policy, question.direction)):
            action = act(question, rule)
            if action == "pass":
                return None
            if action:
                return cluster_decision(policy, action == "accept", f"{question.direction}[{number}]")
    return None


def cluster_decision(policy: ClusterPolicy, accepts: bool, rule: str) -> Decision:
    """Return what a rule of a cluster's policy decides."""
    return Decision(accepts or policy.audited, policy.name, rule, audited=policy.audited and not accepts)


def act(question: Question, rule: Rule) -> str | None:
    """Return what a rule of a cluster's policy does about a conversation: accept, deny, pass or nothing."""
    if any(isinstance(peer, UnknownPeer) for peer in rule.peers or ()):
        return None if rule.action == "accept" else "deny"
    return rule.action if matches(question, rule, None) else None


# NetworkPolicy


def ask_network_policies(question: Question) -> Decision | None:
    """Return what the NetworkPolicies decide that select the pod in that direction, None if there is none."""
    isolating = list(policies_about(question))
    for policy in isolating:
        for number, rule in enumerate(getattr(policy, question.direction)):
            is_understood = not any(isinstance(peer, UnknownPeer) for peer in rule.peers or ())
            if is_understood and matches(question, rule, policy.namespace):
                return Decision(True, name_of(policy), f"{question.direction}[{number}]")
    enforced = [policy for policy in isolating if not is_audited(question.manifests, policy)]
    for policy in enforced or isolating:
        return Decision(not enforced, name_of(policy), question.direction, audited=not enforced)
    return None


def policies_about(question: Question) -> Iterator[NetworkPolicy]:
    """Yield the NetworkPolicies that isolate the pod in that direction, by name."""
    for policy in sorted(question.manifests.policies, key=lambda each: each.name):
        is_here = policy.namespace == question.pod.namespace and selects(policy.pods, question.pod.labels)
        if is_here and getattr(policy, question.direction) is not None:
            yield policy


def is_audited(manifests: Manifests, policy: NetworkPolicy) -> bool:
    """Whether what a policy would drop passes."""
    audited = {namespace.name for namespace in manifests.namespaces if namespace.audited}
    return policy.audited or policy.namespace in audited


def name_of(policy: NetworkPolicy) -> str:
    """Return a policy's name in the cluster."""
    return f"{policy.namespace}/{policy.name}"


# Rules


def matches(question: Question, rule: Rule, namespace: str | None) -> bool:
    """Whether a rule is about a conversation: one of its peers and one of its ports, where it names any."""
    is_peer = rule.peers is None or any(is_meant(question, peer, namespace) for peer in rule.peers)
    return is_peer and (rule.ports is None or any(fits(question, port) for port in rule.ports))


def is_meant(question: Question, peer: Peer, namespace: str | None) -> bool:
    """Whether a peer of a rule, of a policy in ``namespace``, is the other end."""
    pod, address = question.other
    if isinstance(peer, PodPeer):
        return pod is not None and selects_pod(question.manifests, peer, namespace, pod)
    if address is None or isinstance(peer, UnknownPeer):
        return False
    if isinstance(peer, BlockPeer):
        return address in peer.cidr and not any(address in hole for hole in peer.excepts)
    if isinstance(peer, NodePeer):
        nodes = [node for node in question.manifests.nodes if selects(peer.nodes, node.labels)]
        return any(address in node.addresses for node in nodes)
    assert isinstance(peer, NamePeer)
    return any(address in found for name, found in question.cluster.names.items() if is_named(name, peer.name))


def is_named(name: str, wanted: str) -> bool:
    """Whether a name is the one that is wanted, or below it."""
    name, wanted = name.lower().rstrip("."), wanted.lower().rstrip(".")
    return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted


def fits(question: Question, port: PortMatch) -> bool:
    """Whether a port of a rule is the one that a conversation goes to."""
    if not port.name:
        return port.protocol == question.protocol and port.first <= question.port <= port.last
    named = question.target.named_ports if question.target else ()
    return any(
        (name, number, protocol) == (port.name, question.port, question.protocol) and port.protocol in (None, protocol)
        for name, number, protocol in named
    )


# Selectors


def selects_pod(manifests: Manifests, peer: PodPeer, namespace: str | None, pod: Pod) -> bool:
    """Whether a peer, of a policy in ``namespace`` if it is in any, selects a pod."""
    if peer.namespaces is None:
        is_there = pod.namespace == namespace
    else:
        is_there = selects(peer.namespaces, labels_of_namespace(manifests, pod.namespace))
    return is_there and selects(peer.pods, pod.labels)


def labels_of_namespace(manifests: Manifests, name: str) -> Labels:
    """Return a namespace's labels, its name among them, whether or not there is an object of it."""
    written = next((dict(each.labels) for each in manifests.namespaces if each.name == name), {})
    return tuple(sorted((written | {NAME_LABEL: name}).items()))


def selects(selector: Selector, labels: Labels) -> bool:
    """Whether all that a selector requires holds of labels."""
    return all(holds(requirement, dict(labels)) for requirement in selector.requirements)


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether a requirement holds; a key that is absent is in no set of values."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None

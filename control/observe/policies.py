"""Policies as documents of the API: every rule, whom it is about here, and how often it has decided."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from control.policy.model import ClusterPolicy, Manifests, NetworkPolicy, Pod

Document = dict[str, Any]
DIRECTIONS = ("ingress", "egress")


class Numbers(NamedTuple):
    """What the tables know of a rule: its numbers there, and how many packets it has decided."""

    numbers: tuple[int, ...] = ()
    packets: int = 0


RuleNumbers = Mapping[tuple[str, str], Numbers]
"""By policy and rule."""


def policies_document(
    manifests: Manifests, of_rule: RuleNumbers, selected: Callable[[str], tuple[Pod, ...]]
) -> list[Document]:
    """Return all policies in the order in which they are asked. ``selected``: the pods of this node that one is about,
    by its name."""
    tiers = sorted(manifests.cluster_policies, key=lambda each: (each.priority, each.name))
    admin = [each for each in tiers if each.tier == "admin"]
    baseline = [each for each in tiers if each.tier == "baseline"]
    documents = [*map(cluster_document, admin), *map(network_document, manifests.policies)]
    documents += map(cluster_document, baseline)
    for document in documents:
        pods = selected(document["policy"])
        document["pods"] = sorted(f"{pod.namespace}/{pod.name}" for pod in pods)
        for rule in document["rules"]:
            known = of_rule.get((document["policy"], rule["rule"]), Numbers())
            rule["packets"] = known.packets
            rule["numbers"] = list(known.numbers)
    return documents


def network_document(policy: NetworkPolicy) -> Document:
    """Return a NetworkPolicy. Each direction that it isolates ends with a rule of the direction's name: what no other
    one lets pass."""
    rules = []
    for direction in DIRECTIONS:
        written = policy.ingress if direction == "ingress" else policy.egress
        if written is not None:
            rules += [_rule(direction, n, "accept") for n in range(len(written))]
            rules.append(_rule(direction, None, "deny"))
    name = f"{policy.namespace}/{policy.name}"
    return _policy("NetworkPolicy", name, None, None, policy, rules)


def cluster_document(policy: ClusterPolicy) -> Document:
    """Return a ClusterNetworkPolicy."""
    rules = []
    for direction in DIRECTIONS:
        written = policy.ingress if direction == "ingress" else policy.egress
        rules += [_rule(direction, n, rule.action, rule.name) for n, rule in enumerate(written)]
    return _policy("ClusterNetworkPolicy", policy.name, policy.tier, policy.priority, policy, rules)


def numbers_of(names: Mapping[int, tuple[str, str]], hits: Any) -> RuleNumbers:
    """Return what the tables know by policy and rule. ``names`` are policy and rule by number, ``hits`` packets."""
    found: dict[tuple[str, str], Numbers] = {}
    for number, (policy, rule) in names.items():
        before = found.get((policy, rule), Numbers())
        found[policy, rule] = Numbers((*before.numbers, number), before.packets + int(hits[number]))
    return found


def names_in(document: list[Document]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield policy and rule by number, out of such a document."""
    for policy in document:
        for rule in policy["rules"]:
            for number in rule["numbers"]:
                yield number, (policy["policy"], rule["rule"])


def _policy(
    kind: str,
    name: str,
    tier: str | None,
    priority: int | None,
    policy: NetworkPolicy | ClusterPolicy,
    rules: list[Document],
) -> Document:
    return {
        "policy": name,
        "kind": kind,
        "tier": tier,
        "priority": priority,
        "audited": policy.audited,
        "place": str(policy.place) if policy.place.file else None,
        "pods": [],
        "rules": rules,
    }


def _rule(direction: str, number: int | None, action: str, name: str = "") -> Document:
    rule = direction if number is None else f"{direction}[{number}]"
    return {"rule": rule, "name": name or None, "action": action}

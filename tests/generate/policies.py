"""Random clusters, policies and questions: few labels, addresses and ports, so that rules meet those they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

from control.model import Address, Subnet
from control.policy.model import (
    EVERYTHING,
    NAME_LABEL,
    BlockPeer,
    ClusterPolicy,
    Labels,
    Manifests,
    NamePeer,
    Namespace,
    NetworkPolicy,
    Node,
    NodePeer,
    Peer,
    Pod,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
    UnknownPeer,
)

NAMESPACES = ("default", "dev", "prod", "system")
VOCABULARY = {"app": ("api", "db", "web"), "role": ("x", "y"), "env": ("dev", "prod"), "only": ("",)}
KEYS = (*VOCABULARY, NAME_LABEL, "absent")
PROTOCOLS = ("tcp", "udp", "sctp")
PORTS = (53, 79, 80, 81, 443, 8080, 65535)
PORT_NAMES = ("http", "dns", "admin")
BLOCKS: tuple[Subnet, ...] = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/29", "10.0.0.4/30", "10.0.0.5/32", "192.0.2.0/24"),
        *("128.0.0.0/1", "192.0.2.9/32"),
        *("::/0", "fd00::/16", "fd00::/64", "fd00::/125", "fd00::4/126", "fd00::5/128", "2001:db8::/32"),
    )
)
OUTSIDE = tuple(ip_address(text) for text in ("192.0.2.9", "192.0.2.10", "8.8.8.8", "2001:db8::9", "2620:fe::fe"))
NODES = tuple(ip_address(text) for text in ("172.16.0.1", "172.16.0.2", "fd16::1", "fd16::2"))
OWN = tuple(ip_address(text) for text in ("10.0.0.254", "fd00::fe"))
DNS_NAMES = ("a.example.com", "b.a.example.com", "example.com", "example.org")
WANTED_NAMES = (*DNS_NAMES[:3], "*.example.com", "*.a.example.com", "*.org", "EXAMPLE.ORG")
MOST_PODS = 8


@dataclass(frozen=True)
class World:
    """Who there is, and what is written about them. ``own``: the node's own addresses; ``names``: the addresses that
    were answered for each name."""

    pods: tuple[Pod, ...]
    manifests: Manifests
    own: frozenset[Address]
    names: Mapping[str, frozenset[Address]]


def random_world(random: Random) -> World:
    """Return a small cluster with policies."""
    pods = tuple(random_pod(random, number) for number in range(random.randint(1, MOST_PODS)))
    own = frozenset(random.sample(OWN, random.randint(0, len(OWN))))
    names = {
        name: frozenset(random.sample(OUTSIDE, random.randint(1, 3))) for name in DNS_NAMES if random.random() < 0.6
    }
    return World(pods, random_manifests(random), own, names)


def random_manifests(random: Random) -> Manifests:
    """Return policies, namespaces with labels, and nodes."""
    policies = [random_policy(random, f"p{number}") for number in range(random.choice((0, 1, 2, 3, 6)))]
    cluster = [random_cluster_policy(random, f"c{number}") for number in range(random.choice((0, 0, 1, 2, 4)))]
    namespaces = [random_namespace(random, name) for name in NAMESPACES if random.random() < 0.6]
    nodes = [random_node(random, number) for number in range(random.choice((0, 0, 1, 2)))]
    return Manifests(
        tuple(sorted(policies, key=lambda each: (each.namespace, each.name))),
        tuple(sorted(cluster, key=lambda each: each.name)),
        tuple(sorted(namespaces, key=lambda each: each.name)),
        tuple(nodes),
    )


def random_pod(random: Random, number: int, is_here: float = 0.7) -> Pod:
    """Return pod ``number``, which is mostly one of this node, and mostly has an address of either family."""
    hosts = (number + 1, number + 1 + 2 * MOST_PODS) if random.random() < 0.2 else (number + 1,)
    addresses = [ip_address(f"10.0.0.{host}") for host in hosts if random.random() < 0.9]
    addresses += [ip_address(f"fd00::{host:x}") for host in hosts if random.random() < 0.6]
    return Pod(
        f"pod{number}",
        random.choice(NAMESPACES),
        random_labels(random),
        random_named_ports(random),
        tuple(addresses),
        f"pod{number}" if random.random() < is_here else "",
    )


def random_labels(random: Random) -> Labels:
    """Return some labels, sorted."""
    chosen = {key: random.choice(values) for key, values in VOCABULARY.items() if random.random() < 0.5}
    return tuple(sorted(chosen.items()))


def random_named_ports(random: Random) -> tuple[tuple[str, int, str], ...]:
    """Return named ports; a name may be several ports'."""
    return tuple(
        (random.choice(PORT_NAMES), random.choice(PORTS), random.choice(PROTOCOLS))
        for _ in range(random.choice((0, 0, 1, 2, 3)))
    )


def random_namespace(random: Random, name: str) -> Namespace:
    """Return the object of a namespace."""
    labels = tuple(sorted((dict(random_labels(random)) | {NAME_LABEL: name}).items()))
    return Namespace(name, labels, audited=random.random() < 0.15)


def random_node(random: Random, number: int) -> Node:
    """Return another node."""
    return Node(f"node{number}", random_labels(random), (NODES[number], NODES[number + 2]))


# Policies


def random_policy(random: Random, name: str) -> NetworkPolicy:
    """Return a NetworkPolicy that isolates in one direction, mostly, or in both."""
    kind = random.random()
    return NetworkPolicy(
        random.choice(NAMESPACES[:2] if random.random() < 0.8 else NAMESPACES),
        name,
        random_selector(random),
        ingress=random_rules(random) if kind < 0.65 else None,
        egress=random_rules(random) if kind > 0.45 else None,
        audited=random.random() < 0.15,
    )


def random_rules(random: Random) -> tuple[Rule, ...]:
    """Return rules of a NetworkPolicy, perhaps none."""
    return tuple(
        Rule(
            None if random.random() < 0.15 else random_peers(random, None),
            None if random.random() < 0.35 else random_ports(random, "of a protocol"),
        )
        for _ in range(random.choice((0, 1, 1, 2, 3)))
    )


def random_cluster_policy(random: Random, name: str) -> ClusterPolicy:
    """Return a ClusterNetworkPolicy; a few share a priority."""
    rules = {
        direction: tuple(random_cluster_rule(random, direction) for _ in range(random.choice((0, 1, 2, 3))))
        for direction in ("ingress", "egress")
    }
    return ClusterPolicy(
        name,
        random.choice(("admin", "baseline")),
        random.choice((0, 10, 10, 1000)),
        random_pod_peer(random, is_in_own=False),
        audited=random.random() < 0.15,
        **rules,
    )


def random_cluster_rule(random: Random, direction: str) -> Rule:
    """Return a rule of a ClusterNetworkPolicy. Addresses are for egress alone, and have no named ports."""
    peers = random_peers(random, direction)
    has_addresses = any(isinstance(peer, BlockPeer | NodePeer | NamePeer) for peer in peers)
    ports = None if random.random() < 0.4 else random_ports(random, "" if has_addresses else "of any")
    actions = ("accept",) if any(isinstance(peer, NamePeer) for peer in peers) else ("accept", "deny", "pass")
    return Rule(peers, ports, random.choice(actions))


def random_peers(random: Random, direction: str | None) -> tuple[Peer, ...]:
    """Return the peers of a NetworkPolicy's rule, or of a ClusterNetworkPolicy's in a ``direction``."""
    return tuple(random_peer(random, direction) for _ in range(random.choice((1, 1, 2, 3))))


def random_peer(random: Random, direction: str | None) -> Peer:
    kind = random.random()
    if direction == "ingress" or kind < 0.6:
        is_unknown = direction is not None and random.random() < 0.04
        return UnknownPeer("unheard of") if is_unknown else random_pod_peer(random, is_in_own=direction is None)
    if direction and kind < 0.7:
        return NodePeer(random_selector(random))
    if direction and kind < 0.8:
        return NamePeer(random.choice(WANTED_NAMES))
    return random_block(random, with_excepts=direction is None)


def random_pod_peer(random: Random, is_in_own: bool) -> PodPeer:
    """Return pods: of the policy's own namespace if ``is_in_own``, perhaps, or of those that a selector selects."""
    kind = random.random()
    if is_in_own and kind < 0.4:
        return PodPeer(random_selector(random))
    return PodPeer(EVERYTHING if kind < 0.7 else random_selector(random), random_selector(random))


def random_block(random: Random, with_excepts: bool) -> BlockPeer:
    """Return a block, perhaps with holes."""
    cidr = random.choice(BLOCKS)
    inside = [block for block in BLOCKS if block.version == cidr.version and block != cidr and is_part(block, cidr)]
    count = random.choice((0, 0, 1, 2)) if with_excepts else 0
    return BlockPeer(cidr, tuple(random.sample(inside, min(count, len(inside)))))


def is_part(block: Any, of: Any) -> bool:
    """Whether a block lies in another of its family."""
    return bool(block.subnet_of(of))


def random_ports(random: Random, names: str) -> tuple[PortMatch, ...]:
    """Return ports: single ones, ranges, whole protocols, and names, which are those "of a protocol" or "of any"."""
    return tuple(random_port(random, names) for _ in range(random.choice((1, 1, 2, 3))))


def random_port(random: Random, names: str) -> PortMatch:
    protocol, kind = random.choice(PROTOCOLS), random.random()
    if kind < 0.2:
        return PortMatch(protocol)
    if kind < 0.45 and names:
        return PortMatch(protocol if names == "of a protocol" else None, name=random.choice(PORT_NAMES))
    first, last = sorted(random.choices(PORTS, k=2))
    return PortMatch(protocol, first, first if kind < 0.8 else last)


def random_selector(random: Random) -> Selector:
    """Return a selector with at most three requirements."""
    return Selector(tuple(random_requirement(random) for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3)))))


def random_requirement(random: Random) -> Requirement:
    key, kind = random.choice(KEYS), random.random()
    if kind < 0.15:
        return Requirement(key, "Exists")
    if kind < 0.3:
        return Requirement(key, "DoesNotExist")
    known: Sequence[str] = NAMESPACES if key == NAME_LABEL else VOCABULARY.get(key, ("web",))
    values = frozenset(random.sample(known, random.randint(1, len(known))))
    return Requirement(key, "In" if kind < 0.75 else "NotIn", values)


# Questions


@dataclass(frozen=True)
class Question:
    """A packet to be judged; ``protocol`` is its number."""

    source: Address
    destination: Address
    protocol: int
    port: int


def random_question(random: Random, world: World) -> Question:
    """Return a packet between two of one family: mostly pods, else somebody outside."""
    held = [address for pod in world.pods for address in pod.addresses]
    known = [*held, *held, *held, *OUTSIDE, *NODES, *OWN]
    source = random.choice(known)
    destination = random.choice([address for address in known if address.version == source.version])
    protocol = random.choice((6, 6, 6, 17, 17, 132, 1 if source.version == 4 else 58, 47))
    numbers = [number for pod in world.pods for _, number, _ in pod.named_ports]
    port = random.choice([*PORTS, *numbers, 0, 54, 8081]) if protocol in (6, 17, 132) else 0
    return Question(source, destination, protocol, port)

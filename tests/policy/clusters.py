"""Random clusters for policies: few names, so that much of it is about each other."""

from ipaddress import ip_address, ip_network

from hypothesis import strategies as st

from control.model import Address
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
    Pod,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
    UnknownPeer,
)

SPACES = ("red", "blue", "green")
KEYS = ("app", "tier")
VALUES = ("a", "b", "c")
PORTS = (80, 81, 443)
POD_ADDRESSES = tuple(map(ip_address, ("10.0.0.1", "10.0.0.2", "10.0.1.3", "10.1.0.4", "fd00::1", "fd00:0:1::2")))
OTHER_ADDRESSES = tuple(map(ip_address, ("10.0.0.9", "192.0.2.1", "192.0.2.77", "2001:db8::1", "10.2.0.1")))
BLOCKS = tuple(
    map(
        ip_network,
        ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.2/32", "192.0.2.64/26", "::/0", "fd00::/16"),
    )
)
NAMES = ("example.com", "a.example.com", "other.test")
PROTOCOLS = ("tcp", "udp", "sctp", "icmp")

labels: st.SearchStrategy[Labels] = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)).map(
    lambda each: tuple(sorted(each.items()))
)
requirements = st.one_of(
    st.builds(
        Requirement,
        st.sampled_from(KEYS),
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(st.sampled_from(VALUES), min_size=1, max_size=2),
    ),
    st.builds(Requirement, st.sampled_from(KEYS), st.sampled_from(["Exists", "DoesNotExist"])),
)
selectors = st.one_of(st.just(EVERYTHING), st.builds(Selector, st.lists(requirements, max_size=2).map(tuple)))
by_name = st.builds(lambda name: Selector((Requirement(NAME_LABEL, "In", frozenset([name])),)), st.sampled_from(SPACES))
pod_peers = st.builds(PodPeer, selectors, st.one_of(st.none(), selectors, by_name))


@st.composite
def blocks(draw: st.DrawFn) -> BlockPeer:
    cidr = draw(st.sampled_from(BLOCKS))
    inside = [each for each in BLOCKS if each.version == cidr.version and each != cidr and each.subnet_of(cidr)]  # type: ignore[arg-type]
    return BlockPeer(cidr, tuple(draw(st.lists(st.sampled_from(inside), max_size=2, unique=True))) if inside else ())


peers = st.one_of(pod_peers, pod_peers, blocks())
cluster_peers = st.one_of(
    peers,
    st.builds(NodePeer, selectors),
    st.builds(NamePeer, st.sampled_from(("example.com", "*.example.com", "other.test"))),
    st.just(UnknownPeer("?")),
)
ports = st.one_of(
    st.builds(
        lambda protocol, first, more: PortMatch(protocol, first, first + more),
        st.sampled_from(PROTOCOLS[:3]),
        st.sampled_from(PORTS),
        st.sampled_from((0, 0, 1, 400)),
    ),
    st.builds(PortMatch, st.sampled_from(PROTOCOLS[:3])),
    st.builds(PortMatch, st.sampled_from(("tcp", "udp")), name=st.sampled_from(("http", "dns"))),
)
cluster_ports = st.one_of(ports, st.builds(PortMatch, st.none(), name=st.sampled_from(("http", "dns"))))


def rules(peers: st.SearchStrategy, ports: st.SearchStrategy, actions: tuple[str, ...]) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        st.one_of(st.none(), st.lists(peers, max_size=3).map(tuple)),
        st.one_of(st.none(), st.lists(ports, max_size=3).map(tuple)),
        st.sampled_from(actions),
    )


allowing = st.one_of(st.none(), st.lists(rules(peers, ports, ("accept",)), max_size=3).map(tuple))
deciding = st.lists(rules(cluster_peers, cluster_ports, ("accept", "deny", "pass")), max_size=3).map(tuple)
network_policies = st.builds(
    NetworkPolicy, st.sampled_from(SPACES), st.sampled_from("pqr"), selectors, allowing, allowing, st.booleans()
)
cluster_policies = st.builds(
    ClusterPolicy,
    st.sampled_from(("one", "two", "three")),
    st.sampled_from(("admin", "baseline")),
    st.integers(0, 2),
    st.builds(PodPeer, selectors, selectors),
    deciding,
    deciding,
    st.sampled_from((False, False, True)),
)
namespaces = st.builds(
    lambda name, labels, audited: Namespace(name, tuple(sorted((*labels, (NAME_LABEL, name)))), audited),
    st.sampled_from(SPACES),
    labels,
    st.sampled_from((False, False, True)),
)
nodes = st.builds(
    Node,
    st.sampled_from(("n1", "n2")),
    labels,
    st.lists(st.sampled_from((*POD_ADDRESSES, *OTHER_ADDRESSES)), max_size=2, unique=True).map(tuple),
)
manifests = st.builds(
    Manifests,
    st.lists(network_policies, max_size=5, unique_by=lambda each: (each.namespace, each.name)).map(tuple),
    st.lists(cluster_policies, max_size=3, unique_by=lambda each: each.name).map(tuple),
    st.lists(namespaces, max_size=3, unique_by=lambda each: each.name).map(tuple),
    st.lists(nodes, max_size=2, unique_by=lambda each: each.name).map(tuple),
)
named_ports = st.lists(
    st.sampled_from((("http", 80, "tcp"), ("http", 81, "tcp"), ("dns", 443, "udp"), ("dns", 80, "tcp"))),
    max_size=2,
    unique=True,
).map(tuple)


@st.composite
def pods(draw: st.DrawFn) -> tuple[Pod, ...]:
    """Pods of this node and others; no two have an address in common."""
    addresses = draw(st.permutations(POD_ADDRESSES))
    found: list[Pod] = []
    for name in draw(st.lists(st.sampled_from("stuvw"), max_size=4, unique=True)):
        count = draw(st.integers(0, 2))
        own, addresses = tuple(addresses[:count]), addresses[count:]
        port = f"port-{name}" if not own or draw(st.booleans()) else ""
        found.append(Pod(name, draw(st.sampled_from(SPACES)), draw(labels), draw(named_ports), own, port))
    return tuple(found)


own = st.frozensets(st.sampled_from(OTHER_ADDRESSES[:2]), max_size=1)
answers = st.dictionaries(
    st.sampled_from(NAMES), st.frozensets(st.sampled_from((*POD_ADDRESSES, *OTHER_ADDRESSES)), max_size=2)
)


def addresses_of(pods: tuple[Pod, ...]) -> list[Address]:
    return [*OTHER_ADDRESSES, *(address for pod in pods for address in pod.addresses)]

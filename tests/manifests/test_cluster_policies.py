"""ClusterNetworkPolicy, namespaces and nodes: what they mean, and every rule that refuses them."""

from ipaddress import ip_address, ip_network

import pytest

from control.policy.model import (
    EVERYTHING,
    BlockPeer,
    NamePeer,
    Namespace,
    Node,
    NodePeer,
    Peer,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
    UnknownPeer,
)
from tests.manifests.read import CLUSTER_HEAD, cluster_policy, cluster_spec, egress, mistakes, parse, warnings

APP = Selector((Requirement("app", "In", frozenset(("web",))),))


def to(peer: str, action: str = "Accept", protocols: str = "") -> str:
    return f"{{action: {action}, to: [{peer}]{', protocols: [' + protocols + ']' if protocols else ''}}}"


def test_a_policy_without_rules_says_nothing_of_either_direction() -> None:
    found = cluster_policy("")
    assert (found.name, found.tier, found.priority, found.ingress, found.egress) == ("c", "admin", 10, (), ())
    assert found.subject == PodPeer(EVERYTHING, EVERYTHING)
    assert not found.audited


def test_tier_priority_and_subject() -> None:
    spec = "spec: {tier: Baseline, priority: 0, subject: {pods: {podSelector: {matchLabels: {app: web}}}}}\n"
    (found,) = parse(CLUSTER_HEAD + spec).manifests.cluster_policies
    assert (found.tier, found.priority, found.subject) == ("baseline", 0, PodPeer(APP, EVERYTHING))


def test_an_annotation_puts_a_policy_or_a_namespace_in_audit_mode() -> None:
    annotated = "metadata: {name: c, annotations: {tapestry/audit: 'true'}}"
    (found,) = parse(
        CLUSTER_HEAD.replace("metadata: {name: c}", annotated) + cluster_spec("")
    ).manifests.cluster_policies
    assert found.audited
    (namespace,) = parse(f"apiVersion: v1\nkind: Namespace\n{annotated}\n").manifests.namespaces
    assert namespace.audited


@pytest.mark.parametrize(
    ("peer", "meant"),
    [
        ("{namespaces: {}}", [PodPeer(EVERYTHING, EVERYTHING)]),
        ("{namespaces: {matchLabels: {app: web}}}", [PodPeer(EVERYTHING, APP)]),
        ("{pods: {podSelector: {}}}", [PodPeer(EVERYTHING, EVERYTHING)]),
        ("{pods: {podSelector: {matchLabels: {app: web}}, namespaceSelector: {}}}", [PodPeer(APP, EVERYTHING)]),
        ("{nodes: {matchLabels: {app: web}}}", [NodePeer(APP)]),
        (
            "{networks: [10.0.0.1/8, 'fd00::/8']}",
            [BlockPeer(ip_network("10.0.0.0/8")), BlockPeer(ip_network("fd00::/8"))],
        ),
        ("{domainNames: [Example.com., '*.example.org']}", [NamePeer("example.com"), NamePeer("*.example.org")]),
    ],
)
def test_a_peer_is_namespaces_pods_nodes_networks_or_names(peer: str, meant: list[Peer]) -> None:
    assert egress(to(peer)).peers == tuple(meant)


@pytest.mark.parametrize(
    ("protocol", "meant"),
    [
        ("{tcp: {destinationPort: {number: 80}}}", PortMatch("tcp", 80, 80)),
        ("{udp: {destinationPort: {range: {start: 1, end: 65535}}}}", PortMatch("udp", 1, 65535)),
        ("{sctp: {destinationPort: {number: 7}}}", PortMatch("sctp", 7, 7)),
        ("{destinationNamedPort: http}", PortMatch(None, name="http")),
    ],
)
def test_a_protocol_is_a_port_a_range_or_a_name(protocol: str, meant: PortMatch) -> None:
    assert egress(to("{namespaces: {}}", protocols=protocol)).ports == (meant,)


def test_rules_keep_their_order_actions_and_names() -> None:
    rules = "egress: [{name: a, action: Pass, to: [{namespaces: {}}]}, {action: Deny, to: [{namespaces: {}}]}]"
    assert [(rule.action, rule.name) for rule in cluster_policy(rules).egress] == [("pass", "a"), ("deny", "")]
    ingress = cluster_policy("ingress: [{action: Accept, from: [{namespaces: {}}]}]").ingress
    assert ingress == (Rule((PodPeer(EVERYTHING, EVERYTHING),)),)


@pytest.mark.parametrize(
    ("action", "closed", "does"),
    [
        ("Accept", "accept", "accepts nothing"),
        ("Deny", "deny", "denies everything"),
        ("Pass", "deny", "denies everything"),
    ],
)
def test_a_peer_that_is_not_known_closes_its_whole_rule(action: str, closed: str, does: str) -> None:
    rule = to("{namespaces: {}}, {planets: {}}", action, "{tcp: {destinationPort: {number: 80}}}")
    assert egress(rule) == Rule((UnknownPeer("planets"),), None, closed)  # type: ignore[arg-type]
    said = f"spec.egress[0].to[1].planets: a peer that this version does not know, so the rule {does}"
    assert warnings(CLUSTER_HEAD + cluster_spec(f"egress: [{rule}]")) == [f"4: {said}"]


def test_outside_peers_are_not_known_in_ingress() -> None:
    (rule,) = cluster_policy("ingress: [{action: Accept, from: [{networks: [10.0.0.0/8]}]}]").ingress
    assert rule.peers == (UnknownPeer("networks"),)


@pytest.mark.parametrize("action", ["Deny", "Pass"])
def test_names_are_for_accept_alone_and_close_other_rules(action: str) -> None:
    rule = to("{domainNames: [example.com]}", action)
    assert egress(rule) == Rule((UnknownPeer("domainNames"),), None, "deny")
    assert len(warnings(CLUSTER_HEAD + cluster_spec(f"egress: [{rule}]"))) == 1


NAMES = "a domain name such as example.com or *.example.com"
BLOCK = "a block of addresses such as 10.0.0.0/8 or fd00::/8"
TO = "spec.egress[0].to[0]"
PROTOCOL = "spec.egress[0].protocols[0]"
MANY = ", ".join(["{namespaces: {}}"] * 26)


def port(text: str) -> str:
    return f"egress: [{to('{namespaces: {}}', protocols=text)}]"


def target(peer: str) -> str:
    return f"egress: [{to(peer)}]"


ROWS = {
    "a rule without an action": (
        "egress: [{to: [{namespaces: {}}]}]",
        "spec.egress[0].action: expected Accept, Deny or Pass, found nothing",
    ),
    "an action of before": (
        "egress: [{action: Allow, to: [{namespaces: {}}]}]",
        "spec.egress[0].action: expected Accept, Deny or Pass, found 'Allow'",
    ),
    "a rule without peers": ("egress: [{action: Deny}]", "spec.egress[0].to: expected 1 to 25 items, found nothing"),
    "a rule of no peers": ("egress: [{action: Deny, to: []}]", "spec.egress[0].to: expected 1 to 25 items, found 0"),
    "a rule of many peers": (target(MANY), "spec.egress[0].to: expected 1 to 25 items, found 26"),
    "many rules": (
        f"ingress: [{', '.join(['{action: Deny, from: [{namespaces: {}}]}'] * 26)}]",
        "spec.ingress: expected at most 25 items, found 26",
    ),
    "a rule's name": (
        f"egress: [{{name: {'a' * 101}, action: Deny, to: [{{namespaces: {{}}}}]}}]",
        "spec.egress[0].name: expected a name of at most 100 characters, found 101 characters",
    ),
    "rules that are null": (
        "egress: null",
        "spec.egress: expected a value (leave the field out instead), found nothing",
    ),
    "a field unknown": (
        "egres: []",
        "spec.egres: expected a field that is known (did you mean egress?), found 'egres'",
    ),
    "from in egress": (
        "egress: [{action: Deny, to: [{namespaces: {}}], from: []}]",
        "spec.egress[0].from: expected one of the fields name, action, to, protocols, found 'from'",
    ),
    "a peer of nothing": (
        target("{}"),
        f"{TO}: expected exactly one of namespaces, pods, nodes, networks, domainNames, found none of them",
    ),
    "a peer of two": (
        target("{namespaces: {}, nodes: {}}"),
        f"{TO}: expected exactly one of namespaces, pods, nodes, networks, domainNames, found namespaces, nodes",
    ),
    "pods without a selector": (
        target("{pods: {namespaceSelector: {}}}"),
        f"{TO}.pods.podSelector: expected a selector, which may be empty, found nothing",
    ),
    "a selector's operator": (
        target("{namespaces: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}}"),
        f"{TO}.namespaces.matchExpressions[0].operator: expected In, NotIn, Exists or DoesNotExist, found 'Gt'",
    ),
    "no networks": (target("{networks: []}"), f"{TO}.networks: expected 1 to 25 items, found 0"),
    "a network of words": (target("{networks: [all]}"), f"{TO}.networks[0]: expected {BLOCK}, found 'all'"),
    "a network with zeros": (
        target("{networks: [010.0.0.0/8]}"),
        f"{TO}.networks[0]: expected {BLOCK}, found '010.0.0.0/8'",
    ),
    "a network that is mapped": (
        target("{networks: ['::ffff:10.0.0.0/104']}"),
        f"{TO}.networks[0]: expected {BLOCK}, found '::ffff:10.0.0.0/104'",
    ),
    "a network twice": (
        target("{networks: [10.0.0.0/8, 10.0.0.0/8]}"),
        f"{TO}.networks[1]: expected every item once, found '10.0.0.0/8' again",
    ),
    "a name of one label": (
        target("{domainNames: [localhost]}"),
        f"{TO}.domainNames[0]: expected {NAMES}, found 'localhost'",
    ),
    "a star inside": (target("{domainNames: [a.*.com]}"), f"{TO}.domainNames[0]: expected {NAMES}, found 'a.*.com'"),
    "no protocols": (
        "egress: [{action: Deny, to: [{namespaces: {}}], protocols: []}]",
        "spec.egress[0].protocols: expected 1 to 25 items, found 0",
    ),
    "a protocol of nothing": (
        port("{}"),
        f"{PROTOCOL}: expected exactly one of tcp, udp, sctp, destinationNamedPort, found none of them",
    ),
    "a protocol without a port": (
        port("{tcp: {}}"),
        f"{PROTOCOL}.tcp: expected exactly one of destinationPort, found none of them",
    ),
    "a port of nothing": (
        port("{tcp: {destinationPort: {}}}"),
        f"{PROTOCOL}.tcp.destinationPort: expected exactly one of number, range, found none of them",
    ),
    "a port of both": (
        port("{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}"),
        f"{PROTOCOL}.tcp.destinationPort: expected exactly one of number, range, found number, range",
    ),
    "port zero": (
        port("{tcp: {destinationPort: {number: 0}}}"),
        f"{PROTOCOL}.tcp.destinationPort.number: expected a port from 1 to 65535, found the number 0",
    ),
    "a range of one": (
        port("{udp: {destinationPort: {range: {start: 5, end: 5}}}}"),
        f"{PROTOCOL}.udp.destinationPort.range.end: expected a port above port 5, found 5",
    ),
    "a range without an end": (
        port("{udp: {destinationPort: {range: {start: 5}}}}"),
        f"{PROTOCOL}.udp.destinationPort.range.end: expected a port from 1 to 65535, found nothing",
    ),
    "a named port that is empty": (
        port("{destinationNamedPort: ''}"),
        f"{PROTOCOL}.destinationNamedPort: expected a port's name, found ''",
    ),
    "a named port of networks": (
        f"egress: [{to('{networks: [10.0.0.0/8]}', protocols='{destinationNamedPort: http}')}]",
        f"{PROTOCOL}.destinationNamedPort: expected no port's name beside networks, which have none, found 'http'",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_rules_that_are_refused(row: tuple[str, str]) -> None:
    fields, said = row
    assert mistakes(CLUSTER_HEAD + cluster_spec(fields)) == [f"4: {said}"]


SPECS = {
    "no spec": ("", ["1: spec: expected a mapping, found nothing"]),
    "a tier": (
        "{tier: admin, priority: 1, subject: {namespaces: {}}}",
        ["4: spec.tier: expected Admin or Baseline, found 'admin'"],
    ),
    "no priority": (
        "{tier: Admin, subject: {namespaces: {}}}",
        ["4: spec.priority: expected a whole number, found nothing"],
    ),
    "a priority": (
        "{tier: Admin, priority: 1001, subject: {namespaces: {}}}",
        ["4: spec.priority: expected a priority from 0 to 1000, found the number 1001"],
    ),
    "a negative priority": (
        "{tier: Admin, priority: -1, subject: {namespaces: {}}}",
        ["4: spec.priority: expected a priority from 0 to 1000, found the number -1"],
    ),
    "no subject": ("{tier: Admin, priority: 1}", ["4: spec.subject: expected a mapping, found nothing"]),
    "a subject of nothing": (
        "{tier: Admin, priority: 1, subject: {}}",
        ["4: spec.subject: expected exactly one of namespaces, pods, found none of them"],
    ),
    "a subject of both": (
        "{tier: Admin, priority: 1, subject: {namespaces: {}, pods: {podSelector: {}}}}",
        ["4: spec.subject: expected exactly one of namespaces, pods, found namespaces, pods"],
    ),
}


@pytest.mark.parametrize("row", SPECS.values(), ids=SPECS)
def test_specs_that_are_refused(row: tuple[str, list[str]]) -> None:
    spec, said = row
    found = mistakes(CLUSTER_HEAD + (f"spec: {spec}\n" if spec else ""))
    assert found[: len(said)] == said


def test_a_namespaces_name_is_its_label_whatever_it_says() -> None:
    text = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {a: b, kubernetes.io/metadata.name: other}}\n"
    )
    (found,) = parse(text).manifests.namespaces
    assert found == Namespace("shop", (("a", "b"), ("kubernetes.io/metadata.name", "shop")))


def test_a_namespaces_name_is_a_label_and_no_subdomain() -> None:
    (said,) = mistakes("apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}\n")
    assert said.startswith("3: metadata.name: expected a namespace of 1 to 63 lower-case letters")


def test_a_node_has_the_addresses_that_its_status_tells() -> None:
    text = """apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
spec: {podCIDR: 10.0.0.0/24}
status:
  addresses:
  - {type: InternalIP, address: 192.0.2.1}
  - {type: ExternalIP, address: "2001:db8::1"}
  - {type: Hostname, address: n1}
  - {type: InternalIP, address: 192.0.2.1}
  nodeInfo: {anything: 1}
"""
    addresses = (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert parse(text).manifests.nodes == (Node("n1", (("zone", "a"),), addresses),)
    said = "7: status.addresses[0].address: 'here' is no address: this node is not known by it"
    assert warnings(text.replace("192.0.2.1}\n  - {type: Ext", "here}\n  - {type: Ext")) == [said]


def test_what_belongs_to_the_cluster_is_in_no_namespace() -> None:
    text = CLUSTER_HEAD.replace("{name: c}", "{name: c, namespace: shop}") + cluster_spec("")
    said = "3: metadata.namespace: objects of this kind belong to no namespace: it counts for nothing"
    assert warnings(text) == [said]

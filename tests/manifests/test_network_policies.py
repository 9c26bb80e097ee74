"""NetworkPolicy: what each way of writing it means, by the API's own defaults."""

from ipaddress import ip_network

import pytest

from control.policy.model import (
    EVERYTHING,
    BlockPeer,
    NetworkPolicy,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
)
from tests.manifests.read import HEAD, ingress, parse, policy, warnings

ANY_RULE = Rule()


def test_a_policy_without_a_spec_isolates_all_pods_of_its_namespace() -> None:
    (found,) = parse(HEAD).manifests.policies
    assert found == NetworkPolicy("default", "p", EVERYTHING, ingress=(), egress=None)


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("{}", (), None),
        ("{ingress: []}", (), None),
        ("{ingress: null, egress: null, policyTypes: null}", (), None),
        ("{policyTypes: []}", (), None),
        ("{egress: []}", (), None),
        ("{egress: [{}]}", (), (ANY_RULE,)),
        ("{ingress: [{}]}", (ANY_RULE,), None),
        ("{ingress: [null]}", (ANY_RULE,), None),
        ("{policyTypes: [Ingress]}", (), None),
        ("{policyTypes: [Egress]}", None, ()),
        ("{policyTypes: [Ingress, Egress]}", (), ()),
        ("{policyTypes: [Egress, Egress]}", None, ()),
        ("{policyTypes: [Ingress], egress: [{}]}", (), None),
        ("{policyTypes: [Egress], ingress: [{}]}", None, ()),
    ],
)
def test_policy_types_are_ingress_and_egress_too_where_it_has_such_rules(
    spec: str, ingress: tuple[Rule, ...] | None, egress: tuple[Rule, ...] | None
) -> None:
    found = policy(spec)
    assert (found.ingress, found.egress) == (ingress, egress)


@pytest.mark.parametrize("rule", ["{}", "{from: []}", "{from: null}", "{ports: []}", "{ports: null, from: []}"])
def test_missing_and_empty_peers_and_ports_mean_everybody_and_everything(rule: str) -> None:
    assert ingress(rule) == ANY_RULE


@pytest.mark.parametrize(
    ("peer", "meant"),
    [
        ("{podSelector: {}}", PodPeer(EVERYTHING, None)),
        ("{namespaceSelector: {}}", PodPeer(EVERYTHING, EVERYTHING)),
        ("{podSelector: {}, namespaceSelector: {}}", PodPeer(EVERYTHING, EVERYTHING)),
        ("{podSelector: {matchLabels: {a: b}}}", PodPeer(Selector((Requirement("a", "In", frozenset("b")),)))),
        ("{podSelector: {}, namespaceSelector: null}", PodPeer(EVERYTHING, None)),
        ("{ipBlock: {cidr: 10.0.0.0/8}}", BlockPeer(ip_network("10.0.0.0/8"))),
        (
            "{ipBlock: {cidr: 'fd00::/8', except: ['fd00:1::/32', 'fd00:2::/128']}}",
            BlockPeer(ip_network("fd00::/8"), (ip_network("fd00:1::/32"), ip_network("fd00:2::/128"))),
        ),
    ],
)
def test_a_peer_is_pods_of_namespaces_or_a_block(peer: str, meant: PodPeer | BlockPeer) -> None:
    assert ingress(f"{{from: [{peer}]}}").peers == (meant,)


@pytest.mark.parametrize(
    ("port", "meant"),
    [
        ("{}", PortMatch("tcp")),
        ("null", PortMatch("tcp")),
        ("{protocol: UDP}", PortMatch("udp")),
        ("{protocol: SCTP, port: 7}", PortMatch("sctp", 7, 7)),
        ("{port: 80}", PortMatch("tcp", 80, 80)),
        ("{port: 80.0}", PortMatch("tcp", 80, 80)),
        ("{port: 0x50}", PortMatch("tcp", 80, 80)),
        ("{port: 1, endPort: 65535}", PortMatch("tcp", 1, 65535)),
        ("{port: 80, endPort: 80}", PortMatch("tcp", 80, 80)),
        ("{port: http}", PortMatch("tcp", name="http")),
        ("{port: dns, protocol: UDP}", PortMatch("udp", name="dns")),
    ],
)
def test_a_port_is_of_tcp_unless_it_says_otherwise(port: str, meant: PortMatch) -> None:
    assert ingress(f"{{ports: [{port}]}}").ports == (meant,)


def test_labels_that_match_come_before_expressions() -> None:
    found = policy(
        "{podSelector: {matchExpressions: [{key: t, operator: NotIn, values: [x, z]}, {key: s, operator: Exists},"
        " {key: u, operator: DoesNotExist, values: []}, {key: v, operator: In, values: ['']}],"
        " matchLabels: {b: c, a: }}}"
    )
    assert found.pods.requirements == (
        Requirement("a", "In", frozenset(("",))),
        Requirement("b", "In", frozenset("c")),
        Requirement("t", "NotIn", frozenset("xz")),
        Requirement("s", "Exists"),
        Requirement("u", "DoesNotExist"),
        Requirement("v", "In", frozenset(("",))),
    )


def test_a_missing_namespace_is_default() -> None:
    assert policy("{}").namespace == "default"
    assert policy("{}", "{name: p, namespace: ''}").namespace == "default"
    assert policy("{}", "{name: p, namespace: shop}").namespace == "shop"


@pytest.mark.parametrize(
    ("annotations", "audited"),
    [("{tapestry/audit: 'true'}", True), ("{tapestry/audit: 'false'}", False), ("{other: 'true'}", False)],
)
def test_an_annotation_puts_a_policy_in_audit_mode(annotations: str, audited: bool) -> None:
    assert policy("{}", f"{{name: p, annotations: {annotations}}}").audited is audited


@pytest.mark.parametrize(
    ("written", "block", "sentence"),
    [
        ("10.0.0.5/8", "10.0.0.0/8", "has bits set behind its prefix length: 10.0.0.0/8 is meant, or 10.0.0.5 alone?"),
        ("010.0.0.0/8", "10.0.0.0/8", "is not written as it should be: 10.0.0.0/8 is meant"),
        ("10.0.0.0/08", "10.0.0.0/8", "is not written as it should be: 10.0.0.0/8 is meant"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8", "is not written as it should be: 10.0.0.0/8 is meant"),
    ],
)
def test_blocks_that_the_api_takes_with_a_warning_are_taken_with_one(written: str, block: str, sentence: str) -> None:
    rule = f"{{from: [{{ipBlock: {{cidr: '{written}'}}}}]}}"
    assert ingress(rule).peers == (BlockPeer(ip_network(block)),)
    where = "4: spec.ingress[0].from[0].ipBlock.cidr"
    assert warnings(HEAD + f"spec: {{ingress: [{rule}]}}\n") == [f"{where}: {written} {sentence}"]

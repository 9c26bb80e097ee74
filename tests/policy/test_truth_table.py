"""The truth table: pods by pods by ports, whoever answers."""

from ipaddress import ip_address
from typing import Any

import pytest

from control.model import Address
from control.policy.answers import Answer, Decide, answer_of
from control.policy.matrix import Column, columns_of, matrix, port_outside
from control.policy.model import (
    EVERYTHING,
    ClusterPolicy,
    Decision,
    Manifests,
    NetworkPolicy,
    Pod,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
)
from control.policy.telling import cell_document, matrix_rows
from tests.naive.policy import Cluster, decide_both


def labelled(**labels: str) -> Selector:
    return Selector(tuple(Requirement(key, "In", frozenset([value])) for key, value in labels.items()))


def pod(name: str, *addresses: str, ports: Any = ()) -> Pod:
    return Pod(name, "shop", (("app", name),), ports, tuple(map(ip_address, addresses)))


WEB = pod("web", "10.0.0.2", "fd00::2")
DB = pod("db", "10.0.0.3", "fd00::3", ports=(("sql", 5432, "tcp"),))
OLD = pod("old", "10.0.0.4")
PODS = (WEB, DB, OLD)
FROM_WEB = Rule((PodPeer(labelled(app="web")),), (PortMatch("tcp", name="sql"), PortMatch("udp", 100, 200)))
MANIFESTS = Manifests((NetworkPolicy("shop", "db", labelled(app="db"), ingress=(FROM_WEB,)),))


def decider(manifests: Manifests) -> Decide:
    """Return the straight reading of the policies as what answers."""
    cluster = Cluster(PODS)

    def decide(source: Address, destination: Address, protocol: str, port: int) -> tuple[Decision, Decision]:
        return decide_both(cluster, manifests, cluster.at(source), cluster.at(destination), protocol, port)

    return decide


def test_columns_are_the_ports_that_rules_and_pods_name_and_one_for_all_others() -> None:
    assert columns_of(MANIFESTS, PODS) == [
        Column("tcp", 5432),
        Column("udp", 100),
        Column("udp", 200),
        Column("tcp", 1, is_other=True),
        Column("udp", 1, is_other=True),
        Column("sctp", 1, is_other=True),
        Column("icmp"),
    ]


@pytest.mark.parametrize(
    ("spans", "port"),
    [([], 1), ([(1, 1)], 2), ([(2, 5)], 1), ([(1, 5), (6, 9)], 10), ([(1, 65535)], None), ([(0, 0)], 1)],
)
def test_a_port_that_nobody_names(spans: list[tuple[int, int]], port: int | None) -> None:
    assert port_outside(spans) == port


def test_every_two_pods_are_asked_about_by_each_family_that_both_have() -> None:
    cells = list(matrix(decider(MANIFESTS), PODS, PODS, [Column("tcp", 5432)]))
    asked = [(cell.source.name, cell.destination.name, cell.family) for cell in cells]
    assert asked[:5] == [("web", "web", 4), ("web", "web", 6), ("web", "db", 4), ("web", "db", 6), ("web", "old", 4)]
    assert len(asked) == 4 * 2 + 5


def test_the_table_shows_what_is_open() -> None:
    columns = columns_of(MANIFESTS, PODS)
    header, *rows = matrix_rows(matrix(decider(MANIFESTS), PODS, PODS, columns))
    assert header == ["from \\ to", "shop/web", "shop/db", "shop/old"]
    assert rows == [
        ["shop/web", "all", "5432/tcp 100/udp 200/udp", "all"],
        ["shop/db", "all", "all", "all"],
        ["shop/old", "all", "none", "all"],
    ]


def test_what_only_an_audit_lets_pass_is_in_brackets() -> None:
    audited = Manifests((NetworkPolicy("shop", "db", labelled(app="db"), ingress=(FROM_WEB,), audited=True),))
    _, row = matrix_rows(matrix(decider(audited), [OLD], [DB], [Column("tcp", 5432), Column("icmp")]))
    assert row == ["shop/old", "(5432/tcp) (icmp)"]


def test_families_that_differ_are_told_apart() -> None:
    def only_ipv4(one: Address, _other: Address, _protocol: str, _port: int) -> tuple[Decision, Decision]:
        return Decision(one.version == 4), Decision(True)

    _, row = matrix_rows(matrix(only_ipv4, [WEB], [DB], [Column("tcp", 80)]))
    assert row == ["shop/web", "IPv4: all; IPv6: none"]


def test_a_cell_for_programs_names_the_rule() -> None:
    cells = matrix(decider(MANIFESTS), [WEB, OLD], [DB], [Column("tcp", 5432)])
    shown = [cell_document(cell) for cell in cells if cell.family == 4]
    common = {"destination": "shop/db", "family": 4, "protocol": "tcp", "port": 5432, "policy": "shop/db"}
    assert shown == [
        common | {"source": "shop/web", "verdict": "forward", "rule": "ingress[0]"},
        common | {"source": "shop/old", "verdict": "drop", "rule": "ingress"},
    ]


def test_cluster_policies_name_ports_too() -> None:
    rules = (Rule(None, (PortMatch("sctp", 9, 9),), "deny"),)
    manifests = Manifests(
        cluster_policies=(ClusterPolicy("all", "admin", 1, PodPeer(namespaces=EVERYTHING), egress=rules),)
    )
    assert Column("sctp", 9) in columns_of(manifests, PODS)
    (cell,) = matrix(decider(manifests), [OLD], [DB], [Column("sctp", 9)])
    assert cell.answer == Answer("drop", "all", "egress[0]")


@pytest.mark.parametrize(
    ("egress", "ingress", "answer"),
    [
        (Decision(True), Decision(True), Answer("forward")),
        (Decision(True, "a", "egress[0]"), Decision(True), Answer("forward", "a", "egress[0]")),
        (Decision(True, "a", "egress[0]"), Decision(True, "b", "ingress[0]"), Answer("forward", "b", "ingress[0]")),
        (Decision(False, "a", "egress"), Decision(False, "b", "ingress"), Answer("drop", "a", "egress")),
        (Decision(True, "a", "egress[0]"), Decision(False, "b", "ingress"), Answer("drop", "b", "ingress")),
        (
            Decision(True, "a", "egress", audited=True),
            Decision(True, "b", "ingress[0]"),
            Answer("audit", "a", "egress"),
        ),
        (Decision(True, "a", "egress", audited=True), Decision(False, "b", "ingress"), Answer("drop", "b", "ingress")),
    ],
)
def test_two_decisions_are_one_answer(egress: Decision, ingress: Decision, answer: Answer) -> None:
    assert answer_of(egress, ingress) == answer

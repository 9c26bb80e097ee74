"""What changes change, at the very next packet: of policies, labels, namespaces, addresses, ports; for who talks
already, too."""

import pytest

from tests.policy.story import Policies, Stations, namespace, pod, policy, tell

pytestmark = pytest.mark.kernel

WEB, DB = pod("app=web"), pod("app=db")
PODS = {"web": WEB, "db": DB}
SELECTS_WEB = "podSelector: {matchLabels: {app: web}}\n"
CLOSED = Policies(policy(SELECTS_WEB))
OPEN = Policies(policy(SELECTS_WEB + "ingress: [{}]"))
FROM_DB = Policies(policy(SELECTS_WEB + "ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]"))

# Who talks already


def test_an_established_connection_ends_at_the_next_packet_of_either_side() -> None:
    begun = (
        "db:4000 > web:80 tcp: passes",
        "web:80 > db:4000 tcp SA: passes",
        "db:4000 > web:80 tcp A: passes",
    )
    tell(
        PODS,
        OPEN,
        *begun,
        CLOSED,
        "db:4000 > web:80 tcp A: denied default/p ingress",
        "web:80 > db:4000 tcp A: denied default/p ingress",
    )
    tell(PODS, *begun, CLOSED, "web:80 > db:4000 tcp A: denied default/p ingress")


def test_a_connection_goes_on_when_it_is_allowed_again() -> None:
    tell(
        PODS,
        OPEN,
        "db:4000 > web:80 tcp: passes",
        "web:80 > db:4000 tcp SA: passes",
        CLOSED,
        "db:4000 > web:80 tcp A: denied",
        OPEN,
        "db:4000 > web:80 tcp A: passes",
        "web:80 > db:4000 tcp A: passes",
    )


def test_replies_are_judged_as_their_conversation_was_begun() -> None:
    """What web is not allowed to begin it may answer, whatever changes."""
    out = policy(SELECTS_WEB + "policyTypes: [Egress]")
    tell(
        PODS,
        "db:5000 > web:53 udp: passes",
        Policies(out),
        "web:53 > db:5000 udp: passes",
        "web > db udp: denied default/p egress",
    )


def test_a_change_that_is_none_ends_nothing() -> None:
    other = policy("podSelector: {matchLabels: {app: nobody}}", "q")
    tell(
        PODS,
        FROM_DB,
        "db:4000 > web:80 tcp: passes",
        Policies(FROM_DB.text + other),
        "db:4000 > web:80 tcp A: passes",
        "web:80 > db:4000 tcp A: passes",
    )


def test_conversations_from_before_the_first_policy_obey_it() -> None:
    tell(PODS, "db:4000 > web:80 tcp: passes", CLOSED, "db:4000 > web:80 tcp A: denied default/p ingress")


def test_messages_about_conversations_pass_while_these_do() -> None:
    tell(PODS, OPEN, "db:5000 > web:53 udp: passes", FROM_DB, "web:53 > db:5000 error: passes")


# Labels, namespaces, addresses, ports


def test_a_changed_label_of_the_peer_counts_at_once() -> None:
    tell(
        PODS,
        FROM_DB,
        "db:4000 > web:80 tcp: passes",
        Stations({"web": WEB, "db": pod("app=other")}),
        "db:4000 > web:80 tcp A: denied default/p ingress",
        "db > web:80 tcp: denied default/p ingress",
        Stations(PODS),
        "db:4000 > web:80 tcp A: passes",
    )


def test_a_changed_label_of_the_selected_pod_counts_at_once() -> None:
    tell(
        PODS,
        CLOSED,
        "db > web tcp: denied default/p ingress",
        Stations({"web": pod("app=other"), "db": DB}),
        "db > web tcp: passes",
        Stations(PODS),
        "db > web tcp: denied default/p ingress",
    )


def test_a_changed_label_of_a_namespace_counts_at_once() -> None:
    pods = {"web": WEB, "db": pod("app=db", "prod")}
    rule = policy(SELECTS_WEB + "ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}}]}]")
    tell(
        pods,
        Policies(rule + namespace("prod", "env=prod")),
        "db:4000 > web:80 tcp: passes",
        Policies(rule + namespace("prod", "env=test")),
        "db:4000 > web:80 tcp A: denied default/p ingress",
        Policies(rule),
        "db:4000 > web:80 tcp A: denied default/p ingress",
        Policies(rule + namespace("prod", "env=prod")),
        "db:4000 > web:80 tcp A: passes",
    )


def test_a_pod_of_another_namespace_is_another_pod() -> None:
    tell(
        PODS,
        FROM_DB,
        "db > web tcp: passes",
        Stations({"web": WEB, "db": pod("app=db", "prod")}),
        "db > web tcp: denied default/p ingress",
        Stations({"web": pod("app=web", "prod"), "db": DB}),
        "db > web tcp: passes",
    )


def test_a_changed_named_port_counts_at_once() -> None:
    rule = Policies(policy(SELECTS_WEB + "ingress: [{ports: [{port: http}]}]"))
    tell(
        {"web": pod("app=web", http="80/tcp"), "db": DB},
        rule,
        "db:4000 > web:80 tcp: passes",
        Stations({"web": pod("app=web", http="8080/tcp"), "db": DB}),
        "db:4000 > web:80 tcp A: denied default/p ingress",
        "db > web:8080 tcp: passes",
    )


def test_a_new_port_is_isolated_from_its_very_first_frame() -> None:
    """The new pod has said nothing, and nobody has heard of it: what goes to it does not reach it, nor is it heard."""
    tell(
        {"db": DB},
        Policies(policy(SELECTS_WEB + "policyTypes: [Ingress, Egress]")),
        "db > far tcp: passes",
        Stations({"db": DB, "web": WEB}),
        "web > db tcp: denied default/p egress",
        "db > web tcp: denied default/p ingress",
    )


def test_a_pod_that_has_gone_leaves_no_leave_behind() -> None:
    """Its address is nobody's then, and no selector means it."""
    tell(
        PODS | {"api": pod("app=api")},
        FROM_DB,
        "db > web tcp: passes",
        Stations({"web": WEB, "api": pod("app=api")}),
        "api > web tcp: denied default/p ingress",
        Stations(PODS),
        "db > web tcp: passes",
    )

"""What a NetworkPolicy means: which direction it isolates, and whom its rules let pass. Each rule has a test."""

import pytest

from tests.policy.story import Policies, namespace, pod, policy, tell

pytestmark = pytest.mark.kernel

WEB, DB, API = pod("app=web"), pod("app=db"), pod("app=api role=x")
PODS = {"web": WEB, "db": DB, "api": API}
SELECTS_WEB = "podSelector: {matchLabels: {app: web}}\n"

# Which pods, which directions


def test_without_policies_all_may_talk() -> None:
    tell(PODS, "db > web tcp: passes", "web > db udp: passes", "web > far tcp: passes", "far > web tcp: passes")


def test_pods_that_no_policy_selects_are_not_isolated() -> None:
    tell(PODS, Policies(policy(SELECTS_WEB)), "web > db tcp: passes", "api > db tcp: passes", "far > db tcp: passes")


def test_an_empty_pod_selector_selects_all_pods_of_the_namespace_alone() -> None:
    pods = {"web": WEB, "db": DB, "other": pod(namespace="prod")}
    tell(
        pods,
        Policies(policy("podSelector: {}")),
        "db > web tcp: denied default/p ingress",
        "other > web tcp: denied default/p ingress",
        "web > other tcp: passes",
    )


def test_policy_types_default_to_ingress() -> None:
    tell(PODS, Policies(policy(SELECTS_WEB)), "db > web tcp: denied default/p ingress", "web > db tcp: passes")


def test_policy_types_default_to_both_where_there_is_egress() -> None:
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + "egress: [{}]")),
        "db > web tcp: denied default/p ingress",
        "web > db tcp: passes default/p egress[0]",
    )


def test_policy_types_default_to_ingress_alone_where_egress_is_empty() -> None:
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + "egress: []")),
        "db > web tcp: denied default/p ingress",
        "web > db tcp: passes",
    )


def test_policy_types_of_egress_alone_leave_ingress_open() -> None:
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + "policyTypes: [Egress]\ningress: [{from: [{podSelector: {}}]}]")),
        "web > db tcp: denied default/p egress",
        "db > web tcp: passes",
        "far > web tcp: passes",
    )


def test_policy_types_of_ingress_alone_make_egress_rules_mean_nothing() -> None:
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + "policyTypes: [Ingress]\negress: [{to: [{podSelector: {}}]}]")),
        "db > web tcp: denied default/p ingress",
        "web > far tcp: passes",
    )


# Rules


def test_missing_and_empty_rules_let_nothing_in() -> None:
    for rules in ("", "ingress:", "ingress: []"):
        tell(PODS, Policies(policy(SELECTS_WEB + rules)), "db > web tcp: denied default/p ingress")


def test_an_empty_rule_lets_everything_in() -> None:
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + "ingress: [{}]")),
        "db > web tcp: passes default/p ingress[0]",
        "db > web gre: passes default/p ingress[0]",
        "db > web ping: passes default/p ingress[0]",
        "far > web sctp: passes default/p ingress[0]",
    )


def test_missing_and_empty_peers_are_everybody() -> None:
    for peers in ("", "from: [],"):
        tell(
            PODS,
            Policies(policy(SELECTS_WEB + f"ingress: [{{{peers} ports: [{{port: 80}}]}}]")),
            "db > web:80 tcp: passes default/p ingress[0]",
            "far > web:80 tcp: passes default/p ingress[0]",
            "db > web:81 tcp: denied default/p ingress",
        )


def test_missing_and_empty_ports_are_all_of_every_protocol() -> None:
    for ports in ("", ", ports: []"):
        tell(
            PODS,
            Policies(policy(SELECTS_WEB + f"ingress: [{{from: [{{podSelector: {{}}}}]{ports}}}]")),
            "db > web:1 tcp: passes default/p ingress[0]",
            "db > web:65535 udp: passes default/p ingress[0]",
            "db > web:9 sctp: passes default/p ingress[0]",
            "db > web ping: passes default/p ingress[0]",
            "far > web:1 tcp: denied default/p ingress",
        )


def test_a_rule_is_the_peers_and_the_ports() -> None:
    rule = "ingress: [{from: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 80}]}]"
    tell(
        PODS,
        Policies(policy(SELECTS_WEB + rule)),
        "db > web:80 tcp: passes default/p ingress[0]",
        "db > web:81 tcp: denied default/p ingress",
        "api > web:80 tcp: denied default/p ingress",
    )


def test_one_of_several_rules_is_enough_and_the_first_is_named() -> None:
    rules = """
    podSelector: {matchLabels: {app: web}}
    ingress:
    - ports: [{port: 80}]
    - ports: [{port: 80}, {port: 81}]
    """
    tell(
        PODS,
        Policies(policy(rules)),
        "db > web:80 tcp: passes default/p ingress[0]",
        "db > web:81 tcp: passes default/p ingress[1]",
        "db > web:82 tcp: denied default/p ingress",
    )


def test_policies_add_up_and_the_first_by_name_is_named() -> None:
    def port(number: int, name: str) -> str:
        return policy(SELECTS_WEB + f"ingress: [{{ports: [{{port: {number}}}]}}]", name)

    tell(
        PODS,
        Policies(port(81, "b") + port(80, "a") + policy("podSelector: {}", "c")),
        "db > web:80 tcp: passes default/a ingress[0]",
        "db > web:81 tcp: passes default/b ingress[0]",
        "db > web:82 tcp: denied default/a ingress",
        "web > db:80 tcp: denied default/c ingress",
    )


# Peers

IN_PROD = {"web": WEB, "db": DB, "proddb": pod("app=db", "prod"), "prodapi": pod("app=api", "prod")}


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    tell(
        IN_PROD,
        Policies(policy(SELECTS_WEB + "ingress: [{from: [{podSelector: {}}]}]")),
        "db > web tcp: passes default/p ingress[0]",
        "proddb > web tcp: denied default/p ingress",
        "far > web tcp: denied default/p ingress",
    )


def test_a_namespace_selector_alone_means_all_pods_of_those_namespaces() -> None:
    rule = "ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}}]}]"
    tell(
        IN_PROD,
        Policies(policy(SELECTS_WEB + rule) + namespace("prod", "env=prod")),
        "proddb > web tcp: passes default/p ingress[0]",
        "prodapi > web tcp: passes default/p ingress[0]",
        "db > web tcp: denied default/p ingress",
    )


def test_an_empty_namespace_selector_means_all_pods_and_nobody_else() -> None:
    tell(
        IN_PROD,
        Policies(policy(SELECTS_WEB + "ingress: [{from: [{namespaceSelector: {}}]}]")),
        "proddb > web tcp: passes default/p ingress[0]",
        "db > web tcp: passes default/p ingress[0]",
        "far > web tcp: denied default/p ingress",
    )


def test_selectors_inside_one_peer_must_both_hold() -> None:
    rule = """
    podSelector: {matchLabels: {app: web}}
    ingress:
    - from:
      - namespaceSelector: {matchLabels: {env: prod}}
        podSelector: {matchLabels: {app: db}}
    """
    tell(
        IN_PROD,
        Policies(policy(rule) + namespace("prod", "env=prod")),
        "proddb > web tcp: passes default/p ingress[0]",
        "prodapi > web tcp: denied default/p ingress",
        "db > web tcp: denied default/p ingress",
    )


def test_of_several_peers_one_is_enough() -> None:
    rule = """
    podSelector: {matchLabels: {app: web}}
    ingress:
    - from:
      - namespaceSelector: {matchLabels: {env: prod}}
      - podSelector: {matchLabels: {app: db}}
    """
    tell(
        IN_PROD | {"api": API},
        Policies(policy(rule) + namespace("prod", "env=prod")),
        "proddb > web tcp: passes default/p ingress[0]",
        "prodapi > web tcp: passes default/p ingress[0]",
        "db > web tcp: passes default/p ingress[0]",
        "api > web tcp: denied default/p ingress",
    )


def test_a_namespaces_name_is_a_label_without_any_object() -> None:
    rule = "ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: prod}}}]}]"
    tell(
        IN_PROD,
        Policies(policy(SELECTS_WEB + rule)),
        "proddb > web tcp: passes default/p ingress[0]",
        "db > web tcp: denied default/p ingress",
    )


# Selectors


@pytest.mark.parametrize(
    ("requirement", "allowed"),
    [
        ("{key: tier, operator: In, values: [a, b]}", {"a", "b"}),
        ("{key: tier, operator: In, values: [a]}", {"a"}),
        ("{key: tier, operator: NotIn, values: [a, b]}", {"c", "none"}),
        ("{key: tier, operator: Exists}", {"a", "b", "c"}),
        ("{key: tier, operator: DoesNotExist}", {"none"}),
        ("{key: absent, operator: In, values: [a]}", set()),
        ("{key: absent, operator: NotIn, values: [a]}", {"a", "b", "c", "none"}),
        ("{key: absent, operator: Exists}", set()),
        ("{key: absent, operator: DoesNotExist}", {"a", "b", "c", "none"}),
    ],
)
def test_every_operator_of_match_expressions(requirement: str, allowed: set[str]) -> None:
    pods = {"web": WEB} | {name: pod(f"tier={name}") for name in "abc"} | {"none": pod("other=x")}
    rule = f"ingress: [{{from: [{{podSelector: {{matchExpressions: [{requirement}]}}}}]}}]"
    lines = [
        f"{name} > web tcp: " + ("passes default/p ingress[0]" if name in allowed else "denied default/p ingress")
        for name in ("a", "b", "c", "none")
    ]
    tell(pods, Policies(policy(SELECTS_WEB + rule)), *lines)


def test_match_labels_and_match_expressions_must_all_hold() -> None:
    selector = "{matchLabels: {app: api}, matchExpressions: [{key: role, operator: In, values: [x]}]}"
    tell(
        PODS | {"plain": pod("app=api"), "lost": pod("role=x")},
        Policies(policy(SELECTS_WEB + f"ingress: [{{from: [{{podSelector: {selector}}}]}}]")),
        "api > web tcp: passes default/p ingress[0]",
        "plain > web tcp: denied default/p ingress",
        "lost > web tcp: denied default/p ingress",
    )

"""What a NetworkPolicy means for addresses, protocols, ports, and packets that are always let through."""

import pytest

from tests.policy.story import HOST_POD, Policies, pod, policy, tell

pytestmark = pytest.mark.kernel

WEB, DB = pod("app=web", http="80/tcp"), pod("app=db")
PODS = {"web": WEB, "db": DB}
SELECTS_WEB = "podSelector: {matchLabels: {app: web}}\n"
CLOSED = policy("podSelector: {}\npolicyTypes: [Ingress, Egress]")

# Address blocks


def blocks(*cidrs: str, direction: str = "ingress", excepts: str = "", name: str = "p") -> str:
    """Return a policy about web whose one rule is about address blocks."""
    holes = f", except: [{excepts}]" if excepts else ""
    peers = ", ".join(f'{{ipBlock: {{cidr: "{cidr}"{holes}}}}}' for cidr in cidrs)
    side = "from" if direction == "ingress" else "to"
    types = f"policyTypes: [{direction.capitalize()}]\n"
    return policy(SELECTS_WEB + types + f"{direction}: [{{{side}: [{peers}]}}]", name)


def test_an_ip_block_lets_its_addresses_in() -> None:
    tell(
        PODS,
        Policies(blocks("198.51.100.0/24", "2001:db8:9::/48")),
        "far > web tcp: passes default/p ingress[0]",
        "db > web tcp: denied default/p ingress",
    )


def test_what_an_ip_block_excepts_it_does_not_let_in() -> None:
    four = blocks("0.0.0.0/0", excepts="198.51.100.0/24")
    six = blocks("::/0", excepts='"2001:db8:9::/48"', name="q")
    tell(
        PODS,
        Policies(four + six),
        "far > web tcp: denied default/p ingress",
        "db > web tcp4: passes default/p ingress[0]",
        "db > web tcp6: passes default/q ingress[0]",
    )


def test_blocks_of_one_family_say_nothing_of_the_other() -> None:
    for cidr, passes, denied in (("0.0.0.0/0", 4, 6), ("::/0", 6, 4)):
        tell(
            PODS,
            Policies(blocks(cidr)),
            f"far > web tcp{passes}: passes default/p ingress[0]",
            f"far > web tcp{denied}: denied default/p ingress",
        )


def test_ip_blocks_hold_for_pods_as_for_anybody() -> None:
    tell(
        PODS,
        Policies(blocks("10.1.0.11/32", "fd00:1::b/128")),
        "db > web tcp: passes default/p ingress[0]",
        "far > web tcp: denied default/p ingress",
    )


def test_what_one_block_excepts_another_may_let_in() -> None:
    rule = """
    podSelector: {matchLabels: {app: web}}
    ingress:
    - from:
      - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}
      - ipBlock: {cidr: 10.1.0.0/24}
      - ipBlock: {cidr: "::/0", except: ["fd00::/8"]}
      - ipBlock: {cidr: "fd00:1::/64"}
    """
    tell(PODS, Policies(policy(rule)), "db > web tcp: passes default/p ingress[0]", "far > web tcp: passes")


def test_egress_blocks_are_about_where_it_goes() -> None:
    tell(
        PODS,
        Policies(blocks("198.51.100.0/24", "2001:db8:9::/48", direction="egress")),
        "web > far tcp: passes default/p egress[0]",
        "web > db tcp: denied default/p egress",
        "web > gateway udp: denied default/p egress",
    )


# Protocols and ports


def ports(*said: str) -> Policies:
    """Return a policy about web whose one rule is about ports alone."""
    return Policies(policy(SELECTS_WEB + f"ingress: [{{ports: [{', '.join(said)}]}}]"))


def test_the_protocol_defaults_to_tcp() -> None:
    tell(
        PODS,
        ports("{port: 80}"),
        "db > web:80 tcp: passes default/p ingress[0]",
        "db > web:80 udp: denied default/p ingress",
        "db > web:80 sctp: denied default/p ingress",
    )


def test_udp_is_said_by_name() -> None:
    tell(
        PODS,
        ports("{port: 53, protocol: UDP}"),
        "db > web:53 udp: passes default/p ingress[0]",
        "db > web:53 tcp: denied default/p ingress",
    )


def test_a_rule_for_sctp_isolates_and_is_not_taken_for_tcp() -> None:
    tell(
        PODS,
        ports("{port: 80, protocol: SCTP}"),
        "db > web:80 sctp: passes default/p ingress[0]",
        "db > web:80 tcp: denied default/p ingress",
        "db > web:80 udp: denied default/p ingress",
    )


def test_a_protocol_without_port_is_all_its_ports() -> None:
    tell(
        PODS,
        ports("{protocol: UDP}"),
        "db > web:1 udp: passes default/p ingress[0]",
        "db > web:65535 udp: passes default/p ingress[0]",
        "db > web:1 tcp: denied default/p ingress",
    )


def test_rules_with_ports_say_nothing_of_protocols_without() -> None:
    tell(
        PODS,
        ports("{protocol: TCP}", "{protocol: UDP}", "{protocol: SCTP}"),
        "db > web ping: denied default/p ingress",
        "db > web gre: denied default/p ingress",
    )


def test_a_range_of_ports_includes_both_its_ends() -> None:
    tell(
        PODS,
        ports("{port: 8000, endPort: 8010}"),
        "db > web:7999 tcp: denied default/p ingress",
        "db > web:8000 tcp: passes default/p ingress[0]",
        "db > web:8005 tcp: passes default/p ingress[0]",
        "db > web:8010 tcp: passes default/p ingress[0]",
        "db > web:8011 tcp: denied default/p ingress",
    )


def test_a_named_port_of_ingress_is_that_of_the_pod_it_selects() -> None:
    pods = {"one": pod("x=z", http="80/tcp"), "two": pod("x=z", http="8080/tcp"), "three": pod("x=z"), "db": DB}
    tell(
        pods,
        Policies(policy("podSelector: {matchLabels: {x: z}}\ningress: [{ports: [{port: http}]}]")),
        "db > one:80 tcp: passes default/p ingress[0]",
        "db > one:8080 tcp: denied default/p ingress",
        "db > two:8080 tcp: passes default/p ingress[0]",
        "db > two:80 tcp: denied default/p ingress",
        "db > three:80 tcp: denied default/p ingress",
    )


def test_a_named_port_of_egress_is_that_of_the_pod_it_goes_to() -> None:
    pods = {"web": WEB, "one": pod(http="80/tcp"), "two": pod(http="8080/tcp"), "three": pod()}
    tell(
        pods,
        Policies(policy(SELECTS_WEB + "policyTypes: [Egress]\negress: [{ports: [{port: http}]}]")),
        "web > one:80 tcp: passes default/p egress[0]",
        "web > two:8080 tcp: passes default/p egress[0]",
        "web > two:80 tcp: denied default/p egress",
        "web > three:80 tcp: denied default/p egress",
        "web > far:80 tcp: denied default/p egress",
    )


def test_a_named_port_is_of_its_protocol() -> None:
    pods = {"web": pod("app=web", dns="53/udp"), "db": DB}
    tell(pods, ports("{port: dns}"), "db > web:53 udp: denied default/p ingress")
    tell(pods, ports("{port: dns, protocol: UDP}"), "db > web:53 udp: passes default/p ingress[0]")


# Both directions


def test_egress_of_the_source_and_ingress_of_the_destination_must_allow() -> None:
    pods = {name: pod(f"app={name}") for name in ("web", "db", "api")}
    out = "podSelector: {matchLabels: {app: db}}\npolicyTypes: [Egress]\negress: [{ports: [{port: 80}, {port: 81}]}]"
    into = SELECTS_WEB + "ingress: [{ports: [{port: 80}, {port: 82}]}]"
    tell(
        pods,
        Policies(policy(out, "out") + policy(into, "into")),
        "db > web:80 tcp: passes",
        "db > web:81 tcp: denied default/into ingress",
        "db > web:82 tcp: denied default/out egress",
        "db > api:81 tcp: passes default/out egress[0]",
        "api > web:82 tcp: passes default/into ingress[0]",
    )


# What is always let through


def test_replies_pass_although_nothing_else_does_that_way() -> None:
    into = policy(SELECTS_WEB + "policyTypes: [Ingress, Egress]\ningress: [{}]")
    tell(
        PODS,
        Policies(into),
        "web:80 > db:4000 tcp SA: denied default/p egress",
        "db:4000 > web:80 tcp: passes",
        "web:80 > db:4000 tcp SA: passes",
        "db:4000 > web:80 tcp A: passes",
        "db:5000 > web:53 udp: passes",
        "web:53 > db:5000 udp: passes",
        "web:53 > db:5001 udp: denied default/p egress",
        "db:7 > web:7 ping: passes",
        "web:7 > db:7 pong: passes",
        "web:8 > db:8 ping: denied default/p egress",
    )


def test_errors_about_what_may_pass_pass() -> None:
    into = policy(SELECTS_WEB + "policyTypes: [Ingress, Egress]\ningress: [{ports: [{port: 53, protocol: UDP}]}]")
    tell(
        PODS,
        Policies(into),
        "web:53 > db:5000 error: denied default/p egress",
        "db:5000 > web:53 udp: passes",
        "web:53 > db:5000 error: passes",
        "web:53 > db:5001 error: denied default/p egress",
    )


def test_a_pod_may_always_talk_to_itself() -> None:
    tell(PODS, Policies(CLOSED), "web > web tcp: passes", "web > web ping: passes", modes=("routed",))
    tell(PODS, Policies(CLOSED), "web > db tcp: denied default/p egress")


def test_everybody_is_asked_for_and_found_although_all_is_denied() -> None:
    """The greeting is ARP and neighbour discovery: without it nobody would know where anybody is."""
    tell(
        PODS,
        Policies(CLOSED),
        "web > db tcp: denied default/p egress",
        Policies(),
        "web > db tcp: passes",
        "far > db tcp: passes",
    )


def test_pods_of_the_hosts_network_are_addresses_alone() -> None:
    selectors = "ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]"
    pods = PODS | {"host": HOST_POD}
    tell(
        pods,
        Policies(policy(SELECTS_WEB + selectors)),
        "host > web tcp: denied default/p ingress",
        "db > web tcp: passes",
    )
    tell(
        pods,
        Policies(blocks("10.1.0.12/32", "fd00:1::c/128")),
        "host > web tcp: passes default/p ingress[0]",
        "db > web tcp: denied default/p ingress",
    )
    tell(
        pods, Policies(policy("podSelector: {}")), "web > host tcp: passes", "host > web tcp: denied default/p ingress"
    )

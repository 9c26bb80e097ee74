"""Packets that are routed: judged by who sends them, and where they really go."""

from dataclasses import replace
from ipaddress import ip_network

from control.model import Limits, Publish, Route
from tests.checkers import came_out_of, consumed, dropped, refused
from tests.rows.policy.world import (
    B3,
    CLIENT,
    CLIENTS_ASK,
    NOTHING_IN,
    NOTHING_OUT,
    SERVER,
    STRANGER,
    TCP_80,
    UDP_53,
    blocks,
    from_pods,
    judged,
    labelled,
    policy,
    tells,
)
from tests.rows.router.errors import head, unreachable
from tests.rows.router.translation import goes
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    R1,
    UPLINK,
    G,
    W,
    delivered,
    error,
    gateway,
    gives,
    met,
    ping,
    tcp,
    udp,
)
from tests.rows.row import Row

ALL = met(B1, B2, R1, G, W)
DENIED = dropped("policy_denied")
PLAIN = {"blue": {"masquerade": False}, "red": {"masquerade": False}}
BETWEEN = (
    Route(ip_network("10.1.0.0/24"), network="blue"),
    Route(ip_network("10.2.0.0/24"), network="red"),
)
OUT_TO_WEB = policy("out", of=CLIENT, egress=(blocks(ip_network("198.51.100.0/24"), ports=(TCP_80, UDP_53)),))
IN_FROM_FAR = policy("in", ingress=(blocks(ip_network("198.51.100.0/24"), ports=(TCP_80,)),))
WEB = Publish(8080, 8080, 80)
PONG = ping(gateway(B2), B2.ip4, reply=True)
PUBLISHED = labelled(B2, SERVER, publish=(WEB,))

ROWS = [
    Row(
        "a pod goes out where its policies let it, by its own address",
        judged(OUT_TO_WEB),
        (
            *ALL,
            goes(B1, tcp(B1.ip4, FAR), G, tcp(OUTSIDE, FAR, ttl=63)),
            goes(G, tcp(FAR, OUTSIDE, 80, 4000, "SA", ack=101), B1, tcp(FAR, B1.ip4, 80, 4000, "SA", ack=101, ttl=63)),
            gives(B1, tcp(B1.ip4, FAR, dport=81), DENIED),
            gives(B1, tcp(B1.ip4, "198.51.101.9"), DENIED),
            gives(B1, tcp(B1.ip6, FAR6), DENIED),
            goes(B2, tcp(B2.ip6, FAR6), G, tcp(OUTSIDE6, FAR6, ttl=63)),
        ),
    ),
    Row(
        "errors about what went out come back",
        judged(OUT_TO_WEB, policy("in1", of=CLIENT, ingress=())),
        (
            *ALL,
            goes(B1, udp(B1.ip4, FAR, dport=53), G, udp(OUTSIDE, FAR, dport=53, ttl=63)),
            goes(
                G,
                unreachable("203.0.113.1", OUTSIDE, head(udp(OUTSIDE, FAR, dport=53, ttl=60))),
                B1,
                unreachable("203.0.113.1", B1.ip4, head(udp(B1.ip4, FAR, dport=53, ttl=60)), ttl=63),
            ),
        ),
    ),
    Row(
        "who comes from outside is an address",
        judged(IN_FROM_FAR, **PLAIN),
        (
            *ALL,
            goes(G, tcp(FAR, B2.ip4), B2, tcp(FAR, B2.ip4, ttl=63)),
            goes(B2, tcp(B2.ip4, FAR, 80, 4000, "SA", ack=101), G, tcp(B2.ip4, FAR, 80, 4000, "SA", ack=101, ttl=63)),
            gives(G, tcp(FAR, B2.ip4, dport=81), DENIED),
            gives(G, tcp("198.51.101.9", B2.ip4), DENIED),
            goes(G, tcp("198.51.101.9", B1.ip4), B1, tcp("198.51.101.9", B1.ip4, ttl=63)),
        ),
    ),
    Row(
        "the node that a pod is on reaches it always, and nobody does by way of the node",
        judged(NOTHING_IN, uplink=replace(UPLINK, mode="host"), **PLAIN),
        (
            *ALL,
            goes(G, tcp(G.ip4, B2.ip4), B2, tcp(G.ip4, B2.ip4, ttl=63)),
            goes(G, udp(G.ip6, B2.ip6), B2, udp(G.ip6, B2.ip6, ttl=63)),
            gives(G, tcp(FAR, B2.ip4), DENIED),
            gives(G, udp(FAR6, B2.ip6), DENIED),
        ),
    ),
    Row(
        "what is published is judged by the port and the pod that it leads to",
        judged(IN_FROM_FAR, ports=(PUBLISHED,)),
        (
            *ALL,
            goes(G, tcp(FAR, OUTSIDE, dport=8080), B2, tcp(FAR, B2.ip4, ttl=63)),
            gives(G, tcp("198.51.101.9", OUTSIDE, dport=8080), DENIED),
        ),
    ),
    Row(
        "a published port that no policy opens is closed",
        judged(policy("in", ingress=(blocks(ip_network("0.0.0.0/0"), ports=(UDP_53,)),)), ports=(PUBLISHED,)),
        (*ALL, gives(G, tcp(FAR, OUTSIDE, dport=8080), DENIED)),
    ),
    Row(
        "a pod reaches another by a published port if it may talk to that pod",
        judged(CLIENTS_ASK, OUT_TO_WEB, policy("out2", of=CLIENT, egress=(from_pods(SERVER),)), ports=(PUBLISHED,)),
        (
            *ALL,
            gives(B1, tcp(B1.ip4, OUTSIDE, dport=8080), came_out_of("b2")),
            gives(R1, tcp(R1.ip4, OUTSIDE, dport=8080), came_out_of("b2")),
        ),
    ),
    Row(
        "networks that are open to each other still obey policies",
        judged(CLIENTS_ASK, routes=BETWEEN, **PLAIN),
        (
            *ALL,
            goes(R1, udp(R1.ip4, B2.ip4, dport=53), B2, udp(R1.ip4, B2.ip4, dport=53, ttl=63)),
            goes(B2, udp(B2.ip4, R1.ip4, 53, 4000), R1, udp(B2.ip4, R1.ip4, 53, 4000, ttl=63)),
            gives(R1, udp(R1.ip4, B2.ip4, dport=54), DENIED),
            goes(B2, udp(B2.ip4, R1.ip4, 9), R1, udp(B2.ip4, R1.ip4, 9, ttl=63)),
        ),
    ),
    Row(
        "what networks do not let pass is refused for that, and policies are not asked",
        judged(NOTHING_IN),
        (
            *ALL,
            gives(
                R1,
                udp(R1.ip4, B2.ip4),
                refused("networks_isolated", "r1", error(R1, udp(R1.ip4, B2.ip4), 3, 13)),
            ),
        ),
    ),
    Row(
        "a packet that may not go there is not told that it came too far",
        judged(OUT_TO_WEB),
        (*ALL, gives(B1, tcp(B1.ip4, FAR, dport=81, ttl=1), DENIED)),
    ),
    Row(
        "of the gateway asks who may talk to its address",
        judged(NOTHING_OUT, policy("ping", egress=(blocks(ip_network("10.1.0.1/32")),))),
        (
            *ALL,
            gives(B1, ping(B1.ip4, gateway(B1)), DENIED),
            gives(B1, udp(B1.ip4, gateway(B1), dport=53), DENIED),
            gives(B2, ping(B2.ip4, gateway(B2)), consumed(("b2", delivered(B2, PONG)))),
            gives(B2, ping(B2.ip6, gateway(B2, 6)), DENIED),
        ),
    ),
    Row(
        "a conversation may be routed one way and bridged the other",
        judged(CLIENTS_ASK, policy("mute", egress=()), **PLAIN),
        (
            *ALL,
            gives(B1, udp(B1.ip4, B2.ip4, dport=53), came_out_of("b2")),
            tells(B2, B1, udp(B2.ip4, B1.ip4, 53, 4000), came_out_of("b1")),
            gives(B1, udp(B1.ip4, B2.ip4, dport=54), DENIED),
        ),
    ),
    Row(
        "a routed conversation is no way for others who say that they are one of its ends",
        judged(CLIENTS_ASK, policy("alone", of=STRANGER, ingress=(), egress=()), **PLAIN),
        (
            *ALL,
            gives(B1, udp(B1.ip4, B2.ip4, dport=53), came_out_of("b2")),
            gives(B3, udp(B1.ip4, B2.ip4, dport=53), DENIED),
            gives(B2, udp(B2.ip4, B1.ip4, 53, 4000), came_out_of("b1")),
            gives(B3, udp(B2.ip4, B1.ip4, 53, 4000), DENIED),
            gives(B1, udp(B1.ip4, B2.ip4, dport=53), came_out_of("b2")),
            gives(B2, udp(B2.ip4, B1.ip4, 53, 4000), came_out_of("b1")),
        ),
    ),
    Row(
        "from port to port, too, conversations are as many as there may be",
        judged(CLIENTS_ASK, limits=Limits(fdb=4096, flows=1)),
        (
            *ALL,
            tells(B1, B2, udp(B1.ip4, B2.ip4, dport=53), came_out_of("b2")),
            tells(B2, B1, udp(B2.ip4, B1.ip4, 53, 4000), came_out_of("b1")),
            tells(B1, B2, udp(B1.ip4, B2.ip4, 4001, 53), dropped("flow_table_full")),
            tells(B1, B2, udp(B1.ip4, B2.ip4, dport=53), came_out_of("b2")),
        ),
    ),
]

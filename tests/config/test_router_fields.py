"""The router's fields by themselves: good forms, and mistakes."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from control.model import Limits, Nat, Publish, Route, Timeouts, Uplink
from tests.config.read import BLUE, load, mistakes, ports

OWN = "network: blue, pcap: , addresses: 10.10.0.9"
DUAL = "network: blue, pcap: , addresses: [10.10.0.9, 'fd00:10::9']"
HOST = "uplink: {mode: host}\n"
UNUSED = "expected an address of the port to lead to, found none"
FORM = "[HOST_IP:]PORT[-PORT]:PORT[-PORT][/PROTO] such as 8080:80/tcp"


@pytest.mark.parametrize(
    ("text", "publish"),
    [
        ("8080:80", Publish(8080, 8080, 80)),
        ("53:5353/udp", Publish(53, 53, 5353, "udp")),
        ("192.0.2.1:80-89:8000-8009/sctp", Publish(80, 89, 8000, "sctp", ip_address("192.0.2.1"))),
        ("[2001:db8::1]:443:443/tcp", Publish(443, 443, 443, "tcp", ip_address("2001:db8::1"))),
        ("0.0.0.0:1:65535", Publish(1, 1, 65535)),
    ],
)
def test_a_published_port(text: str, publish: Publish) -> None:
    (port,) = load(ports(f"name: p, {DUAL}, publish: '{text}'") + HOST).ports[:1]
    assert port.publish == (publish,)


def test_different_addresses_and_protocols_share_a_port() -> None:
    several = "['192.0.2.1:80:80', '192.0.2.2:80:80', '80:80/udp', '81:80']"
    assert mistakes(ports(f"name: p, {OWN}, publish: {several}") + HOST) == []


def test_the_other_fields_reach_the_model() -> None:
    text = BLUE + (
        "uplink: {mode: nic, ifname: eth9, addresses: [192.0.2.10/24, '2001:db8::2/64'],"
        " gateway: [192.0.2.1, '2001:db8::1'], mtu: 1400}\n"
        "routes:\n"
        "- {to: 10.40.0.0/16, via: 192.0.2.3}\n"
        "- {to: 10.50.0.0/16, via: [10.10.0.8, {address: 10.10.0.9, weight: 3}]}\n"
        "- {to: 'fd01::/64', network: blue}\n"
        "- {to: 10.60.0.0/16, blackhole: true}\n"
        "nat: {endpoint_independent: true, static: [{outside: 192.0.2.11, inside: 10.10.0.5}]}\n"
        "timeouts: {tcp_close_s: 11, neighbour_s: 12}\n"
        "limits: {flows: 5, neighbours: 6, routes: 7, fragments: 8}\n"
    )
    configuration = load(text)
    interfaces = (ip_interface("192.0.2.10/24"), ip_interface("2001:db8::2/64"))
    gateways = (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert configuration.uplink == Uplink("nic", interfaces, gateways, "uplink", "eth9", 1400)
    assert configuration.routes == (
        Route(ip_network("10.40.0.0/16"), ((ip_address("192.0.2.3"), 1),)),
        Route(ip_network("10.50.0.0/16"), ((ip_address("10.10.0.8"), 1), (ip_address("10.10.0.9"), 3))),
        Route(ip_network("fd01::/64"), network="blue"),
        Route(ip_network("10.60.0.0/16"), blackhole=True),
    )
    assert configuration.nat == Nat(True, ((ip_address("192.0.2.11"), ip_address("10.10.0.5")),))
    assert configuration.timeouts == Timeouts(tcp_close_s=11, neighbour_s=12)
    assert configuration.limits == Limits(flows=5, neighbours=6, routes=7, fragments=8)


@pytest.mark.parametrize(
    ("fields", "masquerade"),
    [("", True), (", masquerade: false", False), (", mode: none", False), (", mode: routed", False)],
)
def test_a_bridged_network_masquerades_unless_told(fields: str, masquerade: bool) -> None:
    assert load(f"networks: [{{name: n{fields}}}]\n").networks[0].masquerade is masquerade


def publishing(text: str) -> str:
    return ports(f"name: p, {OWN}, publish: [{text}]") + HOST


def uplink(fields: str) -> str:
    return f"uplink: {{{fields}}}\n"


def route(*items: str) -> str:
    return BLUE + "routes:\n" + "".join(f"- {{{item}}}\n" for item in items)


AT = "3: ports[0].publish[0]: expected"
ROWS = {
    "no publication": (
        publishing("80, x:y"),
        f"{AT} {FORM}, found the number 80",
        f"3: ports[0].publish[1]: expected {FORM}, found 'x:y'",
    ),
    "unknown protocol": (publishing("80:80/icmp"), f"{AT} {FORM}, found '80:80/icmp'"),
    "port zero": (publishing("'0:80'"), f"{AT} ports from 1 to 65535, in rising order, found '0:80'"),
    "falling range": (publishing("'9-8:9-8'"), f"{AT} ports from 1 to 65535, in rising order, found '9-8:9-8'"),
    "unequal ranges": (
        publishing("'80-82:80-81'"),
        f"{AT} as many ports inside as outside, found 80-82:80-81 (3 outside, 2 inside)",
    ),
    "published twice": (
        ports(f"name: a, {OWN}, publish: '80-90:80-90'", f"name: b, {OWN[:-1]}8, publish: '192.0.2.1:85:1'") + HOST,
        (
            "4: ports[1].publish[0]: expected outside ports that nothing else has, found 192.0.2.1 port 85/tcp, "
            "which port a (line 3) has"
        ),
    ),
    "nowhere to lead to": (
        ports("name: p, network: blue, pcap: , publish: '80:80'") + HOST,
        f"3: ports[0].publish[0]: {UNUSED}",
    ),
    "another family": (
        publishing("'[2001:db8::1]:80:80'"),
        f"{AT} an IPv6 address of the port to lead to, found none",
    ),
    "uplink of no mode": (uplink("mtu: 1400"), "1: uplink.mode: expected host, nic or port, found nothing"),
    "uplink without its fields": (
        uplink("mode: port, ifname: e"),
        "1: uplink.port: expected port in mode port, found nothing",
        "1: uplink.ifname: expected ifname in mode nic or host only, found e in mode port",
        "1: uplink.addresses: expected at least one address in mode port, found none",
    ),
    "uplink of an unknown port": (
        uplink("mode: port, port: p, addresses: 192.0.2.1/24"),
        "1: uplink.port: expected one of the file's ports, found 'p'",
    ),
    "addresses of an uplink": (
        uplink("mode: host, addresses: [192.0.2.1, 192.0.2.0/24]"),
        "1: uplink.addresses[0]: expected an address with its prefix length, such as 192.0.2.10/24, found 192.0.2.1",
        "1: uplink.addresses[1]: expected a host's unicast address in 192.0.2.0/24, found 192.0.2.0",
    ),
    "gateways of an uplink": (
        uplink("mode: host, addresses: 192.0.2.9/24, gateway: [192.0.2.1, 192.0.2.2, 10.0.0.1, 192.0.2.9]"),
        "1: uplink.gateway[1]: expected one gateway a family, found 192.0.2.2, another of IPv4",
        "1: uplink.gateway[2]: expected an address in 192.0.2.0/24, found 10.0.0.1",
        "1: uplink.gateway[3]: expected another host's address in 192.0.2.0/24, found 192.0.2.9",
    ),
    "IPv6 in a small MTU": (
        uplink("mode: host, addresses: 'fd00::9/64', mtu: 1000"),
        "1: uplink.mtu: expected at least 1280 with an IPv6 address (RFC 8200 section 5), found the number 1000",
    ),
    "destinations": (
        route("to: 10.0.0.1/8, blackhole: true", "to: 224.0.0.0/8, blackhole: true", "blackhole: true"),
        "3: routes[0].to: expected a destination without host bits, found 10.0.0.1/8 (its subnet is 10.0.0.0/8)",
        (
            "4: routes[1].to: expected a destination of unicast addresses, found 224.0.0.0/8, "
            "which lies in 224.0.0.0/4 (multicast)"
        ),
        "5: routes[2].to: expected a destination such as 10.50.0.0/16 or ::/0, found nothing",
    ),
    "ways of a route": (
        route("to: 10.0.0.0/8", "to: 10.1.0.0/16, via: 10.10.0.2, network: blue", "to: 10.2.0.0/16, blackhole: false"),
        "3: routes[0]: expected one of via, network and blackhole, found none of them",
        "4: routes[1]: expected one of via, network and blackhole, found via, network",
        "5: routes[2].blackhole: expected true, or no blackhole, found false",
    ),
    "next hops": (
        route("to: 10.0.0.0/8, via: ['fd00::1', {address: 10.9.0.1, weight: 0}, {a: 1}]", "to: 10.1.0.0/16, via: []"),
        "3: routes[0].via[1]: expected a whole number from 1 to 256 as the weight, found a mapping",
        "3: routes[0].via[2]: expected an address, or {address, weight}, found a mapping",
        "3: routes[0].via[0]: expected an IPv4 address, as 10.0.0.0/8 is, found fd00::1",
        "4: routes[1].via: expected at least one next hop, found an empty list",
    ),
    "routes that clash": (
        route("to: 10.0.0.0/8, blackhole: true", "to: 10.0.0.0/8, network: bleu"),
        "4: routes[1].network: expected a network of the file, found 'bleu'",
        "4: routes[1].to: expected a destination that no other route has, found 10.0.0.0/8, which line 3 has",
    ),
    "static pairs": (
        "nat:\n  static:\n  - {outside: 192.0.2.1, inside: 'fd00::1'}\n  - {outside: 192.0.2.1}\n",
        "2: nat.static: expected an uplink to be known outside by, found none",
        "3: nat.static[0]: expected two addresses of one family, found 192.0.2.1 and fd00::1",
        "4: nat.static[1].inside: expected an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2, found nothing",
        "4: nat.static[1].outside: expected an address of one pair only, found 192.0.2.1, which line 3 has",
    ),
    "sizes": (
        "limits: {flows: 0, fragments: 65537}\ntimeouts: {tcp_close_s: 0}\n",
        "1: limits.flows: expected a whole number from 1 to 67108864, found the number 0",
        "1: limits.fragments: expected a whole number from 1 to 65536, found the number 65537",
        "2: timeouts.tcp_close_s: expected a whole number from 1 to 100000000, found the number 0",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected

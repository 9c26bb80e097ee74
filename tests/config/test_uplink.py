"""The uplink and what hangs on it: the port it is, addresses filled in, links, and what needs a way out."""

from ipaddress import ip_address, ip_interface
from typing import cast

import pytest

from control.model import Nic, Pcap, Port, Tap, Uplink
from tests.config.read import BLUE, find, load, mistakes, parse, ports

WAN = "uplink: {mode: port, port: wan, addresses: [192.0.2.10/24], gateway: 192.0.2.1}\n"


def uplink_of(text: str) -> Uplink:
    return cast(Uplink, load(text).uplink)


def shown(uplink: Uplink) -> tuple[list[str], list[str]]:
    return [str(each) for each in uplink.addresses], [str(each) for each in uplink.gateway]


def test_a_host_uplink_makes_its_port_and_has_addresses() -> None:
    configuration = load(BLUE + "uplink: {mode: host}\n")
    (port,) = configuration.ports
    assert configuration.uplink == Uplink(
        "host",
        (ip_interface("169.254.254.2/30"), ip_interface("fd54:6170:6573::2/126")),
        (ip_address("169.254.254.1"), ip_address("fd54:6170:6573::1")),
        port="uplink",
        ifname="tapestry-up",
    )
    assert port == Port("uplink", "", Tap("tapestry-up"), mac=port.mac, endpoint=False)
    assert len(port.mac) == 6
    assert configuration.mtu_of(port) == 1500


@pytest.mark.parametrize(
    ("fields", "addresses", "gateway"),
    [
        ("mtu: 1000", ["169.254.254.2/30"], ["169.254.254.1"]),
        ("addresses: 10.9.0.1/24", ["10.9.0.1/24"], ["10.9.0.2"]),
        ("addresses: 10.9.0.9/24, gateway: 10.9.0.8", ["10.9.0.9/24"], ["10.9.0.8"]),
        ("addresses: [10.9.0.2/31, 'fd01::2/64']", ["10.9.0.2/31", "fd01::2/64"], ["10.9.0.3", "fd01::1"]),
        ("addresses: 10.9.0.2/32", ["10.9.0.2/32"], []),
    ],
)
def test_what_a_host_uplink_does_not_state(fields: str, addresses: list[str], gateway: list[str]) -> None:
    assert shown(uplink_of(f"uplink: {{mode: host, {fields}}}\n")) == (addresses, gateway)


def test_a_nic_uplink_makes_its_port_and_may_leave_its_addresses_to_dhcp() -> None:
    configuration = load("uplink: {mode: nic, ifname: eth9, mtu: 9000}\n")
    assert configuration.uplink == Uplink("nic", port="uplink", ifname="eth9", mtu=9000)
    assert configuration.ports == (Port("uplink", "", Nic("eth9"), endpoint=False),)
    assert configuration.mtu_of(configuration.ports[0]) == 9000


def test_a_port_that_is_the_uplink_is_on_no_network_and_no_endpoint() -> None:
    configuration = load(ports("name: wan, pcap: ", "name: a, network: blue, pcap: ") + WAN)
    assert find(configuration, "wan") == Port("wan", "", Pcap(), endpoint=False)
    assert find(configuration, "a").network == "blue"


def test_a_network_of_the_uplinks_port_is_not_used() -> None:
    loaded = parse(ports("name: wan, network: blue, tap: {netns: w, ifname: eth0}") + WAN)
    (port,) = loaded.configuration.ports
    assert (port.network, port.addresses, bool(port.mac), port.spoof_check) == ("", (), True, False)
    assert loaded.warnings == ("f.yaml:3: ports[0].network: blue is not used: the uplink is on no network",)


def test_a_published_port_may_be_at_one_of_the_uplinks_addresses_or_at_any_of_the_hosts() -> None:
    port = "name: a, network: blue, pcap: , addresses: 10.10.0.2, publish: '192.0.2.10:80:80'"
    assert mistakes(ports("name: wan, pcap: ", port) + WAN) == []
    assert mistakes(ports(port) + "uplink: {mode: nic, ifname: eth9}\n") == []
    assert mistakes(ports(port.replace("192.0.2.10", "127.0.0.1")) + "uplink: {mode: host}\n") == []


@pytest.mark.parametrize("hop", ["10.10.0.9", "192.0.2.7"])
def test_a_next_hop_is_on_a_link(hop: str) -> None:
    text = ports("name: wan, pcap: ") + WAN + f"routes: [{{to: 10.50.0.0/16, via: {hop}}}]\n"
    assert mistakes(text) == []


def test_next_hops_on_a_link_that_dhcp_configures_are_taken_as_they_are() -> None:
    text = "uplink: {mode: nic, ifname: eth9}\nroutes: [{to: 10.50.0.0/16, via: 198.51.100.1}]\n"
    assert mistakes(text) == []


def test_a_route_may_be_to_what_has_one_without_it() -> None:
    routes = "routes: [{to: 10.10.0.0/24, network: blue}, {to: 0.0.0.0/0, via: 192.0.2.7}]\n"
    assert mistakes(ports("name: wan, pcap: ") + WAN + routes) == []


def test_networks_of_mode_none_may_have_the_uplinks_subnet() -> None:
    text = "networks: [{name: n, mode: none, subnets: [192.0.2.0/24]}]\nports: [{name: wan, pcap: }]\n"
    assert mistakes(text + WAN) == []


PLAIN = "networks:\n- {name: n, mode: none, subnets: [10.0.0.0/24]}\n"
MANY = ", ".join(f"192.0.2.{10 + number}/24" for number in range(17))

ROWS = {
    "no such port": (
        ports("name: a, network: blue, pcap: ") + WAN,
        "4: uplink.port: expected one of the file's ports, found 'wan'",
    ),
    "what only a network's port has": (
        ports("name: wan, pcap: , addresses: 10.10.0.2, vlan: {access: 5}, endpoint: true, spoof_check: true") + WAN,
        "3: ports[0].addresses: expected none of it at the uplink, which is on no network, found addresses",
        "3: ports[0].vlan: expected none of it at the uplink, which is on no network, found vlan",
        "3: ports[0].spoof_check: expected none of it at the uplink, which is on no network, found spoof_check",
        "3: ports[0].endpoint: expected none of it at the uplink, which is on no network, found endpoint",
    ),
    "a port without a network, the uplink being wrong": (
        ports("name: wan, pcap: ") + "uplink: {mode: port, port: wan, addresses: 5}\n",
        "4: uplink.addresses[0]: expected an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2, found the number 5",
    ),
    "a port by the name of the uplink's": (
        ports("name: uplink, network: blue, nic: {ifname: eth9}") + "uplink: {mode: nic, ifname: eth9}\n",
        "3: ports[0].name: expected a name that nothing else has, found uplink, which the uplink has",
        "3: ports[0].nic.ifname: expected an interface that nothing else has, found eth9, which the uplink has",
    ),
    "a subnet of a network": (
        BLUE + "uplink: {mode: host, addresses: 10.10.0.7/16}\n",
        (
            "2: uplink.addresses: expected addresses outside the networks' subnets, "
            "found 10.10.0.7/16, which overlaps 10.10.0.0/24 of network blue"
        ),
    ),
    "a network on the host uplink's own pair": (
        "networks: [{name: n, subnets: [169.254.0.0/16]}]\nuplink: {mode: host}\n",
        (
            "2: uplink.addresses: expected addresses outside the networks' subnets, "
            "found 169.254.254.2/30, which overlaps 169.254.0.0/16 of network n"
        ),
    ),
    "more addresses than translation chooses from": (
        f"uplink: {{mode: nic, ifname: e, addresses: [{MANY}]}}\n",
        "1: uplink.addresses[16]: expected at most 16 addresses a family, found more",
    ),
    "known outside in spite of an internal network": (
        (
            "networks: [{name: n, subnets: 10.0.0.0/24, internal: true}]\n"
            "nat: {static: [{outside: 192.0.2.1, inside: 10.0.0.5}]}\nuplink: {mode: host}\n"
        ),
        "2: nat.static[0].inside: expected no address of an internal network, found 10.0.0.5, of n",
    ),
    "published without an uplink": (
        ports("name: a, network: blue, pcap: , addresses: 10.10.0.2, publish: '80:80'"),
        "3: ports[0].publish[0]: expected an uplink to publish at, found none",
    ),
    "published at an address of nobody": (
        ports("name: wan, pcap: ", "name: a, network: blue, pcap: , addresses: 10.10.0.2, publish: '192.0.2.9:80:80'")
        + WAN,
        "4: ports[1].publish[0]: expected one of the uplink's addresses, 192.0.2.10, found 192.0.2.9",
    ),
    "published from a network without a router": (
        PLAIN + "ports: [{name: a, network: n, pcap: , addresses: 10.0.0.2, publish: '80:80'}]\nuplink: {mode: host}\n",
        "3: ports[0].publish[0]: expected a network with a router in it, found n, of mode none",
    ),
    "published from an internal network": (
        (
            "networks: [{name: n, subnets: 10.0.0.0/24, internal: true}]\n"
            "ports: [{name: a, network: n, pcap: , addresses: 10.0.0.2, publish: '80:80'}]\nuplink: {mode: host}\n"
        ),
        "2: ports[0].publish[0]: expected a network that is not internal, found n",
    ),
    "next hops that are nowhere": (
        BLUE + "uplink: {mode: host}\nroutes:\n- {to: 10.1.0.0/16, via: [10.2.0.1, 10.10.0.1, 169.254.254.2]}\n",
        (
            "4: routes[0].via[0]: expected an address on a link: in a subnet of a network or of the uplink, "
            "found 10.2.0.1"
        ),
        "4: routes[0].via[1]: expected another machine's address, found 10.10.0.1, the router's own",
        "4: routes[0].via[2]: expected another machine's address, found 169.254.254.2, the router's own",
    ),
    "next hops that their own route takes away": (
        BLUE + "routes:\n- {to: 10.10.0.0/24, via: 10.10.0.9}\n- {to: 10.10.0.8/32, via: 10.10.0.8}\n"
        "- {to: 10.0.0.0/8, via: 10.10.0.9}\n",
        (
            "3: routes[0].via[0]: expected an address that the route itself does not lead away, "
            "found 10.10.0.9, within 10.10.0.0/24"
        ),
        (
            "4: routes[1].via[0]: expected an address that the route itself does not lead away, "
            "found 10.10.0.8, within 10.10.0.8/32"
        ),
    ),
    "routes into networks without a router": (
        PLAIN + "- {name: m}\nroutes:\n- {to: 10.1.0.0/16, network: n}\n- {to: 10.2.0.0/16, network: m}\n",
        "5: routes[0].network: expected a bridged network with a router in it, found n, of mode none",
        "6: routes[1].network: expected a bridged network with a router in it, found m, without subnets",
    ),
    "static pairs": (
        BLUE + "nat: {static: [{outside: 192.0.2.1, inside: 10.10.0.1}]}\n",
        "2: nat.static[0].inside: expected another machine's address, found 10.10.0.1, the router's own",
        "2: nat.static: expected an uplink to be known outside by, found none",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected

"""What a field means when it is not written, and what is written that is not in force yet."""

from ipaddress import ip_address, ip_network

import pytest

from control.model import Configuration, Limits, Network, Nic, Pcap, Port, Storm, Tap, Timeouts, Vlan
from tests.config.read import BLUE, find, load, mistakes, parse, port, ports


def only(text: str) -> Port:
    (only_port,) = load(text).ports
    return only_port


def test_a_file_that_says_nothing_is_an_empty_fabric() -> None:
    assert load("networks:\n") == Configuration(node="node1", workers=1)


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_workers_are_one_a_core_at_most_four(cores: int, workers: int) -> None:
    assert load("node: x\n", cores=cores).workers == workers


def test_a_node_is_called_as_its_host() -> None:
    assert load("workers: 1\n", hostname="here").node == "here"


def test_every_field_of_a_file() -> None:
    text = """
node: n1
workers: 3
networks:
  - {name: blue, mode: none, subnets: [10.0.0.0/8], internal: true, icc: false, mtu: 9000}
ports:
  - name: p
    network: blue
    tap: {netns: web, ifname: eth0, make_netns: true}
    addresses: [10.0.0.1, 10.0.0.7/8]
    mac: 02-00-00-00-00-AA
    namespace: prod
    labels: {tier: "1", example.com/app: web, empty: ""}
    named_ports: {http: 80/tcp, dns: 53/udp, s1: 9/sctp}
    spoof_check: false
    endpoint: false
    hairpin: true
    vlan: {trunk: [10, "20-22", "30"], native: 99}
    storm: {broadcast: 1, multicast: 2, unknown_unicast: 3}
    static_macs: ["02:00:00:00:00:BB"]
    max_macs: 0
timeouts: {fdb_s: 60}
limits: {fdb: 100, macs_per_port: 10}
"""
    loaded = parse(text)
    (p,) = loaded.configuration.ports
    assert loaded.warnings == ()
    assert loaded.configuration == Configuration(
        node="n1",
        workers=3,
        networks=(Network("blue", "none", (ip_network("10.0.0.0/8"),), (), internal=True, icc=False, mtu=9000),),
        ports=(p,),
        timeouts=Timeouts(fdb_s=60),
        limits=Limits(fdb=100, macs_per_port=10),
    )
    assert [str(address) for address in p.addresses] == ["10.0.0.1/8", "10.0.0.7/8"]
    assert p == Port(
        name="p",
        network="blue",
        attachment=Tap("eth0", "web", make_netns=True),
        addresses=p.addresses,
        mac=bytes.fromhex("0200000000aa"),
        mac_known=True,
        namespace="prod",
        labels=(("empty", ""), ("example.com/app", "web"), ("tier", "1")),
        named_ports=(("dns", 53, "udp"), ("http", 80, "tcp"), ("s1", 9, "sctp")),
        endpoint=False,
        spoof_check=False,
        hairpin=True,
        vlan=Vlan(trunk=frozenset((10, 20, 21, 22, 30)), native=99),
        storm=Storm(1, 2, 3),
        static_macs=(bytes.fromhex("0200000000bb"),),
        max_macs=0,
    )


def test_a_gateway_is_each_subnets_first_address() -> None:
    (network,) = load(BLUE).networks
    assert network.gateway == (ip_address("10.10.0.1"), ip_address("fd00:10::1"))


@pytest.mark.parametrize(
    ("subnet", "gateway"),
    [("10.0.0.8/30", "10.0.0.9"), ("10.0.0.8/31", "10.0.0.8"), ("10.0.0.8/32", "10.0.0.8"), ("fd00::8/127", "fd00::8")],
)
def test_the_first_address_of_small_subnets(subnet: str, gateway: str) -> None:
    (network,) = load(f"networks: [{{name: n, subnets: ['{subnet}']}}]\n").networks
    assert network.gateway == (ip_address(gateway),)


def test_a_network_without_a_router_in_it_has_no_gateway() -> None:
    assert load("networks: [{name: n, mode: none, subnets: [10.0.0.0/24]}]\n").networks[0].gateway == ()


def test_a_stated_gateway_is_stated_whole() -> None:
    text = "networks: [{name: n, subnets: [10.0.0.0/24, 'fd00::/64'], gateway: 10.0.0.254}]\n"
    assert load(text).networks[0].gateway == (ip_address("10.0.0.254"),)


def test_a_port_that_states_nothing_takes_the_models_defaults() -> None:
    assert only(port("pcap: {}")) == Port("p", "blue", Pcap())


def test_a_ports_limit_of_macs_is_the_tables() -> None:
    assert only(port("pcap: {}") + "limits: {macs_per_port: 7}\n").max_macs == 7


# attachment and VLAN -> endpoint, addresses given, MAC derived, MAC known, spoof check
KINDS = {
    "TAP in a namespace": ("tap: {netns: x, ifname: e}", Tap("e", "x"), True, True, True, True, True),
    "TAP without offloads": (
        "tap: {ifname: e, offloads: false}",
        Tap("e", offloads=False),
        True,
        False,
        True,
        False,
        False,
    ),
    "TAP of the daemon's own": ("tap: {ifname: e}", Tap("e"), True, False, True, False, False),
    "NIC": ("nic: {ifname: e}", Nic("e"), False, False, False, False, False),
    "pcap": ("pcap: ", Pcap(), True, False, False, False, False),
    "access port": ("tap: {netns: x, ifname: e}, vlan: {access: 5}", Tap("e", "x"), True, True, True, True, True),
    "trunk": ("tap: {netns: x, ifname: e}, vlan: {trunk: [5]}", Tap("e", "x"), False, False, True, True, False),
    "pcap trunk": ("pcap: , vlan: {trunk: [5]}", Pcap(), False, False, False, False, False),
    "MAC stated": ("pcap: , mac: 02:00:00:00:00:01", Pcap(), True, False, True, True, False),
    "addresses stated": ("pcap: , addresses: 10.10.0.9", Pcap(), True, True, False, False, True),
    "addresses stated at a NIC": ("nic: {ifname: e}, addresses: 10.10.0.9", Nic("e"), False, True, False, False, False),
    "NIC as an endpoint": (
        "nic: {ifname: e}, addresses: 10.10.0.9, endpoint: true",
        *(Nic("e"), True, True, False, False, True),
    ),
    "no addresses stated": ("tap: {netns: x, ifname: e}, addresses: []", Tap("e", "x"), True, False, True, True, False),
    "no endpoint": ("tap: {netns: x, ifname: e}, endpoint: false", Tap("e", "x"), False, True, True, True, False),
    "spoof check off": ("tap: {netns: x, ifname: e}, spoof_check: false", Tap("e", "x"), True, True, True, True, False),
    "spoof check on": ("pcap: , spoof_check: true", Pcap(), True, False, False, False, True),
}


@pytest.mark.parametrize("row", KINDS.values(), ids=KINDS)
def test_what_a_port_is_follows_from_how_it_is_attached(row: tuple[object, ...]) -> None:
    p = only(port(str(row[0])))
    assert (p.attachment, p.endpoint, bool(p.addresses), bool(p.mac), p.mac_known, p.spoof_check) == row[1:]


def test_a_derived_mac_is_the_same_every_time_and_differs_by_node_network_and_name() -> None:
    text = ports("name: a, network: blue, tap: {ifname: a}", "name: b, network: blue, tap: {ifname: b}")
    there = load(text, hostname="node2")
    elsewhere = load(text.replace("blue", "red"))
    macs = [p.mac for configuration in (load(text), there, elsewhere) for p in configuration.ports]
    assert load(text) == load(text)
    assert len(set(macs)) == 6
    assert all(mac[0] & 0b11 == 0b10 for mac in macs), "unicast and locally administered"
    assert find(load(text), "a").mac.hex(":") == "1a:33:93:d4:54:84", "must not change from one version to the next"


def test_a_derived_mac_gives_way_to_a_stated_one() -> None:
    derived = only(port("tap: {ifname: a}")).mac
    taken = ports(
        "name: p, network: blue, tap: {ifname: a}", f"name: q, network: blue, pcap: , mac: '{derived.hex(':')}'"
    )
    assert find(load(taken), "q").mac == derived
    assert find(load(taken), "p").mac not in (derived, b"")


def test_one_mac_can_be_in_two_vlans_and_in_two_networks() -> None:
    text = """
networks: [{name: n}, {name: m}]
ports:
  - {name: a, network: n, pcap: {}, mac: "02:00:00:00:00:01", vlan: {access: 10}}
  - {name: b, network: n, pcap: {}, mac: "02:00:00:00:00:01", vlan: {trunk: [20], native: 30}}
  - {name: c, network: m, pcap: {}, mac: "02:00:00:00:00:01"}
"""
    assert mistakes(text) == []
    assert len(mistakes(text.replace("access: 10", "access: 30"))) == 1


def test_networks_can_share_addresses_and_namespaces_interface_names() -> None:
    text = """
networks: [{name: n, subnets: [10.0.0.0/24]}, {name: m, subnets: [10.0.0.0/24]}]
ports:
  - {name: a, network: n, tap: {netns: a, ifname: eth0}, addresses: 10.0.0.2}
  - {name: b, network: m, tap: {netns: b, ifname: eth0}, addresses: 10.0.0.2}
  - {name: c, network: m, tap: {ifname: eth0}}
"""
    assert mistakes(text) == []


def test_a_native_vlan_may_be_one_of_the_trunks_or_not() -> None:
    assert only(port("pcap: , vlan: {trunk: [10], native: 10}")).vlan == Vlan(trunk=frozenset((10,)), native=10)
    assert only(port("pcap: , vlan: {trunk: [10], native: 1}")).vlan == Vlan(trunk=frozenset((10,)), native=1)


def test_a_network_that_shares_a_subnet_with_an_earlier_one_has_no_router_in_it() -> None:
    text = "networks:\n- {name: n, subnets: [10.0.0.0/16]}\n- {name: m, subnets: [10.0.9.0/24]}\n"
    loaded = parse(text)
    first, second = loaded.configuration.networks
    assert (first.mode, second.mode, second.gateway, second.masquerade) == ("bridge", "none", (), False)
    warning = "10.0.9.0/24 overlaps 10.0.0.0/16 of network n: there is no router in m, as in mode none"
    assert loaded.warnings == (f"f.yaml:3: networks[1]: {warning}",)
    assert parse(text.replace("10.0.9.0/24]", "10.0.9.0/24], mode: none")).warnings == ()
    assert mistakes(text.replace("10.0.9.0/24]", "10.0.9.0/24], mode: routed")) == [
        (
            "3: networks[1].subnets: expected subnets that no other network has, in mode routed, "
            "found 10.0.9.0/24, which overlaps 10.0.0.0/16 of network n"
        )
    ]


def test_what_would_be_unsafe_to_ignore_is_refused() -> None:
    text = """
networks:
  - {name: o, mode: host}
"""
    assert mistakes(text) == [
        "3: networks[0].mode: expected bridge, overlay, routed or none (host is not in force yet), found 'host'",
    ]


def test_every_fields_mistake_is_told() -> None:
    text = "networks: [{name: n, masquerade: maybe}]\ntimeouts: {udp_s: 0}\nlimits: {flows: many}\nroutes: 5\n"
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "1: networks[0].masquerade",
        "2: timeouts.udp_s",
        "3: limits.flows",
        "4: routes",
    ]

"""Where a packet comes in and which MACs it has: those that the station which sends it would choose."""

import pytest

from control.config.allocate import derive_mac
from control.errors import UserError
from control.explain.packet import parse_packet
from control.explain.place import Place, answerer_of, place_packet
from control.fabric.interfaces import router_mac
from control.fabric.plan import Numbers, Plan, make_plan
from control.overlay.store import PeerStore
from tests.config.read import load

TEXT = """
node: n
networks:
  - {name: blue, subnets: [10.10.0.0/24, "fd00:10::/64"]}
  - {name: pods, mode: routed, subnets: [10.20.0.0/24]}
  - {name: plain, mode: none, subnets: [10.30.0.0/24]}
  - {name: red, mode: none, subnets: [10.40.0.0/24]}
ports:
  - {name: wan, pcap: {}}
  - {name: web, network: blue, pcap: {}, addresses: [10.10.0.2, "fd00:10::2"], mac: "02:00:00:00:00:02"}
  - {name: vm, network: blue, pcap: {}, addresses: 10.10.0.3}
  - {name: lan, network: blue, nic: {ifname: eth1}}
  - {name: pod, network: pods, pcap: {}, addresses: 10.20.0.2, mac: "02:00:00:00:00:04"}
  - {name: a, network: plain, pcap: {}, addresses: 10.30.0.2}
  - {name: b, network: plain, pcap: {}, addresses: 10.30.0.3, mac: "02:00:00:00:00:05"}
  - {name: t, network: red, pcap: {}, vlan: {trunk: [10, 20]}}
  - {name: u, network: red, pcap: {}, vlan: {trunk: [10], native: 20}}
uplink: {mode: port, port: wan, addresses: 192.0.2.10/24, gateway: 192.0.2.1}
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load(TEXT), Numbers())


def place(text: str, plan: Plan, in_port: str | None = None) -> Place:
    return place_packet(parse_packet(text), plan, in_port, PeerStore())


def station(address: str) -> str:
    return derive_mac("n", "explain", address).hex(":")


GATEWAY = router_mac("n", "blue").hex(":")
PODS = router_mac("n", "pods").hex(":")
OUTSIDE = router_mac("n", "").hex(":")

ROWS = {
    "to a neighbour": ("icmp 10.10.0.3 > 10.10.0.2", "vm", "02:00:00:00:00:02", "web"),
    "to a neighbour without a MAC": ("icmp 10.10.0.2 > 10.10.0.3", "web", station("10.10.0.3"), "vm"),
    "to nobody on the link": ("icmp 10.10.0.2 > 10.10.0.99", "web", station("10.10.0.99"), None),
    "to the gateway": ("icmp 10.10.0.2 > 10.10.0.1", "web", GATEWAY, None),
    "out": ("icmp fd00:10::2 > 2001:db8::1", "web", GATEWAY, None),
    "to another network": ("icmp 10.10.0.2 > 10.20.0.2", "web", GATEWAY, None),
    "from somebody unnamed": ("icmp 10.10.0.77 > 10.10.0.2", "lan", "02:00:00:00:00:02", "web"),
    "in a routed network": ("icmp 10.20.0.2 > 10.20.0.3", "pod", PODS, None),
    "in from outside": ("icmp 198.51.100.1 > 192.0.2.10", "wan", OUTSIDE, None),
    "where there is no router": ("icmp 10.30.0.2 > 10.30.0.3", "a", "02:00:00:00:00:05", "b"),
    "to a group": ("udp 10.10.0.2:1 > 224.0.0.251:5353", "web", "01:00:5e:00:00:fb", None),
    "to an IPv6 group": ("udp [fd00:10::2]:1 > [ff02::fb]:5353", "web", "33:33:00:00:00:fb", None),
    "to everybody": ("udp 10.10.0.2:68 > 255.255.255.255:67", "web", "ff:ff:ff:ff:ff:ff", None),
}


@pytest.mark.parametrize(("text", "port", "mac", "receiver"), ROWS.values(), ids=ROWS)
def test_a_packet_comes_in_where_its_source_is(
    text: str, port: str, mac: str, receiver: str | None, plan: Plan
) -> None:
    found = place(text, plan)
    assert (found.port.port.name, found.destination_mac.hex(":")) == (port, mac)
    assert (found.receiver.port.name if found.receiver else None) == receiver


def test_a_port_can_be_named_and_a_trunk_has_a_tag(plan: Plan) -> None:
    assert place("icmp 10.40.0.2 > 10.40.0.3", plan, "t").vlan == 10
    assert place("icmp 10.40.0.2 > 10.40.0.3 vlan=20", plan, "t").vlan == 20
    assert place("icmp 10.40.0.2 > 10.40.0.3", plan, "u").vlan is None


def test_what_nobody_states_is_assumed_aloud(plan: Plan) -> None:
    found = place("icmp 10.10.0.3 > 10.10.0.99", plan)
    assert found.assumed == (
        f"10.10.0.3 at port vm has the MAC {station('10.10.0.3')}: none is stated",
        "10.10.0.99 has a MAC that nobody has used yet: no port states the address",
    )
    assert place("icmp 198.51.100.1 > 192.0.2.10", plan).assumed == ()


@pytest.mark.parametrize(
    ("text", "in_port", "sentence"),
    [
        ("icmp 10.10.0.2 > 10.0.0.1", "eth9", "--in-port: expected one of the ports, wan, web, vm, "),
        ("icmp 10.20.0.9 > 10.20.0.2", None, "no port has the address 10.20.0.9: say where it comes in with --in-port"),
        ("icmp 10.40.0.9 > 10.20.0.2", None, "no port has the address 10.40.0.9: say where it comes in with --in-port"),
    ],
)
def test_what_nobody_can_tell_is_asked_for(text: str, in_port: str | None, sentence: str, plan: Plan) -> None:
    with pytest.raises(UserError) as error:
        place(text, plan, in_port)
    assert str(error.value).startswith(sentence)


def test_who_answers_is_who_has_the_address_or_can_only_be_there(plan: Plan) -> None:
    blue, wan = plan.ports["web"].native_domain, plan.ports["wan"].native_domain
    for address, domain, port in (("10.10.0.3", blue, "vm"), ("10.10.0.99", blue, "lan"), ("192.0.2.1", wan, "wan")):
        found = answerer_of(parse_packet(f"icmp {address} > {address}").source, domain, plan)
        assert found is not None
        assert found.port.name == port

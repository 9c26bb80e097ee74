"""What a configuration asks to be translated, as it reaches the tables of translation."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest

from control.errors import UserError
from control.fabric.translation import plan_translation
from control.model import Address, Configuration, Nat, Network, Port, Publish, Uplink
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from nat.build import NatPlan, Published, translates
from tests.configurations import port, switch
from tests.generate.routers import GATEWAYS, SMALL, UPLINKS

BLUE = Network("blue", subnets=(ip_network("10.10.0.0/24"), ip_network("fd00:10::/64")))
OUT = port("out", "", endpoint=False)
WEB4, WEB6 = ip_interface("10.10.0.2/24"), ip_interface("fd00:10::2/64")
FOREIGN = ip_address("198.51.100.1")


def number(address: Address | str) -> int:
    address = ip_address(address)
    return int(address) | (0xFFFF << 32 if address.version == 4 else 0)


OUTSIDE4, OUTSIDE6 = (number(interface.ip) for interface in UPLINKS)


def node(*ports: Port, mode: Any = "port", network: Network = BLUE, **fields: Any) -> Configuration:
    uplink = Uplink(mode, UPLINKS, GATEWAYS, "out")
    made = {"networks": (network,), "limits": SMALL, "uplink": uplink} | fields
    return replace(switch([*ports, OUT]), **made)


def web(*publish: Publish, addresses: tuple[Any, ...] = (WEB4, WEB6)) -> Port:
    return port("web", addresses=addresses, publish=publish)


def test_nothing_is_translated_where_nobody_asks() -> None:
    assert not translates(plan_translation(node(web())))
    alone = node(web(Publish(80, 80, 80)), network=replace(BLUE, masquerade=True), uplink=None)
    assert plan_translation(alone) == NatPlan()


def test_whoever_masquerades_has_all_addresses_of_the_uplink() -> None:
    plan = plan_translation(node(web(), network=replace(BLUE, masquerade=True)))
    assert plan == NatPlan(sources=(OUTSIDE4, OUTSIDE6))


def test_published_ports_lead_to_the_ports_addresses_family_by_family() -> None:
    publish = (Publish(8080, 8089, 80), Publish(53, 53, 53, "udp"), Publish(9, 9, 10, "sctp"))
    plan = plan_translation(node(web(*publish)))
    inside4, inside6 = number(WEB4.ip), number(WEB6.ip)
    assert plan.published == (
        Published(PROTOCOL_TCP, 8080, 8089, (OUTSIDE4,), inside4, 80),
        Published(PROTOCOL_TCP, 8080, 8089, (OUTSIDE6,), inside6, 80),
        Published(PROTOCOL_UDP, 53, 53, (OUTSIDE4,), inside4, 53),
        Published(PROTOCOL_UDP, 53, 53, (OUTSIDE6,), inside6, 53),
        Published(PROTOCOL_SCTP, 9, 9, (OUTSIDE4,), inside4, 10),
        Published(PROTOCOL_SCTP, 9, 9, (OUTSIDE6,), inside6, 10),
    )
    assert plan.sources == (OUTSIDE4, OUTSIDE6), "who comes back to its own network is translated"


def test_a_port_with_one_family_is_published_there_alone() -> None:
    plan = plan_translation(node(web(Publish(80, 80, 80), addresses=(WEB6,))))
    assert [each.outside for each in plan.published] == [(OUTSIDE6,)]


def test_a_host_address_narrows_where_a_port_is_published() -> None:
    second = ip_interface("192.0.2.11/24")
    two = Uplink("port", (*UPLINKS, second), GATEWAYS, "out")
    plan = plan_translation(node(web(Publish(80, 80, 80, host=second.ip)), uplink=two))
    assert [each.outside for each in plan.published] == [(number(second.ip),)]
    both = plan_translation(node(web(Publish(80, 80, 80)), uplink=two))
    assert [each.outside for each in both.published] == [(OUTSIDE4, number(second.ip)), (OUTSIDE6,)]


def test_an_address_that_the_uplink_does_not_have_is_refused() -> None:
    with pytest.raises(UserError, match=r"port web: publish: expected an address of the uplink .*198\.51\.100\.1"):
        plan_translation(node(web(Publish(80, 80, 80, host=FOREIGN))))


def test_an_uplink_that_waits_for_its_addresses_publishes_nothing_yet() -> None:
    waiting = Uplink("nic", port="out", ifname="eth0")
    plan = plan_translation(node(web(Publish(80, 80, 80)), network=replace(BLUE, masquerade=True), uplink=waiting))
    assert plan == NatPlan()


def test_a_host_uplink_has_its_own_addresses_for_the_hosts() -> None:
    plan = plan_translation(node(web(Publish(80, 80, 80, host=ip_address("127.0.0.1"))), mode="host"))
    assert [(each.outside, each.inside) for each in plan.published] == [((OUTSIDE4,), number(WEB4.ip))]


def test_static_pairs_and_mappings_are_as_written() -> None:
    pairs = ((ip_address("192.0.2.99"), WEB4.ip), (ip_address("2001:db8::99"), WEB6.ip))
    plan = plan_translation(node(web(), nat=Nat(True, pairs)))
    assert plan.static == tuple((number(outside), number(inside)) for outside, inside in pairs)
    assert (plan.endpoint_independent, plan.sources) == (True, (OUTSIDE4, OUTSIDE6))

"""One port for a running fabric: the same fields, rules and defaults as in the file."""

import pytest

from control.config import ConfigurationError, parse_port
from control.model import Pcap, Publish, Tap
from tests.config.read import load, ports

RUNNING = load(ports("name: a, network: blue, tap: {netns: a, ifname: eth0}") + "limits: {macs_per_port: 9}\n")


def refused(mapping: object) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        parse_port(mapping, RUNNING, "attach")
    return list(error.value.mistakes)


def test_a_port_gets_what_it_would_in_the_file() -> None:
    mapping = {"name": "b", "network": "blue", "tap": {"netns": "b", "ifname": "eth0", "make_netns": True}}
    port = parse_port(mapping, RUNNING)
    assert [str(address) for address in port.addresses] == ["10.10.0.3/24", "fd00:10::3/64"]
    assert (port.attachment, port.endpoint, port.spoof_check, port.max_macs) == (Tap("eth0", "b", True), True, True, 9)
    in_a_file = load(
        ports(
            "name: a, network: blue, tap: {netns: a, ifname: eth0}",
            "name: b, network: blue, tap: {netns: b, ifname: eth0, make_netns: true}",
        )
        + "limits: {macs_per_port: 9}\n"
    )
    assert in_a_file.ports == (*RUNNING.ports, port)


def test_null_counts_as_not_written_and_pcap_needs_nothing() -> None:
    port = parse_port({"name": "b", "network": "blue", "pcap": None, "tap": None, "addresses": None}, RUNNING)
    assert (port.attachment, port.addresses) == (Pcap(), ())


def test_every_mistake_is_told_without_a_line() -> None:
    mac = RUNNING.ports[0].mac.hex(":")
    assert refused({"name": "a", "network": "bleu", "tap": {"netns": "a", "ifname": "eth0"}, "mtu": 9}) == [
        (
            "attach: mtu: expected one of the fields name, network, tap, nic, pcap, vlan, addresses, mac, "
            "namespace, labels, "
            "named_ports, publish, spoof_check, endpoint, hairpin, storm, static_macs, max_macs, group, found 'mtu'"
        ),
        "attach: network: expected a network that is known (did you mean blue?), found 'bleu'",
        "attach: name: expected a name that nothing else has, found a, which the port a has",
        (
            "attach: tap.ifname: expected an interface that nothing else has, found eth0 in namespace a, "
            "which the port a has"
        ),
    ]
    assert refused({"name": "b", "network": "blue", "pcap": {}, "mac": mac, "addresses": ["10.10.0.2"]}) == [
        ("attach: addresses[0]: expected an address that nothing else has, found 10.10.0.2, which the port a has"),
        f"attach: mac: expected a MAC that nothing else has, found {mac}, which the port a has",
    ]


def test_publishing_needs_an_uplink() -> None:
    mapping = {"name": "b", "network": "blue", "pcap": {}, "addresses": "10.10.0.9", "publish": ["80:80"]}
    assert refused(mapping) == ["attach: publish[0]: expected an uplink to publish at, found none"]
    with_uplink = load(ports("name: a, network: blue, pcap: ") + "uplink: {mode: host}\n")
    assert parse_port(mapping, with_uplink).publish == (Publish(80, 80, 80),)


def test_a_port_that_is_attached_is_never_the_uplink() -> None:
    running = load(ports("name: wan, pcap: ") + "uplink: {mode: port, port: wan, addresses: 192.0.2.1/24}\n")
    with pytest.raises(ConfigurationError) as error:
        parse_port({"name": "wan", "pcap": {}}, running, "attach")
    assert list(error.value.mistakes) == [
        "attach: network: expected one of the networks blue, found nothing",
        "attach: name: expected a name that nothing else has, found wan, which the port wan has",
    ]


@pytest.mark.parametrize("mapping", [None, [], "b", 5, {5: 6}, {"name": ["b"]}, {"name": {}, "tap": [{}]}, {}])
def test_anything_else_is_refused(mapping: object) -> None:
    assert refused(mapping)

"""Mistakes in addresses and MACs: rows of a file and every line said of it."""

import pytest

from tests.config.phrases import ADDRESS, SUBNETS
from tests.config.read import mistakes, port, ports

A, B = "name: a, network: blue", "name: b, network: blue"

ROWS = {
    "address that is none": (
        port("pcap: , addresses: [10.10.0.256, 7, 'fe80::1%eth0', 10.10.0.2/33]"),
        f"3: ports[0].addresses[0]: expected {ADDRESS}, found '10.10.0.256'",
        f"3: ports[0].addresses[1]: expected {ADDRESS}, found the number 7",
        f"3: ports[0].addresses[2]: expected {ADDRESS}, found 'fe80::1%eth0'",
        f"3: ports[0].addresses[3]: expected {ADDRESS}, found '10.10.0.2/33'",
    ),
    "address outside every subnet": (
        port("pcap: , addresses: [10.10.1.2, 'fd00:11::2']"),
        f"3: ports[0].addresses[0]: expected an address in {SUBNETS}, found 10.10.1.2",
        f"3: ports[0].addresses[1]: expected an address in {SUBNETS}, found fd00:11::2",
    ),
    "address in a network without subnets": (
        "networks: [{name: n}]\nports:\n- {name: p, network: n, pcap: , addresses: 10.0.0.2}\n",
        "3: ports[0].addresses[0]: expected an address in a subnet (there is none) of network n, found 10.0.0.2",
    ),
    "gateway's address": (
        port("pcap: , addresses: [10.10.0.1]"),
        "3: ports[0].addresses[0]: expected an address other than network blue's gateway, found 10.10.0.1",
    ),
    "network and broadcast address": (
        port("pcap: , addresses: [10.10.0.0, 10.10.0.255, 'fd00:10::']"),
        "3: ports[0].addresses[0]: expected a host's address in 10.10.0.0/24, found 10.10.0.0, its network address",
        "3: ports[0].addresses[1]: expected a host's address in 10.10.0.0/24, found 10.10.0.255, its broadcast address",
        (
            "3: ports[0].addresses[2]: expected a host's address in fd00:10::/64, "
            "found fd00:10::, its routers' anycast address"
        ),
    ),
    "address with another length than its subnet's": (
        port("pcap: , addresses: [10.10.0.2/16]"),
        "3: ports[0].addresses[0]: expected 10.10.0.2 alone or with /24, as its subnet has, found 10.10.0.2/16",
    ),
    "address used twice": (
        ports(f"{A}, pcap: , addresses: [10.10.0.2]", f"{B}, pcap: , addresses: [10.10.0.3, 10.10.0.2]"),
        (
            "4: ports[1].addresses[1]: expected an address that nothing else has, "
            "found 10.10.0.2, which port a (line 3) has"
        ),
    ),
    "address twice at one port": (
        port("pcap: , addresses: [10.10.0.2, 10.10.0.2/24]"),
        "3: ports[0].addresses[1]: expected an address that nothing else has, found 10.10.0.2, again",
    ),
    "MAC that is none": (
        port("pcap: , mac: 02:00:00:00:00"),
        "3: ports[0].mac: expected a MAC such as 02:00:00:00:00:02, found '02:00:00:00:00'",
    ),
    "MAC with mixed separators": (
        port("pcap: , mac: 02:00-00:00-00:02"),
        "3: ports[0].mac: expected a MAC such as 02:00:00:00:00:02, found '02:00-00:00-00:02'",
    ),
    "multicast MAC": (
        port("pcap: , mac: 01:00:5e:00:00:01"),
        (
            "3: ports[0].mac: expected a unicast MAC, found 01:00:5e:00:00:01, a group address "
            "(lowest bit of the first byte is 1)"
        ),
    ),
    "zero MAC": (
        port("pcap: , mac: 00:00:00:00:00:00"),
        "3: ports[0].mac: expected a MAC other than zero, found '00:00:00:00:00:00'",
    ),
    "MAC used twice": (
        ports(f"{A}, pcap: , mac: 02:00:00:00:00:0a", f"{B}, pcap: , mac: 02-00-00-00-00-0A"),
        "4: ports[1].mac: expected a MAC that nothing else has, found 02:00:00:00:00:0a, which port a (line 3) has",
    ),
    "static MAC that is another port's own": (
        ports(f"{A}, pcap: , mac: 02:00:00:00:00:0a", f"{B}, pcap: , static_macs: [02:00:00:00:00:0a]"),
        (
            "4: ports[1].static_macs[0]: expected a MAC that nothing else has, found 02:00:00:00:00:0a, "
            "which port a (line 3) has"
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected

"""Mistakes in the file and in its networks: rows of a file and every line said of it."""

import pytest

from tests.config.phrases import NAME, SUBNET
from tests.config.read import mistakes


def network(fields: str) -> str:
    return f"networks:\n- {{name: n, {fields}}}\n"


ROWS = {
    "unknown field": ("prots: []\n", "1: prots: expected a field that is known (did you mean ports?), found 'prots'"),
    "unknown field, nothing near": (
        "networks: []\nxyzzy: 1\n",
        (
            "2: xyzzy: expected one of the fields node, workers, networks, ports, timeouts, limits, uplink, "
            "routes, nat, overlay, "
            "manifests, found 'xyzzy'"
        ),
    ),
    "node is not a name": ("node: 'a b'\n", f"1: node: expected {NAME}, found 'a b'"),
    "no workers": ("workers: 0\n", "1: workers: expected a whole number from 1 to 4, found the number 0"),
    "too many workers": ("workers: 5\n", "1: workers: expected a whole number from 1 to 4, found the number 5"),
    "workers as text": ("workers: '2'\n", "1: workers: expected a whole number from 1 to 4, found '2'"),
    "workers as a fraction": (
        "workers: 1.5\n",
        "1: workers: expected a whole number from 1 to 4, found the number 1.5",
    ),
    "workers as a boolean": ("workers: true\n", "1: workers: expected a whole number from 1 to 4, found true"),
    "workers beyond counting": (
        f"workers: {'9' * 5000}\n",
        f"1: workers: expected a whole number from 1 to 4, found '{'9' * 58}…",
    ),
    "ports is no list": ("ports: {a: 1}\n", "1: ports: expected a list, found a mapping"),
    "a port is no mapping": ("ports: [5]\n", "1: ports[0]: expected a mapping, found the number 5"),
    "a network left empty": ("networks:\n-\n", "2: networks[0]: expected a mapping, found nothing"),
    "ageing of nothing": (
        "timeouts: {fdb_s: 0}\n",
        "1: timeouts.fdb_s: expected a whole number from 1 to 1000000, found the number 0",
    ),
    "limits below and above": (
        "limits:\n  fdb: 0\n  macs_per_port: 9999999\n",
        "2: limits.fdb: expected a whole number from 1 to 4194304, found the number 0",
        "3: limits.macs_per_port: expected a whole number from 1 to 4194304, found the number 9999999",
    ),
    "limits is no mapping": ("limits: 5\n", "1: limits: expected a mapping, found the number 5"),
    "network without a name": ("networks:\n- {icc: true}\n", f"2: networks[0].name: expected {NAME}, found nothing"),
    "network name twice": (
        "networks:\n- {name: n}\n- {name: n}\n",
        "3: networks[1].name: expected a name no other network has, found n, which is taken on line 2",
    ),
    "yes is no boolean": (network("icc: yes"), "2: networks[0].icc: expected true or false, found 'yes'"),
    "unknown mode": (
        network("mode: brigde"),
        "2: networks[0].mode: expected bridge, overlay, routed or none, found 'brigde'",
    ),
    "host bits": (
        network("subnets: [10.10.0.5/24]"),
        (
            "2: networks[0].subnets[0]: expected a subnet without host bits, "
            "found 10.10.0.5/24 (its subnet is 10.10.0.0/24)"
        ),
    ),
    "host bits of IPv6": (
        network("subnets: ['fd00::1/64']"),
        "2: networks[0].subnets[0]: expected a subnet without host bits, found fd00::1/64 (its subnet is fd00::/64)",
    ),
    "subnet without a length": (
        network("subnets: 10.10.0.0"),
        f"2: networks[0].subnets[0]: expected {SUBNET}, found '10.10.0.0'",
    ),
    "subnet of too great a length": (
        network("subnets: [10.10.0.0/33]"),
        f"2: networks[0].subnets[0]: expected {SUBNET}, found '10.10.0.0/33'",
    ),
    "subnet with a netmask": (
        network("subnets: [10.10.0.0/255.255.255.0]"),
        f"2: networks[0].subnets[0]: expected {SUBNET}, found '10.10.0.0/255.255.255.0'",
    ),
    "multicast subnet": (
        network("subnets: [239.0.0.0/8]"),
        (
            "2: networks[0].subnets[0]: expected a subnet of unicast addresses, found 239.0.0.0/8, which overlaps "
            "224.0.0.0/4 (multicast)"
        ),
    ),
    "subnets that overlap": (
        network("subnets: [10.10.0.0/16, 10.10.4.0/24]"),
        (
            "2: networks[0].subnets[1]: expected subnets that do not overlap, "
            "found 10.10.4.0/24, which overlaps 10.10.0.0/16"
        ),
    ),
    "gateway outside": (
        network("subnets: [10.10.0.0/24], gateway: 10.11.0.1"),
        "2: networks[0].gateway[0]: expected an address in 10.10.0.0/24, found 10.11.0.1",
    ),
    "gateway without a subnet": (
        network("gateway: [10.11.0.1]"),
        "2: networks[0].gateway[0]: expected an address in a subnet (there is none), found 10.11.0.1",
    ),
    "gateway with a length": (
        network("subnets: [10.10.0.0/24], gateway: [10.10.0.1/24]"),
        "2: networks[0].gateway[0]: expected an address without a prefix length, found '10.10.0.1/24'",
    ),
    "gateway at the network address": (
        network("subnets: [10.10.0.0/24], gateway: [10.10.0.0]"),
        "2: networks[0].gateway[0]: expected a host's address in 10.10.0.0/24, found 10.10.0.0, its network address",
    ),
    "two gateways in a subnet": (
        network("subnets: [10.10.0.0/24], gateway: [10.10.0.1, 10.10.0.2]"),
        "2: networks[0].gateway[1]: expected one gateway a subnet, found 10.10.0.2 beside 10.10.0.1 in 10.10.0.0/24",
    ),
    "gateway in a network without one": (
        network("mode: none, subnets: [10.10.0.0/24], gateway: [10.10.0.1]"),
        "2: networks[0].gateway: expected no gateway in a network of mode none, found 10.10.0.1",
    ),
    "mtu too great": (
        network("mtu: 9216"),
        "2: networks[0].mtu: expected a whole number from 68 to 9198, found the number 9216",
    ),
    "mtu too small for IPv6": (
        network("mtu: 1279, subnets: ['fd00::/64']"),
        (
            "2: networks[0].mtu: expected at least 1280 in a network with an IPv6 subnet (RFC 8200 section 5), "
            "found the number 1279"
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected

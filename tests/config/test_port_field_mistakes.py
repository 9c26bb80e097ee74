"""Mistakes in VLANs, storm limits, labels and the like: rows of a file and every line said of it."""

import pytest

from tests.config.phrases import VLANS
from tests.config.read import mistakes, port

ROWS = {
    "VLAN that is none": (
        port("pcap: , vlan: {access: 4095}"),
        "3: ports[0].vlan.access: expected a VLAN from 1 to 4094, found the number 4095",
    ),
    "VLANs in a trunk that are none": (
        port("pcap: , vlan: {trunk: [0, 4095, '9-5', '1-5000', x]}"),
        f"3: ports[0].vlan.trunk[0]: expected {VLANS}, found the number 0",
        f"3: ports[0].vlan.trunk[1]: expected {VLANS}, found the number 4095",
        f"3: ports[0].vlan.trunk[2]: expected {VLANS}, found '9-5'",
        f"3: ports[0].vlan.trunk[3]: expected {VLANS}, found '1-5000'",
        f"3: ports[0].vlan.trunk[4]: expected {VLANS}, found 'x'",
    ),
    "access and trunk": (
        port("pcap: , vlan: {access: 1, trunk: [2]}"),
        "3: ports[0].vlan: expected either access or trunk, found both",
    ),
    "neither access nor trunk": (
        port("pcap: , vlan: {native: 1}"),
        "3: ports[0].vlan: expected access or trunk, found neither",
    ),
    "native beside access": (
        port("pcap: , vlan: {access: 1, native: 2}"),
        "3: ports[0].vlan.native: expected native beside trunk only, found 2 beside access",
    ),
    "trunk of nothing": (
        port("pcap: , vlan: {trunk: []}"),
        "3: ports[0].vlan.trunk: expected at least one VLAN, found an empty list",
    ),
    "field of a field that is unknown": (
        port("pcap: , vlan: {acces: 1}"),
        "3: ports[0].vlan.acces: expected a field that is known (did you mean access?), found 'acces'",
    ),
    "storm limits of nothing": (
        port("pcap: , storm: {broadcast: 0, multicast: -1, unknown_unicast: many}"),
        "3: ports[0].storm.broadcast: expected a whole number from 1 to 10000000, found the number 0",
        "3: ports[0].storm.multicast: expected a whole number from 1 to 10000000, found the number -1",
        "3: ports[0].storm.unknown_unicast: expected a whole number from 1 to 10000000, found 'many'",
    ),
    "fewer MACs than none": (
        port("pcap: , max_macs: -1"),
        "3: ports[0].max_macs: expected a whole number from 0 to 4194304, found the number -1",
    ),
    "namespace with capitals": (
        port("pcap: , namespace: Prod"),
        (
            "3: ports[0].namespace: expected a namespace of 1 to 63 lower-case letters, digits and '-', "
            "with a letter or digit "
            "at both ends, found 'Prod'"
        ),
    ),
    "labels that Kubernetes refuses": (
        port("pcap: , labels: {-a: x, a.example/b/c: x, tier: 1, app: 'a b'}"),
        (
            "3: ports[0].labels.-a: expected a label's name such as app or example.com/tier (at most 63 "
            "characters behind the "
            "'/'), found '-a'"
        ),
        (
            "3: ports[0].labels['a.example/b/c']: expected a label's name such as app or example.com/tier (at most 63 "
            "characters behind the '/'), found 'a.example/b/c'"
        ),
        (
            "3: ports[0].labels.tier: expected a label's value: text of at most 63 letters, digits, '.', '_' and '-' "
            "(quote numbers), found the number 1"
        ),
        (
            "3: ports[0].labels.app: expected a label's value: text of at most 63 letters, digits, '.', '_' and '-' "
            "(quote numbers), found 'a b'"
        ),
    ),
    "named ports that Kubernetes refuses": (
        port("pcap: , named_ports: {HTTP: 80/tcp, http: 80, dns: 53/xdp, high: 65536/udp}"),
        (
            "3: ports[0].named_ports.HTTP: expected a port's name: at most 15 lower-case letters, digits "
            "and single '-', with "
            "a letter in it, found 'HTTP'"
        ),
        (
            "3: ports[0].named_ports.http: expected a port from 1 to 65535 and its protocol (tcp, udp or "
            "sctp), such as 80/tcp, "
            "found the number 80"
        ),
        (
            "3: ports[0].named_ports.dns: expected a port from 1 to 65535 and its protocol (tcp, udp or "
            "sctp), such as 80/tcp, "
            "found '53/xdp'"
        ),
        (
            "3: ports[0].named_ports.high: expected a port from 1 to 65535 and its protocol (tcp, udp or "
            "sctp), such as 80/tcp, "
            "found '65536/udp'"
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected

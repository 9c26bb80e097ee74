"""Wrong files and what is said about them: a row is a file and every line of the answer, without the file's name."""

import pytest

from tests.config.read import BLUE, mistakes, port, ports

NAME = "a name of 1 to 63 letters, digits, '.', '_' and '-' that starts with a letter or digit"
IFNAME = "an interface name of 1 to 15 printable characters without blanks, '/', ':' and '%'"
NETNS = "a network namespace's name, or an absolute path such as /proc/1234/ns/net"
ADDRESS = "an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2"
SUBNET = "a subnet such as 10.10.0.0/24 or fd00:10::/64"
VLANS = 'a VLAN from 1 to 4094, or a range such as "100-199"'
SUBNETS = "10.10.0.0/24 or fd00:10::/64 of network blue"
A, B = "name: a, network: blue", "name: b, network: blue"


def network(fields: str) -> str:
    return f"networks:\n- {{name: n, {fields}}}\n"


ROWS = {
    # The whole file
    "unknown field": ("prots: []\n", "1: prots: expected a field that is known (did you mean ports?), found 'prots'"),
    "unknown field, nothing near": (
        "networks: []\nxyzzy: 1\n",
        (
            "2: xyzzy: expected one of the fields node, workers, networks, ports, timeouts, limits, uplink, "
            "routes, overlay, "
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
    # Networks
    "network without a name": ("networks:\n- {icc: true}\n", f"2: networks[0].name: expected {NAME}, found nothing"),
    "network name twice": (
        "networks:\n- {name: n}\n- {name: n}\n",
        "3: networks[1].name: expected a name no other network has, found n, which is taken on line 2",
    ),
    "yes is no boolean": (network("icc: yes"), "2: networks[0].icc: expected true or false, found 'yes'"),
    "unknown mode": (network("mode: brigde"), "2: networks[0].mode: expected bridge or none, found 'brigde'"),
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
    # Ports: what they are called, and how they are attached
    "port without anything": (
        ports(""),
        f"3: ports[0].name: expected {NAME}, found nothing",
        f"3: ports[0].network: expected {NAME}, found nothing",
        "3: ports[0]: expected one of tap, nic and pcap, found none of them",
    ),
    "port name twice": (
        ports(f"{A}, pcap: {{}}", f"{A}, pcap: {{}}"),
        "4: ports[1].name: expected a name that nothing else has, found a, which port a (line 3) has",
    ),
    "port name too long": (
        ports(f"name: {'x' * 64}, network: blue, pcap: "),
        f"3: ports[0].name: expected {NAME}, found '{'x' * 58}…",
    ),
    "unknown network, one near": (
        ports("name: a, network: bleu, pcap: "),
        "3: ports[0].network: expected a network that is known (did you mean blue?), found 'bleu'",
    ),
    "unknown network": (
        ports("name: a, network: red, pcap: "),
        "3: ports[0].network: expected one of the networks blue, found 'red'",
    ),
    "no networks at all": (
        "ports:\n- {name: a, network: red, pcap: }\n",
        "2: ports[0].network: expected a network of the file (it has none), found 'red'",
    ),
    "two attachments": (
        port("pcap: {}, tap: {ifname: t0}"),
        "3: ports[0]: expected one of tap, nic and pcap, found tap, pcap",
    ),
    "three attachments, one of them wrong": (
        port("pcap: {}, tap: {}, nic: {ifname: e0}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found nothing",
        "3: ports[0]: expected one of tap, nic and pcap, found tap, nic, pcap",
    ),
    "tap left empty": (
        BLUE + "ports:\n- name: p\n  network: blue\n  tap:\n",
        "3: ports[0]: expected one of tap, nic and pcap, found none of them",
    ),
    "pcap with something in it": (
        port("pcap: {file: x}"),
        "3: ports[0].pcap.file: expected an empty mapping, found 'file'",
    ),
    "interface name too long": (
        port("tap: {ifname: sixteen-letters-}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found 'sixteen-letters-' (16 characters)",
    ),
    "interface name with a slash": (
        port("nic: {ifname: a/b}"),
        f"3: ports[0].nic.ifname: expected {IFNAME}, found 'a/b'",
    ),
    "interface name that is a template": (
        port("tap: {ifname: 'tap%d'}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found 'tap%d'",
    ),
    "interface of Linux itself": (
        port("tap: {ifname: lo}"),
        "3: ports[0].tap.ifname: expected an interface name that Linux does not keep for itself, found 'lo'",
    ),
    "namespace that is a relative path": (
        port("tap: {ifname: t0, netns: run/netns/x}"),
        f"3: ports[0].tap.netns: expected {NETNS}, found 'run/netns/x'",
    ),
    "namespace to make, without a name": (
        port("tap: {ifname: t0, make_netns: true}"),
        "3: ports[0].tap.make_netns: expected netns beside it, found none",
    ),
    "namespace to make, at a path": (
        port("tap: {ifname: t0, netns: /proc/1/ns/net, make_netns: true}"),
        "3: ports[0].tap.make_netns: expected a netns that is a name, not a path, found '/proc/1/ns/net'",
    ),
    "interface twice in a namespace, written in two ways": (
        ports(f"{A}, tap: {{netns: x, ifname: e}}", f"{B}, tap: {{netns: /run/netns/x, ifname: e}}"),
        (
            "4: ports[1].tap.ifname: expected an interface that nothing else has, found e in namespace /run/netns/x, "
            "which port a (line 3) has"
        ),
    ),
    "interface twice, tap and nic": (
        ports(f"{A}, tap: {{ifname: e}}", f"{B}, nic: {{ifname: e}}"),
        "4: ports[1].nic.ifname: expected an interface that nothing else has, found e, which port a (line 3) has",
    ),
    # Ports: addresses and MACs
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
    # Ports: VLANs, storms and the rest
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
        "3: ports[0].storm.broadcast: expected a whole number from 1 to 1000000000, found the number 0",
        "3: ports[0].storm.multicast: expected a whole number from 1 to 1000000000, found the number -1",
        "3: ports[0].storm.unknown_unicast: expected a whole number from 1 to 1000000000, found 'many'",
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


def test_mistakes_of_every_kind_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """
workers: 9
networks:
  - name: blue
    subnets: [10.10.0.0/24, 10.20.0.1/24]
  - {name: red, subnets: [10.30.0.0/30], icc: on}
ports:
  - {name: web, network: blue, pcap: {}, mac: "zero"}
  - {name: web, network: red, pcap: {}, addresses: [10.99.0.2]}
  - {name: one, network: red, tap: {netns: one, ifname: eth0}}
  - {name: two, network: red, tap: {netns: two, ifname: eth0}}
timeout: {}
"""
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "2: workers",
        "5: networks[0].subnets[1]",
        "6: networks[1].icc",
        "8: ports[0].mac",
        "9: ports[1].addresses[0]",
        "9: ports[1].name",
        "11: ports[3].addresses",
        "12: timeout",
    ]


def test_a_mistake_is_not_blamed_on_others() -> None:
    """A network or a port that is wrong in itself causes no further mistakes at those who refer to it."""
    text = """
networks:
  - {name: "a b", subnets: [10.10.0.0/24]}
  - {name: blue, subnets: [10.20.0.1/24]}
ports:
  - {name: p, network: red, pcap: {}}
  - {name: q, network: blue, pcap: {}, addresses: [10.20.0.2]}
  - {name: r, network: blue, tap: {ifname: 5}}
"""
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "3: networks[0].name",
        "4: networks[1].subnets[0]",
        "8: ports[2].tap.ifname",
    ]

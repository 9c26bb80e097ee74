"""The model as JSON: stable names, in the words of the file, and readable as one."""

import json
from ipaddress import ip_address
from typing import Any

from control.config import parse_port, render_configuration, render_port
from control.config.render import publish_text, vlan_ranges
from control.model import Publish
from tests.config.read import find, load

TEXT = """
node: n1
networks: [{name: blue, subnets: [10.10.0.0/24]}]
ports:
  - {name: web, network: blue, tap: {netns: web, ifname: eth0, make_netns: true}, mac: "02:00:00:00:00:02",
     labels: {app: web}, named_ports: {http: 80/tcp}}
  - {name: t1, network: blue, pcap: {}, vlan: {trunk: [10, "20-29"], native: 1}, static_macs: ["02:00:00:00:00:03"]}
  - {name: a1, network: blue, nic: {ifname: eth1}, vlan: {access: 10}, storm: {broadcast: 5}}
"""

BY_DEFAULT = {
    "labels": {},
    "named_ports": {},
    "namespace": "default",
    "hairpin": False,
    "vlan": None,
    "storm": {"broadcast": None, "multicast": None, "unknown_unicast": None},
    "static_macs": [],
    "max_macs": 1024,
    "publish": [],
    "group": 0,
}


def test_a_configuration_is_rendered_with_every_default() -> None:
    rendered = render_configuration(load(TEXT))
    assert json.loads(json.dumps(rendered)) == {
        "node": "n1",
        "workers": 1,
        "networks": [
            {
                "name": "blue",
                "mode": "bridge",
                "subnets": ["10.10.0.0/24"],
                "gateway": ["10.10.0.1"],
                "masquerade": True,
                "internal": False,
                "icc": True,
                "mtu": 1500,
                "vni": None,
                "inner_vlan": None,
            }
        ],
        "ports": [
            BY_DEFAULT
            | {
                "name": "web",
                "network": "blue",
                "kind": "tap",
                "tap": {"ifname": "eth0", "netns": "web", "make_netns": True, "offloads": True},
                "addresses": ["10.10.0.2/24"],
                "mac": "02:00:00:00:00:02",
                "mac_known": True,
                "labels": {"app": "web"},
                "named_ports": {"http": "80/tcp"},
                "endpoint": True,
                "spoof_check": True,
            },
            BY_DEFAULT
            | {
                "name": "t1",
                "network": "blue",
                "kind": "pcap",
                "pcap": {},
                "addresses": [],
                "mac": None,
                "mac_known": False,
                "endpoint": False,
                "spoof_check": False,
                "vlan": {"trunk": [10, "20-29"], "native": 1},
                "static_macs": ["02:00:00:00:00:03"],
            },
            BY_DEFAULT
            | {
                "name": "a1",
                "network": "blue",
                "kind": "nic",
                "nic": {"ifname": "eth1"},
                "addresses": [],
                "mac": None,
                "mac_known": False,
                "endpoint": False,
                "spoof_check": False,
                "vlan": {"access": 10},
                "storm": {"broadcast": 5, "multicast": None, "unknown_unicast": None},
            },
        ],
        "uplink": None,
        "overlay": None,
        "routes": [],
        "nat": {"endpoint_independent": False, "static": []},
        "timeouts": {
            "fdb_s": 300,
            "tcp_syn_sent_s": 120,
            "tcp_syn_received_s": 60,
            "tcp_established_s": 432_000,
            "tcp_fin_wait_s": 120,
            "tcp_close_wait_s": 60,
            "tcp_last_ack_s": 30,
            "tcp_time_wait_s": 120,
            "tcp_close_s": 10,
            "udp_s": 30,
            "udp_stream_s": 120,
            "icmp_s": 30,
            "sctp_s": 30,
            "sctp_established_s": 210,
            "generic_s": 600,
            "fragment_s": 30,
            "neighbour_s": 30,
        },
        "limits": {
            "fdb": 65536,
            "macs_per_port": 1024,
            "flows": 1_048_576,
            "neighbours": 16_384,
            "routes": 65_536,
            "fragments": 1024,
        },
        "manifests": None,
    }


def test_a_rendered_port_can_be_attached_again() -> None:
    configuration = load(TEXT)
    empty = load("networks: [{name: blue, subnets: [10.10.0.0/24]}]\n")
    for name in ("web", "t1", "a1"):
        port = find(configuration, name)
        written = {field: value for field, value in render_port(port).items() if field not in ("kind", "mac_known")}
        assert parse_port(written, empty) == port


ROUTER = """
networks: [{name: blue, subnets: [10.10.0.0/24]}]
ports:
  - {name: wan, pcap: {}}
  - {name: web, network: blue, pcap: {}, addresses: 10.10.0.2, publish: ["8080:80", "192.0.2.1:90-92:1090-1092/udp"]}
uplink: {mode: port, port: wan, addresses: [192.0.2.1/24], gateway: 192.0.2.2}
routes:
  - {to: 10.20.0.0/16, via: [10.10.0.3, {address: 10.10.0.4, weight: 2}]}
  - {to: 10.30.0.0/16, network: blue}
  - {to: 10.40.0.0/16, blackhole: true}
nat: {endpoint_independent: true, static: [{outside: 192.0.2.9, inside: 10.10.0.9}]}
"""


def test_the_routers_fields_are_rendered_as_the_file_writes_them() -> None:
    rendered: dict[str, Any] = render_configuration(load(ROUTER))
    assert [port["network"] for port in rendered["ports"]] == [None, "blue"]
    assert rendered["ports"][1]["publish"] == ["8080:80/tcp", "192.0.2.1:90-92:1090-1092/udp"]
    addresses = {"addresses": ["192.0.2.1/24"], "gateway": ["192.0.2.2"]}
    assert rendered["uplink"] == addresses | {"mode": "port", "port": "wan", "ifname": None, "mtu": 1500}
    hops = [{"address": "10.10.0.3", "weight": 1}, {"address": "10.10.0.4", "weight": 2}]
    assert rendered["routes"] == [
        {"to": "10.20.0.0/16", "via": hops, "network": None, "blackhole": None},
        {"to": "10.30.0.0/16", "via": None, "network": "blue", "blackhole": None},
        {"to": "10.40.0.0/16", "via": None, "network": None, "blackhole": True},
    ]
    pairs = [{"outside": "192.0.2.9", "inside": "10.10.0.9"}]
    assert rendered["nat"] == {"endpoint_independent": True, "static": pairs}


def test_an_ipv6_address_to_publish_at_stands_in_brackets() -> None:
    publish = Publish(80, 81, 8080, "tcp", ip_address("2001:db8::1"))
    assert publish_text(publish) == "[2001:db8::1]:80-81:8080-8081/tcp"


def test_vlans_are_written_as_ranges() -> None:
    assert vlan_ranges(frozenset()) == []
    assert vlan_ranges(frozenset((7,))) == [7]
    assert vlan_ranges(frozenset((1, 2, 3, 7, 9, 10))) == ["1-3", 7, "9-10"]
    assert vlan_ranges(frozenset(range(1, 4095))) == ["1-4094"]

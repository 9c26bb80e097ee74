"""The model as JSON: stable names, in the words of the file, and readable as one."""

import json

from control.config import parse_port, render_configuration, render_port
from control.config.render import vlan_ranges
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
                "internal": False,
                "icc": True,
                "mtu": 1500,
            }
        ],
        "ports": [
            BY_DEFAULT
            | {
                "name": "web",
                "network": "blue",
                "kind": "tap",
                "tap": {"ifname": "eth0", "netns": "web", "make_netns": True},
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
        "timeouts": {"fdb_s": 300},
        "limits": {"fdb": 65536, "macs_per_port": 1024},
    }


def test_a_rendered_port_can_be_attached_again() -> None:
    configuration = load(TEXT)
    empty = load("networks: [{name: blue, subnets: [10.10.0.0/24]}]\n")
    for name in ("web", "t1", "a1"):
        port = find(configuration, name)
        written = {field: value for field, value in render_port(port).items() if field not in ("kind", "mac_known")}
        assert parse_port(written, empty) == port


def test_vlans_are_written_as_ranges() -> None:
    assert vlan_ranges(frozenset()) == []
    assert vlan_ranges(frozenset((7,))) == [7]
    assert vlan_ranges(frozenset((1, 2, 3, 7, 9, 10))) == ["1-3", 7, "9-10"]
    assert vlan_ranges(frozenset(range(1, 4095))) == ["1-4094"]

"""What is wrong with an overlay and its peers: every mistake, where it stands."""

import pytest

from tests.config.overlays import RED, endpoint, peers
from tests.config.read import mistakes

UPLINK = "uplink: {mode: host}\n"
NIC = "uplink: {mode: nic, ifname: eth0, addresses: 192.0.2.1/24}\n"
ROWS = {
    "no overlay": (RED, "1: networks[0].mode: expected an `overlay` section beside mode overlay, found none"),
    "no VNI": (
        "networks: [{name: n, mode: overlay}]\noverlay: {address: 192.0.2.1}\n",
        "1: networks[0].vni: expected a VNI in mode overlay, found nothing",
    ),
    "what only an overlay network has": (
        "networks: [{name: n, vni: 5, inner_vlan: keep}]\n",
        "1: networks[0].vni: expected vni in mode overlay only, found 5 in mode bridge",
        "1: networks[0].inner_vlan: expected inner_vlan in mode overlay only, found keep in mode bridge",
    ),
    "VNIs that are none, or taken": (
        (
            "networks:\n- {name: a, mode: overlay, vni: 7}\n- {name: b, mode: overlay, vni: 7}\n"
            "- {name: c, mode: overlay, vni: 16777216}\noverlay: {address: 192.0.2.1}\n"
        ),
        "3: networks[1].vni: expected a VNI that no other network has, found 7, which is taken on line 2",
        "4: networks[2].vni: expected a whole number from 0 to 16777215, found the number 16777216",
    ),
    "subnets of another network": (
        (
            "networks:\n- {name: a, subnets: 10.0.0.0/8}\n- {name: b, mode: overlay, vni: 7, subnets: 10.1.0.0/16}\n"
            "overlay: {address: 192.0.2.1}\n"
        ),
        (
            "3: networks[1].subnets: expected subnets that no other network has, in mode overlay, "
            "found 10.1.0.0/16, which overlaps 10.0.0.0/8 of network a"
        ),
    ),
    "an underlay too small for IPv6": (
        RED + "overlay: {address: 192.0.2.1, mtu: 1300}\n",
        (
            "1: networks[0].mtu: expected an underlay MTU of 1330 for a network with an IPv6 subnet "
            "(RFC 8200 section 5), found 1300, which leaves 1250"
        ),
    ),
    "a port that reads VLANs": (
        RED + "overlay: {address: 192.0.2.1}\nports: [{name: p, network: red, pcap: , vlan: {access: 5}}]\n",
        "3: ports[0].vlan: expected a port that reads no VLANs in an overlay network, found red",
    ),
    "a port by the tunnel's name": (
        RED + "overlay: {address: 192.0.2.1}\nports: [{name: overlay, network: red, pcap: }]\n",
        ("3: ports[0].name: expected a name that nothing else has, found overlay, which the tunnel to other nodes has"),
    ),
    "values": (
        (
            "overlay: {address: here, port: 0, transport: tcp, learning: 1, checksum: 2, "
            "ttl: 256, dscp: 64, gbp: x, mtu: 9}"
        ),
        "1: overlay.address: expected an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2, found 'here'",
        "1: overlay.port: expected a whole number from 1 to 65535, found the number 0",
        "1: overlay.transport: expected socket or raw, found 'tcp'",
        "1: overlay.learning: expected true or false, found the number 1",
        "1: overlay.checksum: expected true or false, found the number 2",
        "1: overlay.ttl: expected a whole number from 1 to 255, found the number 256",
        "1: overlay.dscp: expected inherit, or a whole number from 0 to 63, found the number 64",
        "1: overlay.gbp: expected true or false, found 'x'",
        "1: overlay.mtu: expected a whole number from 68 to 65535, found the number 9",
    ),
    "no address": ("overlay: {}\n", "1: overlay.address: expected this node's own address, found nothing"),
    "an address of many": (
        "overlay: {address: 224.0.0.5}\n",
        "1: overlay.address: expected a unicast address, found 224.0.0.5, which is multicast",
    ),
    "parts of our own that are none": (
        (
            "networks:\n- {name: red, mode: overlay, vni: 200, subnets: 10.20.0.0/16}\n"
            "- {name: b, subnets: 10.9.0.0/16}\n"
            "overlay:\n  address: 192.0.2.1\n  subnets:\n  - 10.20.1.0/24\n  - 10.20.1.128/25\n  - 10.9.0.0/24\n"
        ),
        (
            "8: overlay.subnets[1]: expected subnets that do not overlap, "
            "found 10.20.1.128/25, which overlaps 10.20.1.0/24"
        ),
        "9: overlay.subnets[2]: expected a subnet within one of an overlay network, found 10.9.0.0/24",
    ),
    "a peer in a part of our own": (
        peers("{node: a, address: 192.0.2.2, subnets: 10.20.1.128/25}", more=", subnets: 10.20.1.0/24"),
        (
            "3: overlay.peers[0].subnets[0]: expected a subnet that is not this node's own, "
            "found 10.20.1.128/25, which overlaps our 10.20.1.0/24"
        ),
    ),
    "no address left in parts of our own": (
        peers(more=", subnets: [10.20.1.0/32, 10.20.1.8/32, 'fd00:20:0:1::/64']")
        + "".join(f"- {{name: p{n}, network: red, tap: {{netns: p{n}, ifname: e}}}}\n" for n in range(3)).join(
            ("ports:\n", "")
        ),
        (
            "8: ports[2].addresses: expected a free address in 10.20.1.0/32 or 10.20.1.8/32 of network red, "
            "found all of them taken"
        ),
    ),
    "raw without an uplink": (
        "overlay: {address: 192.0.2.1, transport: raw}\n",
        "1: overlay.transport: expected an uplink of mode nic or port for transport raw, found no uplink",
    ),
    "raw behind the host": (
        UPLINK + "overlay: {address: 192.0.2.1, transport: raw}\n",
        "2: overlay.transport: expected an uplink of mode nic or port for transport raw, found an uplink of mode host",
    ),
    "raw from another's address": (
        NIC + "overlay: {address: 192.0.2.7, transport: raw}\n",
        "2: overlay.address: expected one of the uplink's addresses, 192.0.2.1, in transport raw, found 192.0.2.7",
    ),
    "raw before DHCP has answered": (
        "uplink: {mode: nic, ifname: eth0}\noverlay: {transport: raw}\n",
        "2: overlay.address: expected the address that the uplink will have, found nothing",
    ),
    "raw frames larger than the uplink's": (
        NIC + "overlay: {transport: raw, mtu: 1501}\n",
        "2: overlay.mtu: expected at most 1500, as the uplink has, found the number 1501",
    ),
    "a group of one": (
        "overlay: {address: 192.0.2.1, group: 192.0.2.9, group_interface: eth0}\n",
        "1: overlay.group: expected a multicast address, found 192.0.2.9",
    ),
    "a group of the other family": (
        "overlay: {address: 192.0.2.1, group: 'ff02::5', group_interface: eth0}\n",
        "1: overlay.group: expected an IPv4 address, as 192.0.2.1 is, found ff02::5",
    ),
    "a group and nowhere to join it": (
        "overlay: {address: 192.0.2.1, group: 239.0.0.5}\n",
        "1: overlay.group_interface: expected the interface at which to join the group, found nothing",
    ),
    "an interface without a group": (
        "overlay: {address: 192.0.2.1, group_interface: eth0}\n",
        "1: overlay.group_interface: expected group beside it, found none",
    ),
    "an interface beside the uplink": (
        NIC + "overlay: {transport: raw, group: 239.0.0.5, group_interface: eth1}\n",
        "2: overlay.group_interface: expected no interface but the uplink in transport raw, found eth1",
    ),
    "peers that say too little": (
        peers("{}", "5"),
        (
            "3: overlay.peers[0].node: expected a name of 1 to 63 letters, digits, '.', '_' and '-' "
            "that starts with a letter or digit, found nothing"
        ),
        "3: overlay.peers[0].address: expected an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2, found nothing",
        "4: overlay.peers[1]: expected a mapping, found the number 5",
    ),
    "a peer that is this node": (
        peers("{node: node1, address: 192.0.2.2}"),
        "3: overlay.peers[0].node: expected another node's name, found node1, our own",
    ),
    "peers at addresses that cannot be": (
        peers("{node: a, address: 192.0.2.1}", "{node: b, address: '2001:db8::1'}", "{node: c, address: 239.0.0.1}"),
        "3: overlay.peers[0].address: expected another node's address, found 192.0.2.1, our own",
        "4: overlay.peers[1].address: expected an IPv4 address, as 192.0.2.1 is, found 2001:db8::1",
        "5: overlay.peers[2].address: expected a node's unicast address, found 239.0.0.1",
    ),
    "two peers that have the same": (
        peers(
            "{node: a, address: 192.0.2.2, subnets: 10.20.2.0/24, "
            "endpoints: [{network: red, address: 10.20.9.9, mac: '02:00:00:00:00:09'}]}",
            "{node: a, address: 192.0.2.2, subnets: 10.20.2.128/25, "
            "endpoints: [{network: red, address: 10.20.9.9, mac: '02:00:00:00:00:09'}]}",
        ),
        "4: overlay.peers[1].node: expected a name that no other peer has, found a",
        "4: overlay.peers[1].address: expected an address that no other peer has, found 192.0.2.2, which a has",
        (
            "4: overlay.peers[1].subnets[0]: expected a subnet that overlaps no other peer's, "
            "found 10.20.2.128/25, which overlaps 10.20.2.0/24 of a"
        ),
        (
            "4: overlay.peers[1].endpoints[0].address: expected an address that nothing else has, "
            "found 10.20.9.9, which a has"
        ),
        (
            "4: overlay.peers[1].endpoints[0].mac: expected a MAC that nothing else has, "
            "found 02:00:00:00:00:09, which a has"
        ),
    ),
    "a peer that says something twice": (
        peers(
            "{node: a, address: 192.0.2.2, subnets: [10.20.2.0/24, 10.20.2.0/25], endpoints: ["
            "{network: red, address: 10.20.9.9, mac: '02:00:00:00:00:09'}, "
            "{network: red, address: 10.20.9.9}, {network: red, address: 10.20.9.8, mac: '02:00:00:00:00:09'}]}"
        ),
        (
            "3: overlay.peers[0].subnets[1]: expected subnets that do not overlap, "
            "found 10.20.2.0/25, which overlaps 10.20.2.0/24"
        ),
        (
            "3: overlay.peers[0].endpoints[1].address: expected an address that nothing else has, "
            "found 10.20.9.9, which another endpoint of the peer has"
        ),
        (
            "3: overlay.peers[0].endpoints[2].mac: expected a MAC that nothing else has, "
            "found 02:00:00:00:00:09, which another endpoint of the peer has"
        ),
    ),
    "a subnet of no network": (
        peers("{node: a, address: 192.0.2.2, subnets: [10.21.0.0/24, 10.0.0.0/12]}"),
        (
            "3: overlay.peers[0].subnets[0]: expected a subnet within one of an overlay or a routed network, "
            "found 10.21.0.0/24"
        ),
        (
            "3: overlay.peers[0].subnets[1]: expected a subnet within one of an overlay or a routed network, "
            "found 10.0.0.0/12"
        ),
    ),
    "a network that the peer is not in": (
        peers(
            "{node: a, address: 192.0.2.2, networks: [blue, lost], subnets: 10.20.2.0/24, "
            "endpoints: [{network: red, address: 10.20.2.2}]}"
        ).replace("}]\n", "}, {name: blue, mode: overlay, vni: 9}]\n", 1),
        "3: overlay.peers[0].networks[1]: expected an overlay network, found lost, which there is none of",
        (
            "3: overlay.peers[0].subnets[0]: expected a subnet of the peer's networks, blue, lost, "
            "found 10.20.2.0/24, of red"
        ),
        "3: overlay.peers[0].endpoints[0].network: expected one of the peer's networks, blue, lost, found red",
    ),
    "endpoints nowhere": (
        endpoint("network: lost, address: 10.20.2.2"),
        "3: overlay.peers[0].endpoints[0].network: expected an overlay network, found lost, which there is none of",
    ),
    "endpoints on a network of this node alone": (
        endpoint("network: red, address: 10.20.2.2").replace("mode: overlay, vni: 200", "mode: routed"),
        "3: overlay.peers[0].endpoints[0].network: expected an overlay network, found red, of mode routed",
    ),
    "endpoints outside": (
        endpoint("network: red, address: 10.21.2.2"),
        (
            "3: overlay.peers[0].endpoints[0].address: "
            "expected an address in 10.20.0.0/16 or fd00:20::/48 of network red, found 10.21.2.2"
        ),
    ),
    "an endpoint that is the gateway": (
        endpoint("network: red, address: 10.20.0.1"),
        (
            "3: overlay.peers[0].endpoints[0].address: expected an address other than network red's gateway, "
            "found 10.20.0.1"
        ),
    ),
    "an endpoint that is all of them": (
        endpoint("network: red, address: 10.20.255.255"),
        "3: overlay.peers[0].endpoints[0].address: expected a host's address in 10.20.0.0/16, found 10.20.255.255",
    ),
    "ports with what is a peer's": (
        peers(
            "{node: a, address: 192.0.2.2, subnets: 10.20.2.0/24, "
            "endpoints: [{network: red, address: 10.20.9.9, mac: '02:00:00:00:00:09'}]}"
        )
        + "ports:\n- {name: p, network: red, pcap: , addresses: [10.20.2.2, 10.20.9.9], mac: '02:00:00:00:00:09'}\n",
        (
            "6: ports[0].addresses[0]: expected an address that no peer has, "
            "found 10.20.2.2, which peer 10.20.2.0/24 of a has"
        ),
        "6: ports[0].addresses[1]: expected an address that no peer has, found 10.20.9.9, which peer a has",
        "6: ports[0].mac: expected a MAC that no peer has, found 02:00:00:00:00:09, which peer a has",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_mistakes_of_the_overlay_are_told_beside_those_of_its_peers_and_ports() -> None:
    text = peers("{node: a, address: 192.0.2.2, subnets: 10.99.0.0/24}", more=", ttl: 0")
    text += "ports: [{name: p, network: red}]\n"
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "2: overlay.ttl",
        "3: overlay.peers[0].subnets[0]",
        "5: ports[0]",
    ]

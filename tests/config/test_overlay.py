"""The overlay and its peers: defaults, and what fits together."""

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from control.config import parse_port, render_configuration
from control.config.render import render_overlay
from control.config.underlay import UnderlayMtus
from control.errors import ConfigurationError
from control.model import Configuration, Overlay, Peer, Port, RemoteEndpoint, Vtep
from control.overlay.claims import OwnPorts, PeerClaims
from tests.config.overlays import RED, peers
from tests.config.read import addresses, find, load, mistakes, parse

NODE2 = "{node: node2, address: 192.0.2.2, subnets: 10.20.2.0/24}"


def overlay_of(text: str) -> Overlay:
    overlay = load(text).overlay
    assert overlay is not None
    return overlay


def test_what_an_overlay_does_not_state() -> None:
    assert overlay_of(RED + "overlay: {address: 192.0.2.1}\n") == Overlay(
        address=ip_address("192.0.2.1"),
        port=4789,
        transport="socket",
        learning=False,
        group=None,
        group_interface="",
        checksum=True,
        ttl=64,
        dscp=None,
        gbp=False,
        mtu=1500,
        peers=(),
    )


def test_outer_checksums_are_written_but_in_raw_frames_over_ipv4() -> None:
    assert overlay_of("overlay: {address: '2001:db8::1'}\n").checksum
    assert overlay_of("overlay: {address: 192.0.2.1}\n").checksum
    assert not overlay_of("overlay: {address: 192.0.2.1, checksum: false}\n").checksum
    assert not overlay_of("overlay: {address: '2001:db8::1', checksum: false}\n").checksum
    assert overlay_of("overlay: {address: 192.0.2.1, checksum: true}\n").checksum


def test_the_overlay_makes_the_port_that_stands_for_all_other_nodes() -> None:
    configuration = load("overlay: {address: 192.0.2.1, mtu: 9000}\n")
    assert configuration.ports == (Port("overlay", "", Vtep("socket"), endpoint=False),)
    assert configuration.mtu_of(configuration.ports[0]) == 9000


@pytest.mark.parametrize(
    ("overlay", "mtu"),
    [
        ("address: 192.0.2.1", 1450),
        ("address: '2001:db8::1'", 1430),
        ("address: 192.0.2.1, mtu: 9000", 8950),
        ("address: '2001:db8::1', mtu: 1350", 1280),
    ],
)
def test_the_networks_mtu_is_what_the_underlay_leaves(overlay: str, mtu: int) -> None:
    assert load(RED + f"overlay: {{{overlay}}}\n").network("red").mtu == mtu


NODE3 = "{node: node3, address: 192.0.2.3}"
GONE = "Network is unreachable"


def ways(told: dict[str, int | str]) -> UnderlayMtus:
    return lambda towards: [told[str(address)] for address in towards]


def test_the_underlays_mtu_is_the_least_of_the_ways_to_all_peers() -> None:
    underlay_mtus = ways({"192.0.2.2": 1500, "192.0.2.3": 1400, "192.0.2.1": 1340})
    configuration = load(peers(NODE2, NODE3), underlay_mtus=underlay_mtus)
    assert configuration.overlay is not None
    assert (configuration.overlay.mtu, configuration.network("red").mtu) == (1400, 1350)
    alone = load(peers(), underlay_mtus=underlay_mtus)
    assert alone.network("red").mtu == 1290


def test_where_no_way_is_the_mtu_in_force_stays() -> None:
    before = load(peers(NODE2), underlay_mtus=ways({"192.0.2.2": 1400}))
    loaded = parse(peers(NODE2), previous=before, underlay_mtus=ways({"192.0.2.2": GONE}))
    assert loaded.configuration == before
    assert loaded.warnings == (
        (
            "f.yaml:2: overlay.mtu: there is no way to 192.0.2.2 (Network is unreachable): "
            "the MTU is taken to be 1400, as before"
        ),
    )
    less = ways({"192.0.2.2": GONE, "192.0.2.3": 1340})
    assert load(peers(NODE2, NODE3), previous=before, underlay_mtus=less).network("red").mtu == 1290
    more = ways({"192.0.2.2": GONE, "192.0.2.3": 9000})
    assert load(peers(NODE2, NODE3), previous=before, underlay_mtus=more).network("red").mtu == 1350


def test_where_no_way_was_ever_known_it_is_a_mistake_and_with_others_a_warning() -> None:
    nowhere = ways({"192.0.2.2": GONE, "192.0.2.3": GONE})
    assert mistakes(peers(NODE2, NODE3), underlay_mtus=nowhere) == [
        (
            "2: overlay.mtu: expected an MTU, or a way to know it by (add a route), "
            "found no way to 192.0.2.2 (Network is unreachable) and 1 more"
        )
    ]
    loaded = parse(peers(NODE2, NODE3), underlay_mtus=ways({"192.0.2.2": GONE, "192.0.2.3": 1400}))
    assert loaded.configuration.network("red").mtu == 1350
    assert loaded.warnings == (
        (
            "f.yaml:2: overlay.mtu: there is no way to 192.0.2.2 (Network is unreachable): "
            "the MTU is that of the other ways, 1400"
        ),
    )


def test_where_nobody_can_know_the_ways_the_networks_are_believed() -> None:
    text = peers(NODE2).replace("vni", "mtu: 8950, vni")
    assert load(text, underlay_mtus=lambda _: ()) == load(text)


def test_a_written_mtu_is_believed_where_nobody_knows_the_underlays() -> None:
    text = RED.replace("vni", "mtu: 8950, vni") + "overlay: {address: 192.0.2.1}\n"
    configuration = load(text)
    assert configuration.overlay is not None
    assert (configuration.overlay.mtu, configuration.network("red").mtu) == (9000, 8950)
    assert mistakes(text, underlay_mtus=lambda towards: [1500] * len(towards)) == [
        (
            "1: networks[0].mtu: expected at most 1450, the 1500 of the underlay less VXLAN's headers, "
            "found the number 8950"
        )
    ]


def test_an_overlay_network_is_masqueraded_as_a_bridged_one_is() -> None:
    network = load(RED + "overlay: {address: 192.0.2.1}\n").network("red")
    assert (network.masquerade, network.inner_vlan, network.vni) == (True, "discard", 200)
    assert [str(gateway) for gateway in network.gateway] == ["10.20.0.1", "fd00:20::1"]


def test_a_peer_as_it_is_written() -> None:
    text = peers(
        "{node: node2, address: 192.0.2.2, subnets: [10.20.2.0/24, 'fd00:20:0:2::/64'], networks: red, lease_s: 30, "
        "endpoints: [{network: red, address: 10.20.7.9, mac: 02-00-00-00-07-09, namespace: shop, labels: {app: db}}, "
        "{network: red, address: 'fd00:20::7:9', mac: 02-00-00-00-07-09}, {network: red, address: 10.20.7.10}]}"
    )
    assert overlay_of(text).peers == (
        Peer(
            node="node2",
            address=ip_address("192.0.2.2"),
            subnets=(ip_network("10.20.2.0/24"), ip_network("fd00:20:0:2::/64")),
            endpoints=(
                RemoteEndpoint("red", ip_address("10.20.7.9"), b"\2\0\0\0\7\x09", "shop", (("app", "db"),)),
                RemoteEndpoint("red", ip_address("fd00:20::7:9"), b"\2\0\0\0\7\x09"),
                RemoteEndpoint("red", ip_address("10.20.7.10")),
            ),
            networks=("red",),
            lease_s=30,
        ),
    )


def test_the_next_free_addresses_are_those_that_no_peer_has() -> None:
    text = peers(
        "{node: node2, address: 192.0.2.2, subnets: [10.20.0.0/24, 'fd00:20::/64']}",
        "{node: node3, address: 192.0.2.3, subnets: 10.20.1.0/25, "
        "endpoints: [{network: red, address: 10.20.1.129}, {network: red, address: 'fd00:20:0:1::'}]}",
    )
    text += "ports:\n- {name: a, network: red, tap: {netns: a, ifname: e}}\n"
    text += "- {name: b, network: red, tap: {netns: b, ifname: e}, addresses: 10.20.1.128}\n"
    text += "- {name: c, network: red, tap: {netns: c, ifname: e}}\n"
    assert addresses(load(text)) == {
        "a": ["10.20.1.130/16", "fd00:20:0:1::1/48"],
        "b": ["10.20.1.128/16"],
        "c": ["10.20.1.131/16", "fd00:20:0:1::2/48"],
        "overlay": [],
    }


def test_a_port_gives_up_an_address_that_a_peer_has_got() -> None:
    port = "ports: [{name: a, network: red, tap: {netns: a, ifname: e}}]\n"
    before = load(RED + "overlay: {address: 192.0.2.1}\n" + port)
    assert addresses(before)["a"] == ["10.20.0.2/16", "fd00:20::2/48"]
    after = load(peers("{node: n, address: 192.0.2.2, subnets: 10.20.0.0/24}") + port, previous=before)
    assert addresses(after)["a"] == ["10.20.1.0/16", "fd00:20::2/48"]


TAPS = "ports:\n" + "".join(f"- {{name: {name}, network: red, tap: {{netns: {name}, ifname: e}}}}\n" for name in "ab")


def test_two_nodes_that_tell_their_parts_have_no_address_in_common() -> None:
    here = load(peers(NODE2, more=", subnets: [10.20.1.0/24, 'fd00:20:0:1::/64']") + TAPS)
    there = load(
        "node: node2\n"
        + peers(
            "{node: node1, address: 192.0.2.1, subnets: [10.20.1.0/24, 'fd00:20:0:1::/64']}",
            more=", subnets: [10.20.2.0/24, 'fd00:20:0:2::/64']",
        ).replace("{address: 192.0.2.1,", "{address: 192.0.2.2,")
        + TAPS
    )
    assert addresses(here) | {"overlay": []} == {
        "a": ["10.20.1.1/16", "fd00:20:0:1::1/48"],
        "b": ["10.20.1.2/16", "fd00:20:0:1::2/48"],
        "overlay": [],
    }
    held = [{address for each in addresses(node).values() for address in each} for node in (here, there)]
    assert len(held[0]) == len(held[1]) == 4
    assert held[0].isdisjoint(held[1])


PARTS = ", subnets: [10.20.0.2/31, 10.20.7.0/31]"


def test_parts_are_used_up_one_after_the_other_around_what_is_taken() -> None:
    text = peers("{node: n, address: 192.0.2.2, endpoints: [{network: red, address: 10.20.0.3}]}", more=PARTS)
    text += TAPS + "- {name: c, network: red, tap: {netns: c, ifname: e}, addresses: 10.20.7.1}\n"
    assert {name: each[:1] for name, each in addresses(load(text)).items()} == {
        "a": ["10.20.0.2/16"],
        "b": ["10.20.7.0/16"],
        "c": ["10.20.7.1/16"],
        "overlay": [],
    }


def test_who_hands_out_what_others_may_hand_out_is_warned() -> None:
    def warnings(text: str) -> tuple[str, ...]:
        return parse(text).warnings

    assert warnings(peers(NODE2) + TAPS) == (
        (
            "f.yaml:6: ports[0].addresses: other nodes may give away the same next free addresses of "
            "10.20.0.0/16 and fd00:20::/48: state them, or this node's part as overlay.subnets"
        ),
    )
    (partly,) = warnings(peers(NODE2, more=", subnets: 10.20.1.0/24") + TAPS)
    assert "next free addresses of fd00:20::/48:" in partly
    assert warnings(peers(NODE2, more=", subnets: [10.20.1.0/24, 'fd00:20:0:1::/64']") + TAPS) == ()
    assert warnings(peers(NODE2) + TAPS.replace("}}", "}, addresses: []}")) == ()
    assert warnings(peers() + TAPS) == ()


def test_a_part_of_our_own_that_a_fed_peer_has_is_refused() -> None:
    fed = replace(overlay_of(peers(NODE2)).peers[0], node="fed")
    assert mistakes(peers(more=", subnets: 10.20.0.0/22"), fed=[fed]) == [
        (
            "2: overlay.subnets[0]: expected a subnet that overlaps no peer's, "
            "found 10.20.0.0/22, which overlaps 10.20.2.0/24 of fed"
        )
    ]


def test_an_attached_port_gets_an_address_of_our_part() -> None:
    running = load(peers(NODE2, more=PARTS))
    assert running.overlay is not None
    claims = PeerClaims(OwnPorts((), running.overlay.subnets))
    tap = {"name": "b", "network": "red", "tap": {"netns": "b", "ifname": "e"}}
    assert str(parse_port(tap, running, elsewhere=claims).addresses[0]) == "10.20.0.2/16"


def test_raw_frames_leave_by_the_uplink_and_have_its_address_and_mtu() -> None:
    text = "uplink: {mode: nic, ifname: eth0, addresses: [192.0.2.1/24, 192.0.2.9/24], mtu: 9000}\n"
    overlay = overlay_of(text + "overlay: {transport: raw}\n")
    assert (str(overlay.address), overlay.mtu, overlay.transport) == ("192.0.2.1", 9000, "raw")
    assert not overlay.checksum
    assert str(overlay_of(text + "overlay: {transport: raw, address: 192.0.2.9}\n").address) == "192.0.2.9"
    leased = "uplink: {mode: nic, ifname: eth0}\noverlay: {transport: raw, address: 192.0.2.9}\n"
    assert str(overlay_of(leased).address) == "192.0.2.9"


def test_a_peer_may_have_a_part_of_a_routed_network() -> None:
    text = (
        "networks: [{name: lab, mode: routed, subnets: 10.30.0.0/16}]\n"
        "uplink: {mode: nic, ifname: eth0, addresses: 192.0.2.1/24}\n"
        "overlay: {address: 192.0.2.1, peers: [{node: n, address: 192.0.2.2, subnets: 10.30.2.0/24}]}\n"
    )
    assert mistakes(text) == []
    assert mistakes(text.replace("192.0.2.2", "198.51.100.2")) == [
        (
            "3: overlay.peers[0].subnets[0]: expected a peer on the uplink's link, for a subnet of a routed network, "
            "found 198.51.100.2 for 10.30.2.0/24, of routed network lab"
        )
    ]
    assert mistakes(text.replace("uplink: {mode: nic, ifname: eth0, addresses: 192.0.2.1/24}", "")) == [
        (
            "3: overlay.peers[0].subnets[0]: expected an uplink to send by, found 10.30.2.0/24, of routed network lab, "
            "and none"
        )
    ]


def test_an_attached_port_keeps_off_what_peers_have_and_peers_off_what_it_has() -> None:
    running = load(RED + "overlay: {address: 192.0.2.1}\n")
    port = parse_port({"name": "b", "network": "red", "pcap": {}, "addresses": "10.20.2.5"}, running)
    assert mistakes(peers(NODE2), attached=[port]) == [
        (
            "3: overlay.peers[0].subnets[0]: expected a subnet without addresses of our own, "
            "found 10.20.2.0/24, in which port b is"
        )
    ]
    claims = PeerClaims()
    claims.add(overlay_of(peers(NODE2)).peers[0])
    tap = {"name": "b", "network": "red", "tap": {"netns": "b", "ifname": "e"}, "addresses": "10.20.2.5"}
    with pytest.raises(ConfigurationError) as refused:
        parse_port(tap, running, elsewhere=claims)
    assert refused.value.mistakes == (
        (
            "port: addresses[0]: expected an address that no peer has, "
            "found 10.20.2.5, which peer 10.20.2.0/24 of node2 has"
        ),
    )


def test_what_fed_peers_have_no_other_peer_can_have() -> None:
    fed = replace(overlay_of(peers(NODE2)).peers[0], node="fed")
    assert mistakes(peers(NODE2), fed=[fed]) == [
        "3: overlay.peers[0].address: expected an address that no other peer has, found 192.0.2.2, which fed has",
        (
            "3: overlay.peers[0].subnets[0]: expected a subnet that overlaps no other peer's, "
            "found 10.20.2.0/24, which overlaps 10.20.2.0/24 of fed"
        ),
    ]


def test_a_new_file_must_still_reach_fed_peers() -> None:
    fed = replace(overlay_of(peers(NODE2)).peers[0], node="fed", subnets=())
    taken, other = "overlay: {address: 192.0.2.2}\n", "overlay: {address: '2001:db8::1'}\n"
    assert mistakes(taken, fed=[fed]) == [
        (
            "1: overlay.address: expected an address that no peer has, "
            "found 192.0.2.2, and peer fed, which was fed, at 192.0.2.2"
        )
    ]
    assert mistakes(other, fed=[fed]) == [
        "1: overlay.address: expected an IPv4 address, found 2001:db8::1, and peer fed, which was fed, at 192.0.2.2"
    ]


def test_a_rendered_overlay_reads_as_itself() -> None:
    text = peers(
        "{node: node2, address: 192.0.2.2, subnets: 10.20.2.0/24, networks: red, lease_s: 9, "
        "endpoints: [{network: red, address: 10.20.9.9, mac: '02:00:00:00:00:09', labels: {app: db}}]}",
        more=", subnets: 10.20.1.0/24, dscp: 46, gbp: true, group: 239.0.0.5, group_interface: eth0",
    )
    configuration = load(text)
    assert configuration.overlay is not None
    rendered = render_overlay(configuration.overlay)
    assert load(RED + "overlay: " + json.dumps(rendered) + "\n") == configuration
    assert render_configuration(configuration)["overlay"] == rendered


def test_a_port_has_a_group() -> None:
    configuration: Configuration = load(
        RED + "overlay: {address: 192.0.2.1, gbp: true}\nports: [{name: p, network: red, pcap: , group: 77}]\n"
    )
    assert find(configuration, "p").group == 77
    assert parse(RED + "overlay: {address: 192.0.2.1}\n").warnings == ()

"""The overlay: conversations between stations here and as many at other nodes, by frames of our own making (raw)."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import numpy as np

from control.bench.packets import udp4, words
from control.bench.routed import INSIDE, UPLINK, announce, make_fabric, pcap_port, router_mac, station_mac
from control.bench.routes import repeated
from control.bench.workload import Parameters, Workload, lay_out_frames
from control.fabric import Fabric
from control.model import TUNNEL, Overlay, Peer, Port, RemoteEndpoint, Vtep

PEERS = 16
FIRST_PEER = 0xC000_0264
OUTSIDE = 0xC000_020A
INSIDE_GATEWAY = 0x0A01_0001
FIRST_REMOTE, FIRST_LOCAL = 0x0A01_8000, 0x0A01_0100
VNI, UDP_PORT, FIRST_SOURCE_PORT = 100, 4789, 49152
OUTER_BYTES = 50
SOURCE_PORT, PORT = 4000, 5000
MOST_FLOWS = 0x7000
"""As many stations have an address of their own, here and elsewhere."""


def vxlan_encap(parameters: Parameters) -> Workload:
    """Return frames from stations here to endpoints at other nodes, of whom the agent has told."""
    fabric = prepared(parameters)
    flow = repeated(parameters.flows)
    headers = between(FIRST_LOCAL, FIRST_REMOTE, flow, parameters.frame_bytes)
    in_ports = np.full(len(flow), fabric.index_of("in"), np.uint16)
    peers = {FIRST_PEER + peer: station_mac(peer) for peer in range(PEERS)}
    opening = announce(fabric, "out", OUTSIDE, peers)
    return Workload("vxlan_encap", fabric, [lay_out_frames(headers, in_ports, parameters.frame_bytes)], opening)


def vxlan_decap(parameters: Parameters) -> Workload:
    """Return frames from those endpoints, wrapped, to stations here, which have been heard."""
    fabric = prepared(parameters)
    flow = repeated(parameters.flows)
    inner = between(FIRST_REMOTE, FIRST_LOCAL, flow, parameters.frame_bytes)
    headers = np.hstack([outer(fabric, flow % PEERS, parameters.frame_bytes), inner])
    in_ports = np.full(len(flow), fabric.index_of("out"), np.uint16)
    stations = range(FIRST_LOCAL, FIRST_LOCAL + min(parameters.flows, MOST_FLOWS))
    opening = announce(fabric, "in", INSIDE_GATEWAY, {station: mac_of(station) for station in stations})
    frames = lay_out_frames(headers, in_ports, OUTER_BYTES + parameters.frame_bytes)
    return Workload("vxlan_decap", fabric, [frames], opening)


def prepared(parameters: Parameters) -> Fabric:
    """Return a node with peers on the link of its uplink, which have the endpoints between them."""
    flows = min(parameters.flows, MOST_FLOWS)
    peers = tuple(
        Peer(
            f"node{peer}",
            ip_address(FIRST_PEER + peer),
            endpoints=tuple(
                RemoteEndpoint(INSIDE.name, ip_address(FIRST_REMOTE + number), mac_of(FIRST_REMOTE + number))
                for number in range(peer, flows, PEERS)
            ),
        )
        for peer in range(PEERS)
    )
    overlay = Overlay(ip_address(OUTSIDE), transport="raw", peers=peers)
    network = replace(INSIDE, mode="overlay", vni=VNI, mtu=overlay.inner_mtu, subnets=INSIDE.subnets[:1])
    network = replace(network, gateway=INSIDE.gateway[:1])
    ports = (pcap_port("in", "inside", max_macs=2 * flows), pcap_port("out", ""), Port(TUNNEL, "", Vtep("raw")))
    return make_fabric((network,), ports, parameters, uplink=UPLINK, overlay=overlay)


def mac_of(address: int) -> bytes:
    """Return the MAC of the station with an address."""
    return b"\x02\x00" + address.to_bytes(4, "big")


def between(sources: int, destinations: int, flow: Any, frame_bytes: int) -> Any:
    """Return headers of datagrams, of each flow from a station of its own to another of its own."""
    flow = flow % MOST_FLOWS
    ports = np.full(len(flow), SOURCE_PORT), np.full(len(flow), PORT)
    headers = udp4(bytes(12), sources + flow, destinations + flow, ports, frame_bytes)
    headers[:, 0] = headers[:, 6] = 2
    headers[:, 2:6], headers[:, 8:12] = words(destinations + flow, 4), words(sources + flow, 4)
    return headers


def outer(fabric: Fabric, peer: Any, frame_bytes: int) -> Any:
    """Return the outer headers of frames that peers send: uint8 of shape (count, 50)."""
    ports = FIRST_SOURCE_PORT + peer, np.full(len(peer), UDP_PORT)
    macs = router_mac(fabric, "") + station_mac(1)
    headers = udp4(macs, FIRST_PEER + peer, np.full(len(peer), OUTSIDE), ports, OUTER_BYTES + frame_bytes)
    headers[:, 40:42] = 0  # No checksum, as RFC 7348 has it.
    vxlan = b"\x08\0\0\0" + VNI.to_bytes(3, "big") + b"\0"
    return np.hstack([headers, np.broadcast_to(np.frombuffer(vxlan, np.uint8), (len(peer), 8))])

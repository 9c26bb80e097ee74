"""Address translation: conversations of UDP that leave by the uplink, come in by a published port, or all are new."""

from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import numpy as np

from control.bench.packets import udp4
from control.bench.routed import CALM, INSIDE, UPLINK, announce, make_fabric, pcap_port, router_mac, station_mac
from control.bench.routes import repeated
from control.bench.workload import Parameters, Workload, lay_out_frames
from control.fabric import Fabric
from control.model import Publish

SENDERS = 0x0A01_0002
PORTS_EACH = 16
FIRST_PORT = 1024
SERVERS = 0xC612_0001
SERVER_COUNT = 64
SERVER_PORT = 53
GATEWAY = 0xC000_0201
OUTSIDE = 0xC000_020A
INSIDE_GATEWAY = 0x0A01_0001
SERVER_INSIDE = 0x0A01_0002
PUBLISHED = 8080
CLIENTS = 0x6540_0000
CLIENT_PORTS = 16
EXPIRED_NS = 2_000_000_000


def snat(parameters: Parameters) -> Workload:
    """Return conversations from inside, masqueraded; all are established by the rounds that warm up."""
    return leaving("snat", prepared(parameters), parameters)


def snat_new(parameters: Parameters) -> Workload:
    """Return the same, each round so late that all its conversations are new: those of the round before are over."""
    fabric = prepared(parameters, timeouts=replace(CALM, udp_s=1, udp_stream_s=1))
    return replace(leaving("snat_new", fabric, parameters), round_ns=EXPIRED_NS)


def dnat(parameters: Parameters) -> Workload:
    """Return conversations of outside clients with a published port."""
    web = pcap_port(
        "in", "inside", addresses=(ip_interface("10.1.0.2/16"),), publish=(Publish(PUBLISHED, PUBLISHED, 80, "udp"),)
    )
    fabric = make_fabric((replace(INSIDE, masquerade=True),), (web, pcap_port("out", "")), parameters, uplink=UPLINK)
    flow = repeated(parameters.flows)
    client = CLIENTS + flow // CLIENT_PORTS
    ports = FIRST_PORT + flow % CLIENT_PORTS, np.full(len(flow), PUBLISHED)
    macs = router_mac(fabric, "") + station_mac(1)
    headers = udp4(macs, client, np.full(len(flow), OUTSIDE), ports, parameters.frame_bytes)
    in_ports = np.full(len(flow), fabric.index_of("out"), np.uint16)
    opening = announce(fabric, "in", INSIDE_GATEWAY, {SERVER_INSIDE: station_mac(2)})
    return Workload("dnat", fabric, [lay_out_frames(headers, in_ports, parameters.frame_bytes)], opening)


def prepared(parameters: Parameters, **more: Any) -> Fabric:
    """Return a router between a network that masquerades and the uplink."""
    ports = (pcap_port("in", "inside"), pcap_port("out", ""))
    return make_fabric((replace(INSIDE, masquerade=True),), ports, parameters, uplink=UPLINK, **more)


def leaving(name: str, fabric: Fabric, parameters: Parameters) -> Workload:
    """Return conversations from inside: some of each sender, to a few servers."""
    flow = repeated(parameters.flows)
    sender = SENDERS + flow // PORTS_EACH % 60_000
    ports = FIRST_PORT + flow // PORTS_EACH // 60_000 * PORTS_EACH + flow % PORTS_EACH, np.full(len(flow), SERVER_PORT)
    server = SERVERS + flow % SERVER_COUNT
    macs = router_mac(fabric, "inside") + station_mac(1)
    headers = udp4(macs, sender, server, ports, parameters.frame_bytes)
    in_ports = np.full(len(flow), fabric.index_of("in"), np.uint16)
    opening = announce(fabric, "out", OUTSIDE, {GATEWAY: station_mac(2)})
    return Workload(name, fabric, [lay_out_frames(headers, in_ports, parameters.frame_bytes)], opening)

"""What is common to workloads that are routed: two networks or an uplink, and stations that the router knows."""

from collections.abc import Sequence
from ipaddress import ip_interface, ip_network
from typing import Any

import numpy as np

from control.bench.packets import words
from control.bench.workload import Parameters, lay_out_frames
from control.fabric import Fabric
from control.fabric.interfaces import UPLINK_KEY, InterfaceKey
from control.model import Configuration, Limits, Network, Pcap, Port, Timeouts, Uplink

FOREVER_S = 1_000_000
CALM = Timeouts(fdb_s=FOREVER_S, neighbour_s=FOREVER_S)
"""What the router knows of its neighbours is not what is measured: it is taught once."""

INSIDE = Network(
    "inside",
    subnets=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")),
    gateway=(ip_interface("10.1.0.1/16").ip, ip_interface("fd00:1::1/64").ip),
)
BEYOND = Network(
    "beyond",
    subnets=(ip_network("10.2.0.0/16"), ip_network("fd00:2::/64")),
    gateway=(ip_interface("10.2.0.1/16").ip, ip_interface("fd00:2::1/64").ip),
)
UPLINK = Uplink(
    "port",
    addresses=(ip_interface("192.0.2.10/24"),),
    gateway=(ip_interface("192.0.2.1/24").ip,),
    port="out",
)


def station_mac(number: int) -> bytes:
    """Return the MAC of a station."""
    return b"\x02\x00\x00\x00" + number.to_bytes(2, "big")


def make_fabric(networks: Sequence[Network], ports: Sequence[Port], parameters: Parameters, **more: Any) -> Fabric:
    """Return a fabric with these in force and all links up."""
    wanted = max(4 * parameters.flows, 65536)
    limits = Limits(flows=wanted, routes=wanted, neighbours=4096)
    configuration = Configuration(
        "bench",
        workers=parameters.workers,
        networks=tuple(networks),
        ports=tuple(ports),
        limits=limits,
        **({"timeouts": CALM} | more),
    )
    fabric = Fabric(limits, parameters.workers, shared=parameters.workers > 1, seed=1)
    fabric.apply(configuration)
    for port in ports:
        fabric.set_link(port.name, up=True)
    return fabric


def router_mac(fabric: Fabric, network: str) -> bytes:
    """Return the router's MAC in a network, or at the uplink (``""``)."""
    key = InterfaceKey("network", network) if network else UPLINK_KEY
    return fabric.plan.interfaces[key].mac


def announce(fabric: Fabric, port: str, gateway: int, stations: dict[int, bytes]) -> tuple[Any, Any]:
    """Return the ARP requests by which stations, by address, ask for the router and so make themselves known."""
    rows = np.zeros((len(stations), 42), np.uint8)
    for row, (address, mac) in zip(rows, stations.items(), strict=True):
        message = b"\xff" * 6 + mac + b"\x08\x06" + b"\x00\x01\x08\x00\x06\x04\x00\x01" + mac
        row[:32] = np.frombuffer(message + address.to_bytes(4, "big"), np.uint8)
        row[38:42] = words(np.array([gateway]), 4)
    return lay_out_frames(rows, np.full(len(rows), fabric.index_of(port), np.uint16), 60)


def pcap_port(name: str, network: str, **more: Any) -> Port:
    """Return a port of a network."""
    return Port(name, network, Pcap(), endpoint=False, **more)

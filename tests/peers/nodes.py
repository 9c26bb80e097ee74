"""Other nodes as the tests of peers know them: node N has 10.20.N.0/24 of the network red, and endpoints there."""

from ipaddress import ip_address, ip_network
from typing import Any

from control.model import Peer, RemoteEndpoint


def endpoint(node: int, number: int, **fields: Any) -> RemoteEndpoint:
    """Return the endpoint 10.20.``node``.``number``, with a MAC that is made of both."""
    mac = bytes((2, 0, 0, 0, node, number))
    return RemoteEndpoint("red", ip_address(f"10.20.{node}.{number}"), **{"mac": mac} | fields)


def peer(node: int, *endpoints: RemoteEndpoint, **fields: Any) -> Peer:
    """Return the node ``nodeN`` at 192.0.2.N."""
    subnets = (ip_network(f"10.20.{node}.0/24"),)
    own = {"subnets": subnets, "endpoints": endpoints} | fields
    return Peer(f"node{node}", ip_address(f"192.0.2.{node}"), **own)

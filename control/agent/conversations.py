"""Conversations, routes and neighbours as documents of the API, and which conversations are meant. Reads but for
``kill_flows``."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from control.errors import UserError
from control.fabric import Fabric
from control.fabric.entries import FLOW_STATES, PROTOCOL_NAMES, FlowEntry, FlowTuple
from control.model import Address, Configuration, Subnet

Document = dict[str, Any]

CRITERIA = ("address", "port", "protocol", "state", "network", "number")
_MAX_PORT = 0xFFFF
_MAX_PROTOCOL = 0xFF


@dataclass(frozen=True)
class FlowFilter:
    """Which conversations: those with an end in ``address``, with ``port`` at an end, and so on; None is any.

    Both tuples count, so that a conversation is found by what is outside as well as by what is inside.
    """

    address: Subnet | None = None
    port: int | None = None
    protocol: str | None = None
    state: str | None = None
    network: str | None = None
    number: int | None = None

    @classmethod
    def of(cls, criteria: Mapping[str, str], configuration: Configuration) -> "FlowFilter":
        """Return the filter that the API's ``criteria`` ask for; UserError if they are wrong."""
        for name in criteria:
            if name not in CRITERIA:
                raise UserError(f"flows: expected {', '.join(CRITERIA)}, found {name}", status=2)
        network = criteria.get("network")
        if network is not None and all(each.name != network for each in configuration.networks):
            known = ", ".join(each.name for each in configuration.networks) or "none"
            raise UserError(f"network: expected one of the networks, {known}, found {network}", status=2)
        return cls(
            address=_subnet(criteria["address"]) if "address" in criteria else None,
            port=_whole("port", criteria["port"], _MAX_PORT) if "port" in criteria else None,
            protocol=_protocol(criteria["protocol"]) if "protocol" in criteria else None,
            state=_state(criteria["state"]) if "state" in criteria else None,
            network=network,
            number=_whole("number", criteria["number"], 1 << 32) if "number" in criteria else None,
        )

    def takes(self, flow: FlowEntry, networks: list[str]) -> bool:
        """Return whether a conversation between these networks is meant."""
        ends = (flow.original, flow.reply)
        return (
            (self.number is None or flow.number == self.number)
            and (self.protocol is None or flow.protocol == self.protocol)
            and (self.state is None or flow.state == self.state)
            and (self.network is None or self.network in networks)
            and (self.port is None or any(self.port in (end.source_port, end.destination_port) for end in ends))
            and (self.address is None or any(_touches(self.address, end) for end in ends))
        )


class Places:
    """Which network an address is in, by the subnets of a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        routed = (network for network in configuration.networks if network.mode != "none")
        subnets = [(subnet, network.name) for network in routed for subnet in network.subnets]
        self.network_of = lru_cache(1 << 16)(lambda address: _first_around(address, subnets))

    def of(self, flow: FlowEntry) -> list[str]:
        """Return the networks that a conversation's ends are in: of who began it, then of who answers."""
        found = (self.network_of(flow.original.source), self.network_of(flow.reply.source))
        return list(dict.fromkeys(network for network in found if network is not None))


def flows_document(fabric: Fabric, criteria: Mapping[str, str], limit: int) -> list[Document]:
    """Return the conversations that are meant, at most ``limit`` if that is not 0."""
    documents = []
    for flow, networks in _chosen(fabric, criteria):
        documents.append(flow_document(flow, networks))
        if len(documents) == limit:
            break
    return documents


def kill_flows(fabric: Fabric, criteria: Mapping[str, str]) -> Document:
    """End the conversations that are meant; return how many."""
    now_ns = time.monotonic_ns()
    if not criteria:
        return {"killed": fabric.flush_flows(now_ns)}
    return {"killed": sum(fabric.kill_flow(flow.number, now_ns) for flow, _ in _chosen(fabric, criteria))}


def flow_document(flow: FlowEntry, networks: list[str]) -> Document:
    """Return one conversation: its two tuples with what passed in each direction, and its times in seconds."""
    return {
        "number": flow.number,
        "protocol": flow.protocol,
        "state": flow.state,
        "networks": networks,
        "original": _direction(flow, 0),
        "reply": _direction(flow, 1),
        "assured": flow.assured,
        "age_s": round(flow.age_s, 1),
        "expires_s": round(flow.expires_s, 1),
    }


def routes_document(fabric: Fabric) -> list[Document]:
    """Return every route in force."""
    return [
        {
            "to": str(route.to),
            "kind": route.kind,
            "origin": route.origin,
            "hops": [
                {
                    "network": hop.network or None,
                    "port": hop.port or None,
                    "via": None if hop.via is None else str(hop.via),
                    "weight": hop.weight,
                    "peer": hop.peer or None,
                }
                for hop in route.hops
            ],
        }
        for route in fabric.routes()
    ]


def neighbours_document(fabric: Fabric) -> list[Document]:
    """Return everybody whom the router knows on its links."""
    return [
        {
            "address": str(entry.address),
            "network": entry.network,
            "port": entry.port or None,
            "mac": entry.mac or None,
            "state": entry.state,
            "age_s": round(entry.age_s, 1),
        }
        for entry in fabric.neighbours(time.monotonic_ns())
    ]


def flush_neighbours(fabric: Fabric, address: object) -> Document:
    """Forget who has an address, or all neighbours; return how many."""
    try:
        wanted = None if address is None else ip_address(str(address))
    except ValueError:
        raise UserError(f"address: expected one such as 10.10.0.2, found {address!r}", status=2) from None
    return {"flushed": fabric.forget_neighbours(wanted)}


def _chosen(fabric: Fabric, criteria: Mapping[str, str]) -> Iterator[tuple[FlowEntry, list[str]]]:
    wanted = FlowFilter.of(criteria, fabric.configuration)
    places = Places(fabric.configuration)
    for flow in fabric.flows(time.monotonic_ns()):
        networks = places.of(flow)
        if wanted.takes(flow, networks):
            yield flow, networks


def _direction(flow: FlowEntry, index: int) -> Document:
    ends = flow.reply if index else flow.original
    return {
        "source": str(ends.source),
        "source_port": ends.source_port,
        "destination": str(ends.destination),
        "destination_port": ends.destination_port,
        "packets": flow.packets[index],
        "bytes": flow.bytes[index],
    }


def _first_around(address: Address, subnets: list[tuple[Subnet, str]]) -> str | None:
    return next((name for subnet, name in subnets if subnet.version == address.version and address in subnet), None)


def _touches(subnet: Subnet, ends: FlowTuple) -> bool:
    return any(end.version == subnet.version and end in subnet for end in (ends.source, ends.destination))


def _subnet(text: str) -> Subnet:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise UserError(f"address: expected one such as 10.10.0.2 or fd00:10::/64, found {text!r}", status=2) from None


def _protocol(text: str) -> str:
    """Return a protocol as flows have it: a name, or a number that has none."""
    named = PROTOCOL_NAMES.values()
    if text.lower() in named:
        return text.lower()
    if not (text.isascii() and text.isdecimal()) or int(text[:4]) > _MAX_PROTOCOL:
        raise UserError(f"protocol: expected {', '.join(named)} or a number, found {text!r}", status=2)
    return PROTOCOL_NAMES.get(int(text), str(int(text)))


def _state(text: str) -> str:
    if text.lower() not in FLOW_STATES:
        raise UserError(f"state: expected one of {', '.join(FLOW_STATES)}, found {text!r}", status=2)
    return text.lower()


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:12]) > most:
        raise UserError(f"{name}: expected a whole number from 0 to {most}, found {text!r}", status=2)
    return int(text)

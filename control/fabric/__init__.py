"""One node's tables as the agent and replay hold them: desired state in, counters and what was learned out."""

from control.fabric.changes import Changes
from control.fabric.entries import FlowEntry, FlowTuple, NeighbourEntry, RouteEntry, RouteHop
from control.fabric.fabric import Fabric, FdbEntry, PortCounters

__all__ = [
    "Changes",
    "Fabric",
    "FdbEntry",
    "FlowEntry",
    "FlowTuple",
    "NeighbourEntry",
    "PortCounters",
    "RouteEntry",
    "RouteHop",
]

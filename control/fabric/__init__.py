"""One node's tables as the agent and replay hold them: desired state in, counters and learned addresses out."""

from control.fabric.fabric import Changes, Fabric, FdbEntry, PortCounters

__all__ = ["Changes", "Fabric", "FdbEntry", "PortCounters"]

"""What a replay counted, as the document that `--json` prints."""

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import Any

from control.fabric import PortCounters


@dataclass
class Summary:
    """``seconds`` is the time spent in the pipeline, ``load_seconds`` that of reading and indexing the inputs.

    ``last_ns`` is when the last frame came, on the captures' clock. ``entrances``: of ports that only stand for others,
    the one by which their frames come and go, and at which they count.
    """

    packets_in: int = 0
    bytes_in: int = 0
    last_ns: int = 0
    seconds: float = 0.0
    loaded_bytes: int = 0
    load_seconds: float = 0.0
    ports: dict[str, PortCounters] = field(default_factory=dict)
    drops: Counter[str] = field(default_factory=Counter)
    pcap_ports: dict[str, None] = field(default_factory=dict)
    entrances: dict[str, str] = field(default_factory=dict)

    def add(self, ports: dict[str, PortCounters], drops: dict[str, dict[str, int]]) -> None:
        """Add what ports have counted; those of one name are one port."""
        for name, counters in ports.items():
            at = self.entrances.get(name, name)
            if at != name:  # What came in here was counted as consumed there.
                counters = PortCounters(drops=counters.drops, consumed=counters.consumed - counters.rx_packets)
            self.ports[at] = add_counters(self.ports.get(at, PortCounters()), counters)
            self.drops.update(drops.get(name, {}))

    def as_document(self) -> dict[str, Any]:
        """Return the document: every number an integer but times and rates."""
        return {
            "packets_in": self.packets_in,
            "packets_out": sum(counters.tx_packets for counters in self.ports.values()),
            "bytes_in": self.bytes_in,
            "bytes_out": sum(counters.tx_bytes for counters in self.ports.values()),
            "seconds": round(self.seconds, 6),
            "mpps": round(per_second(self.packets_in, self.seconds) / 1e6, 3),
            "drops": dict(sorted(self.drops.items())),
            "consumed": sum(counters.consumed for counters in self.ports.values()),
            "ports": {name: port_document(self.ports[name]) for name in self.pcap_ports},
            "flows": 0,
            "load": {
                "bytes": self.loaded_bytes,
                "seconds": round(self.load_seconds, 6),
                "mb_per_s": round(per_second(self.loaded_bytes, self.load_seconds) / 1e6, 1),
            },
        }


def add_counters(one: PortCounters, other: PortCounters) -> PortCounters:
    """Return the sums of two ports' counters."""
    return PortCounters(*(a + b for a, b in zip(astuple(one), astuple(other), strict=True)))


def port_document(counters: PortCounters) -> dict[str, int]:
    """Return one port's frames in and out, and those of its own that were dropped."""
    return {"rx": counters.rx_packets, "tx": counters.tx_packets, "drops": counters.drops}


def per_second(amount: int, seconds: float) -> float:
    """Return a rate; 0 if no time has passed."""
    return amount / seconds if seconds > 0 else 0.0

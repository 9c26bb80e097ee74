"""Ports and their rates: from counters that only grow to what passed in the last second."""

import time
from collections.abc import Callable
from typing import Any

from control.cli.output import Table

Port = dict[str, Any]

COUNTERS = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "drops")


class PortRates:
    """Remembers the last look at each port. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, Port]] = {}

    def tabulate(self, ports: list[Port]) -> Table:
        """Return the ports with what passed a second since the last look at each; the first look has no rates."""
        now = self._clock()
        rows = [self._row(now, port) for port in ports]
        self._seen = {port["name"]: (now, port) for port in ports}
        header = ("port", "device", "state", "rx/s", "tx/s", "rx Mbit/s", "tx Mbit/s", "drops")
        return Table(header, rows)

    def _row(self, now: float, port: Port) -> list[object]:
        rates = self._rates(now, port)
        shown: list[object] = [port["name"], device_of(port), port["state"]]
        if rates is None:
            return [*shown, None, None, None, None, port["drops"]]
        megabits = [round(rates[name] * 8 / 1e6, 1) for name in ("rx_bytes", "tx_bytes")]
        packets = [round(rates[name]) for name in ("rx_packets", "tx_packets")]
        return [*shown, *packets, *megabits, port["drops"]]

    def _rates(self, now: float, port: Port) -> dict[str, float] | None:
        then, before = self._seen.get(port["name"], (now, port))
        # A counter that went back belongs to a port made anew under the old name.
        if now <= then or any(port[name] < before[name] for name in COUNTERS):
            return None
        return {name: (port[name] - before[name]) / (now - then) for name in COUNTERS}


def device_of(port: Port) -> str:
    """Return where the port is attached: netns/interface, interface, or pcap."""
    attachment = port[port["kind"]]
    parts = [attachment.get("netns"), attachment.get("ifname")]
    return "/".join(part for part in parts if part) or str(port["kind"])

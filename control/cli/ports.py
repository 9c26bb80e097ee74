"""`tapestry ports`."""

from typing import Any

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, show, wants_json
from control.cli.rates import PortRates, device_of


def ports(run_dir: RunDirOption = None, watch: Watch = False, output: Output = None, json: Json = False) -> None:
    """List the ports, their state and their counters; with --watch, what passes a second.

    Example: tapestry ports --watch
    """
    from control.client import AgentClient

    tabulate_ports = PortRates().tabulate if watch else tabulate
    show(AgentClient(run_dir).ports, tabulate_ports, as_json=wants_json(output, json), watch=watch)


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row a port."""
    header = ("port", "network", "device", "state", "addresses", "rx", "tx", "drops", "why")
    rows = [
        [
            port["name"],
            port["network"],
            device_of(port),
            port["state"],
            [address.partition("/")[0] for address in port["addresses"]],
            port["rx_packets"],
            port["tx_packets"],
            port["drops"],
            port["reason"],
        ]
        for port in document
    ]
    return Table(header, rows)

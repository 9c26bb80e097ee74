"""``python -m benchmarks.peers``: other nodes into tables: all at once, and one change at a time.

So many nodes, each with a subnet and 50 endpoints with MACs. Times are of the agent's process, while it works, with
the journal that it keeps; nobody waits for workers, since none is needed for these changes. Loading a file counts
reading and checking it too: as JSON, which is YAML, and, of a tenth of the nodes, as YAML in blocks.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from control.cli.output import format_table
from control.config import parse_configuration, render_configuration
from control.fabric import Fabric
from control.model import Configuration, Peer, RemoteEndpoint
from control.overlay.journal import PeerJournal
from control.overlay.store import PeerPlan

NODES = 1000
ENDPOINTS = 50
CHANGES = 300
SOURCE = "api"

TEXT = """
node: node0
workers: 1
networks: [{name: red, mode: overlay, vni: 200, subnets: [10.0.0.0/8]}]
overlay: {address: 192.0.2.1}
"""


def endpoint(node: int, number: int) -> RemoteEndpoint:
    """Return an endpoint of a node."""
    place = (node << 8) + number
    return RemoteEndpoint("red", IPv4Address((10 << 24) + place), ((0x02 << 40) + place).to_bytes(6, "big"))


def peer(node: int, endpoints: int = ENDPOINTS) -> Peer:
    """Return a node, the first of which is 1."""
    subnet = IPv4Network(((10 << 24) + (node << 8), 24))
    numbers = range(2, 2 + endpoints)
    address = IPv4Address((198 << 24) + (18 << 16) + node)
    return Peer(f"node{node}", address, (subnet,), tuple(endpoint(node, number) for number in numbers))


def with_peers(configuration: Configuration, nodes: int) -> Configuration:
    """Return the configuration with so many other nodes."""
    assert configuration.overlay is not None
    peers = tuple(peer(node) for node in range(1, nodes + 1))
    return replace(configuration, overlay=replace(configuration.overlay, peers=peers))


def seconds(work: Callable[[], Any]) -> float:
    """Return how long the process worked at it."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure_files(configuration: Configuration) -> list[list[str]]:
    """Read the file of all nodes as JSON, and of a tenth of them as YAML in blocks."""
    document = render_configuration(configuration)
    written = {name: document[name] for name in ("node", "workers", "networks", "overlay")}
    as_json = seconds(lambda: parse_configuration(json.dumps(written), "peers.json"))
    overlay: Any = written["overlay"]
    few = overlay["peers"][: max(1, len(overlay["peers"]) // 10)]
    text = in_blocks(written | {"overlay": overlay | {"peers": few}})
    as_yaml = seconds(lambda: parse_configuration(text, "peers.yaml"))
    return [
        ["file of all, JSON, read and checked", f"{as_json:.2f} s", ""],
        [f"file of {len(few):,} nodes, YAML, read and checked", f"{as_yaml:.2f} s", ""],
    ]


def in_blocks(value: Any, indent: str = "") -> str:
    """Return plain data as YAML, a line a value, as people write it."""
    lines = []
    for name, item in value.items() if isinstance(value, dict) else (("-", item) for item in value):
        head = f"{indent}- " if name == "-" else f"{indent}{name}: "
        is_block = bool(item) and isinstance(item, dict | list)
        lines.append(f"{head.rstrip()}\n{in_blocks(item, indent + '  ')}" if is_block else head + json.dumps(item))
    return "\n".join(lines)


def measure_loading(empty: Configuration, full: Configuration, place: Path) -> list[list[str]]:
    """Put all nodes in force, as a reload of the file does; then once more as they are, and take them all away."""
    fabric = Fabric(empty.limits)
    fabric.apply(empty)
    journal = PeerJournal(place / "peers.jsonl")
    journal.begin(())
    fabric.others.store.on_take_in = journal.note
    rows = []
    for what, configuration in (("all nodes come", full), ("the same again", full), ("all nodes go", empty)):
        rows.append([what, f"{seconds(lambda c=configuration: fabric.apply(c)):.2f} s", ""])
    fabric.close()
    return rows


def measure_changes(full: Configuration, place: Path) -> list[list[str]]:
    """Make single changes while all nodes are in force: the median and the longest, in microseconds."""
    assert full.overlay is not None
    fabric, nodes = Fabric(full.limits), len(full.overlay.peers)
    fabric.apply(replace(full, overlay=replace(full.overlay, peers=())))
    store, journal = fabric.others.store, PeerJournal(place / "changes.jsonl")
    fabric.others.feed(store.plan_source(SOURCE, full.overlay.peers, 0.0))
    journal.begin(store.known.values())
    store.on_take_in = journal.note

    def node(n: int) -> int:
        return 1 + n % nodes

    def other(n: int) -> int:
        return 1 + (n + 1) % nodes

    changes: list[tuple[str, Callable[[int], PeerPlan]]] = [
        (
            "an endpoint comes",
            lambda n: store.plan_endpoint(f"node{node(n)}", endpoint(node(n), 100 + n // nodes), SOURCE),
        ),
        ("it moves", lambda n: store.plan_endpoint(f"node{other(n)}", endpoint(node(n), 100 + n // nodes), SOURCE)),
        (
            "it goes",
            lambda n: store.plan_endpoint_removal(
                f"node{other(n)}", "red", endpoint(node(n), 100 + n // nodes).address, SOURCE
            ),
        ),
        (
            "a node comes, with its subnet and an endpoint",
            lambda n: store.plan_upsert(peer(nodes + 1 + n, 1), SOURCE, 0.0),
        ),
        ("it is told again", lambda n: store.plan_upsert(peer(nodes + 1 + n, 1), SOURCE, 0.0)),
        ("it goes", lambda n: store.plan_removal(f"node{nodes + 1 + n}", SOURCE)),
        ("a node of 50 endpoints has one more", lambda n: store.plan_upsert(peer(node(n), ENDPOINTS + 1), SOURCE, 0.0)),
    ]
    rows = []
    for what, plan in changes:
        times = sorted(1e6 * seconds(lambda n=n, plan=plan: fabric.others.feed(plan(n))) for n in range(CHANGES))
        rows.append([what, f"{times[CHANGES // 2]:.0f} µs", f"{times[-1]:.0f} µs"])
    fabric.close()
    return rows


def main() -> None:
    """Print one row for each kind of change."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else NODES
    empty = parse_configuration(TEXT, "peers.yaml").configuration
    full = with_peers(empty, nodes)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_loading(empty, full, Path(folder)) + measure_changes(full, Path(folder)) + measure_files(full)
    print(f"{nodes:,} nodes with {nodes * ENDPOINTS:,} endpoints")
    print(format_table(["", "median", "longest"], rows))


if __name__ == "__main__":
    main()

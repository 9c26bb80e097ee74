"""What is known of other nodes, on disk: one line a change, so that the next agent begins where this one stopped.

A change costs a line of its own size, however much else is known. A reader takes whole lines only, so that an agent
that dies while it writes leaves what it knew before; it stops at a line that is none. A write that the disk refuses is
taken back, and what is known is written down anew once there is room. Like all that a run directory holds the journal
means something until the next boot: times are of the machine's monotonic clock.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import IO, Any

from control.model import Peer, RemoteEndpoint
from control.overlay.store import Known, PeerChange, PeerPlan

log = logging.getLogger(__name__)

VERSION = 1
LONGEST = 100_000
"""Lines after which it is time to write down what is known instead of how that came about."""


class PeerJournal:
    """The file at ``path``. OSError where the disk refuses: then it holds what it held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0

    @property
    def is_long(self) -> bool:
        """Whether it is time to ``begin`` again; so it is with the first line after one that was refused."""
        return self._lines > LONGEST

    def begin(self, known: Iterable[Known]) -> None:
        """Hold this and nothing else, in one step."""
        self._lines = LONGEST  # Until it is done.
        temporary = self._path.with_suffix(".new")
        lines = [json.dumps({"version": VERSION})]
        lines += [
            _line(each.source, each.head.node, each.head, (), each.endpoints.values(), {"until": each.expires_at})
            for each in known
        ]
        try:
            with _open_own(temporary, os.O_TRUNC) as file:
                _write(file, lines)
            os.replace(temporary, self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._lines = len(lines)

    def note(self, plan: PeerPlan) -> None:
        """Add what a plan changes, and the leases it renews."""
        lines = [
            _line(plan.source, each.node, each.after, each.gone, each.come, _lease(plan, each.node))
            for each in plan.changes
        ]
        changed = {each.node for each in plan.changes}
        renewed = {node: end for node, end in plan.leases.items() if node not in changed and end is not None}
        lines += [json.dumps({"node": node, "until": end}) for node, end in renewed.items()]
        if not lines:
            return
        before, self._lines = self._lines, LONGEST
        with _open_own(self._path, os.O_APPEND) as file:
            _write(file, lines)
        self._lines = before + len(lines)


def read_journal(path: Path) -> list[PeerPlan]:
    """Return what was known, as plans for an empty store; nothing if the file is not there, or another version's."""
    known: dict[str, Known] = {}
    for line in _lines_of(path):
        if "source" not in line:
            if line["node"] in known:
                known[line["node"]].expires_at = line["until"]
            continue
        _follow(known, line)
    return [
        PeerPlan(
            each.source,
            (PeerChange(node, None, each.head, come=tuple(each.endpoints.values())),),
            {node: each.expires_at},
        )
        for node, each in known.items()
    ]


def _lines_of(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return
    whole, _, _ = text.rpartition("\n")
    lines = whole.split("\n")
    if lines[0] != json.dumps({"version": VERSION}):
        return
    for number, line in enumerate(lines[1:], 2):
        try:
            yield json.loads(line)
        except ValueError:
            log.warning("%s:%d: expected a change, found half of one: what was known up to there goes on", path, number)
            return


def _follow(known: dict[str, Known], line: Mapping[str, Any]) -> None:
    node = line["node"]
    if line["head"] is None:
        known.pop(node, None)
        return
    present = known.setdefault(node, Known(_peer(node, line["head"]), {}, line["source"]))
    present.head, present.expires_at = _peer(node, line["head"]), line.get("until", present.expires_at)
    for network, address in line["gone"]:
        present.endpoints.pop((network, ip_address(address)), None)
    for fields in line["come"]:
        endpoint = _endpoint(fields)
        present.endpoints[endpoint.network, endpoint.address] = endpoint


def _lease(plan: PeerPlan, node: str) -> Mapping[str, float | None]:
    """Return when a node is gone; nothing where the plan leaves that as it is."""
    return {"until": plan.leases[node]} if node in plan.leases else {}


def _line(
    source: str,
    node: str,
    head: Peer | None,
    gone: Iterable[RemoteEndpoint],
    come: Iterable[RemoteEndpoint],
    lease: Mapping[str, float | None],
) -> str:
    document = {
        "source": source,
        "node": node,
        "head": None if head is None else _head(head),
        "gone": [] if head is None else [(each.network, str(each.address)) for each in gone],
        "come": [(e.network, str(e.address), e.mac.hex(), e.namespace, e.labels) for e in come],
        **lease,
    }
    return json.dumps(document)


def _head(peer: Peer) -> dict[str, Any]:
    return {
        "address": str(peer.address),
        "subnets": [str(subnet) for subnet in peer.subnets],
        "networks": peer.networks,
        "lease_s": peer.lease_s,
    }


def _peer(node: str, head: Mapping[str, Any]) -> Peer:
    subnets = tuple(ip_network(subnet) for subnet in head["subnets"])
    return Peer(node, ip_address(head["address"]), subnets, (), tuple(head["networks"]), head["lease_s"])


def _endpoint(fields: Iterable[Any]) -> RemoteEndpoint:
    network, address, mac, namespace, labels = fields
    pairs = tuple((name, value) for name, value in labels)
    return RemoteEndpoint(network, ip_address(address), bytes.fromhex(mac), namespace, pairs)


def _open_own(path: Path, flags: int) -> IO[bytes]:
    """Open a file for writing, unbuffered, that its owner alone may read."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600), "wb", buffering=0)


def _write(file: IO[bytes], lines: Iterable[str]) -> None:
    """Write all of the lines at the end, or none."""
    end = os.fstat(file.fileno()).st_size
    rest = memoryview(("\n".join(lines) + "\n").encode())
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        os.ftruncate(file.fileno(), end)
        raise

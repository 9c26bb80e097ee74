"""Tables of verdicts for tests: a twin of dictionaries, and the kernels that are asked beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.policy.build import BLOCK, BY_LABELS, PolicyWriter, Steps, Subnet
from dataplane.policy.kernels import find_cell, policy_key
from dataplane.policy.tables import PASS, POLICY_HEAD_DTYPE, Policy
from dataplane.router.judgement import count_judgement, find_end, judge_ends
from dataplane.router.view import way_of
from dataplane.state import Capacities, State, create_state
from tests.routes.tables import Silence

TCP, UDP, SCTP, ICMP = 6, 17, 132, 1
PROTOCOLS_WITH_PORTS = (TCP, UDP, SCTP)
VERDICT = (1 << 40) - 1
JUDGEMENT = (1 << 20) - 1
RULE = (1 << 18) - 1
NOT_WRITTEN = VERDICT ^ JUDGEMENT
NOTHING_SAID = np.uint32(0)

Address = Any
Verdict = int


@dataclass
class End:
    """Who an address is."""

    labels: int = 0
    block: int = 0
    ingress: int = 0
    egress: int = 0
    pod: int = 0


NOBODY = End()


@dataclass
class NaiveTables:
    """What ``PolicyWriter`` writes, as dictionaries."""

    ends: dict[int, End] = field(default_factory=dict)
    otherwise: dict[int, Steps] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)
    cells: dict[tuple[int, int, int], Steps] = field(default_factory=dict)
    prefixes: dict[Subnet, int] = field(default_factory=dict)

    def find_end(self, address: Address) -> int:
        """Return the end of the longest prefix that holds an address."""
        holders = [prefix for prefix in self.prefixes if prefix.version == address.version and address in prefix]
        return self.prefixes[max(holders, key=lambda prefix: prefix.prefixlen)] if holders else 0

    def verdict(self, row: int, other: int, protocol: int, port: int) -> Verdict:
        """Return what a row says of an end, and a port of a protocol, or a row after it where it passes."""
        found = self.verdict_of_row(row, other, protocol, port)
        if found >> 18 & 3 == PASS and row in self.after:
            return self.verdict(self.after[row], other, protocol, port)
        return found

    def verdict_of_row(self, row: int, other: int, protocol: int, port: int) -> Verdict:
        """Return what a row alone says."""
        end = self.ends.get(other, NOBODY)
        found = [said(self.cells.get((row, BY_LABELS, end.labels)) or self.otherwise.get(row), protocol, port)]
        if (row, BLOCK, end.block) in self.cells:
            found.append(said(self.cells[row, BLOCK, end.block], protocol, port))
        return min(found)

    def judge(
        self, source: int, destination: int, protocol: int, port: int, from_node: bool
    ) -> tuple[bool, int, int, list[int]]:
        """Return whether one may talk to the other, both judgements, and the rules that were hit."""
        pod = self.ends.get(source, NOBODY).pod
        if source == destination != 0 or pod == self.ends.get(destination, NOBODY).pod != 0:
            return True, 0, 0, []
        row = self.ends.get(source, NOBODY).egress
        egress = self.verdict(row, destination, protocol, port) & JUDGEMENT if row else 0
        asked = [egress & RULE] if egress else []
        if row and not egress >> 18:
            return False, egress, 0, asked
        row = self.ends.get(destination, NOBODY).ingress
        if not row or from_node:
            return True, egress, 0, asked
        ingress = self.verdict(row, source, protocol, port) & JUDGEMENT
        return bool(ingress >> 18), egress, ingress, [*asked, *([ingress & RULE] if ingress else [])]


def said(steps: Steps | None, protocol: int, port: int) -> Verdict:
    """Return what a list says of a port: the last step that begins there or before."""
    if steps is None:
        return NOT_WRITTEN
    key = protocol << 16 | (port if protocol in PROTOCOLS_WITH_PORTS else 0)
    return max(step for step in steps if step >> 40 <= key) & VERDICT


def make_state() -> State:
    """Return empty tables of a node."""
    return create_state(Capacities(64), 1, shared=False, seed=7)[0]


def make_writer(state: State | None = None, grace: Any = None) -> PolicyWriter:
    """Return a writer; nobody reads unless ``grace`` says so."""
    return PolicyWriter(make_state() if state is None else state, grace or Silence())


def halves(address: Address) -> tuple[Any, Any]:
    """Return an address as columns hold it."""
    number = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return np.uint64(number >> 64), np.uint64(number & 0xFFFF_FFFF_FFFF_FFFF)


def end_of(state: State, text: str) -> int:
    """Return the end that an address leads to."""
    return int(call_find_end(state.routers[0], *halves(ip_address(text))))


def judge(
    state: State, source: int, destination: int, protocol: int, port: int, from_node: bool = False
) -> tuple[bool, int, int]:
    """Return whether one end may talk to another, and both judgements."""
    allowed = call_judge_ends(state.routers[0], source, destination, protocol, port, from_node)
    way = state.ways[0]
    return bool(allowed), int(way["egress"]), int(way["ingress"])


@kernel
def call_find_end(router: Any, high: Any, low: Any) -> Any:
    return find_end(router, high, low)


@kernel
def call_judge_ends(router: Any, source: int, destination: int, protocol: int, port: int, from_node: bool) -> bool:
    allowed = judge_ends(router, source, destination, policy_key(protocol, port), from_node)
    count_judgement(router, way_of(router).egress, NOTHING_SAID)
    count_judgement(router, way_of(router).ingress, NOTHING_SAID)
    return allowed


def small_head(buckets: int, homes: int, multiplier: int) -> Any:
    """Return the head of a table of cells; all homes lie in its first ``homes`` buckets, so that they crowd."""
    assert homes <= buckets
    head = np.zeros(1, POLICY_HEAD_DTYPE).view(np.recarray)[0]
    head.multiplier, head.shift = multiplier | 1, 64 - (homes.bit_length() - 1)
    return head


def look_up_cells(head: Any, cells: Any, keys: Sequence[int]) -> list[int]:
    """Return the lists of cells, 0 for those that are not there, as a kernel finds them."""
    nothing = np.zeros(1, np.uint8)
    policy = Policy(nothing, head, nothing, nothing, cells, nothing, nothing, nothing, nothing, nothing)
    return [int(call_find_cell(policy, np.uint64(key))) for key in keys]


@kernel
def call_find_cell(policy: Any, key: Any) -> Any:
    return find_cell(policy, key)

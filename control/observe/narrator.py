"""Events as JSON lines, tens of thousands a second: what repeats (ends, verdicts) is written once and put together.

A narrator tells by what is known at one moment; whoever has one makes another when that changes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from control.fabric.entries import PROTOCOL_NAMES, address_of
from control.model import Address
from control.observe.columns import NO_ADDRESS, NO_NUMBER, columns_of, ruling_of
from control.observe.judgement import deciding
from control.observe.who import Directory
from control.policy.model import Pod
from dataplane.flowlog.tables import AUDITED, CLOSED, DENIED, NEW
from dataplane.verdict import REASON_NAMES

KIND_NAMES = {NEW: "new", CLOSED: "closed", DENIED: "denied", AUDITED: "audited"}

_PROTOCOLS = {NO_NUMBER: "null"} | {number: f'"{PROTOCOL_NAMES.get(number, str(number))}"' for number in range(256)}
_DIRECTIONS = ('"original"', '"reply"')
_MEMORY = 1 << 16
"""How many ends, and how many verdicts, a narrator remembers."""


class End(NamedTuple):
    """One end of conversations: the pod that it is, and how it is written, up to its port."""

    pod: Pod | None
    text: str


class Ruling(NamedTuple):
    """A verdict, by which policy, and how that is written."""

    policy: str
    text: str


class Telling(NamedTuple):
    """One event: whom it is about, the policy that decided (empty: none), and its line."""

    source: Pod | None
    destination: Pod | None
    policy: str
    line: str


@dataclass
class Narrator:
    """``rule_names`` are policy and rule by number; ``ports`` are names by index; ``identity_of`` says which class of
    pods an address is of, 0 for none; ``stamp``: since which the rules are called so; ``clock_ns``: what is to be added
    to the workers' time to have the world's."""

    node: str
    directory: Directory
    rule_names: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    ports: Mapping[int, str] = field(default_factory=dict)
    identity_of: Callable[[Address], int] = lambda _address: 0
    stamp: int = 0
    clock_ns: int = 0
    _ends: dict[tuple[int, int], End] = field(default_factory=dict)
    _rulings: dict[int, Ruling] = field(default_factory=dict)

    def tell(self, events: Any) -> Iterator[Telling]:
        """Yield what each of ``events`` (FLOW_EVENT_DTYPE) says."""
        rulings, ends = self._rulings, self._ends
        ports = {index: f'"{name}"' for index, name in self.ports.items()}
        node = f', "node": {json.dumps(self.node)}, '
        columns = columns_of(events, self.clock_ns, self.stamp)
        for n, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            ruled, seconds, nanoseconds, protocol, high, low, port, to_high, to_low, to_port, *others = values
            is_translated, in_port, direction, flow, packets, octets, reply_packets, reply_octets, lasted = others
            ruling = rulings.get(ruled) or self._rule(ruled)
            source = ends.get((high, low)) or self._find_end(high, low)
            destination = ends.get((to_high, to_low)) or self._find_end(to_high, to_low)
            line = (
                f'{{"time": {seconds}.{nanoseconds:09}{node}{ruling.text}, "protocol": {_PROTOCOLS[protocol]}, '
                f'"source": {{{source.text}{port if port >= 0 else "null"}}}, '
                f'"destination": {{{destination.text}{to_port if to_port >= 0 else "null"}}}, '
                f'{translation_text(events[n]) if is_translated else ""}"in": {ports.get(in_port, "null")}, '
                f'"direction": {_DIRECTIONS[direction]}, "flow": {flow or "null"}, '
                f'"packets": {packets}, "bytes": {octets}, "reply_packets": {reply_packets}, '
                f'"reply_bytes": {reply_octets}, "lasted_s": {lasted}}}'
            )
            yield Telling(source.pod, destination.pod, ruling.policy, line)

    def _find_end(self, high: int, low: int) -> End:
        """Return whose an address is; where a packet has none (NO_ADDRESS), whose the port is that ``low`` names."""
        if len(self._ends) >= _MEMORY:
            self._ends.clear()
        if high == NO_ADDRESS:
            address, name = None, self.ports.get(low, "")
            pod = self.directory.pod_at(name)
        else:
            address = address_of(high << 64 | low)
            pod = self.directory.pod_of(address)
        document = {
            "address": None if address is None else str(address),
            "pod": None if pod is None else pod.name,
            "namespace": None if pod is None else pod.namespace,
            "labels": {} if pod is None else dict(pod.labels),
            "identity": 0 if address is None else self.identity_of(address),
        }
        end = self._ends[high, low] = End(pod, f'{json.dumps(document)[1:-1]}, "port": ')
        return end

    def _rule(self, ruled: int) -> Ruling:
        if len(self._rulings) >= _MEMORY:
            self._rulings.clear()
        kind, reason, egress, ingress = ruling_of(ruled)
        decided = deciding(egress, ingress, kind == DENIED)
        policy, rule = self.rule_names.get(decided.rule, ("", ""))
        document = {
            "event": KIND_NAMES[kind],
            "verdict": "drop" if kind == DENIED else "audit" if decided.audited else "forward",
            "reason": REASON_NAMES.get(reason),
            "policy": policy or None,
            "rule": rule or None,
        }
        ruling = self._rulings[ruled] = Ruling(policy, json.dumps(document)[1:-1])
        return ruling


def translation_text(event: Any) -> str:
    """Return whom an event's packets were addressed to, and as whom their source appears, where that is another."""
    original, reply = event["original"].tolist(), event["reply"].tolist()
    to_port, as_port = original[4] >> 32 & 0xFFFF, reply[4] >> 32 & 0xFFFF
    texts = []
    if (original[2:4], to_port) != (reply[0:2], reply[4] >> 48):
        texts.append(f'"addressed_to": {_end_text(original[2], original[3], to_port)}, ')
    if (original[0:2], original[4] >> 48) != (reply[2:4], as_port):
        texts.append(f'"appears_as": {_end_text(reply[2], reply[3], as_port)}, ')
    return "".join(texts)


def _end_text(high: int, low: int, port: int) -> str:
    return json.dumps({"address": str(address_of(high << 64 | low)), "port": port})

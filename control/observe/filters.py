"""Which events somebody wants: as much of it as can be for whole blocks at a time, the rest event by event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from control.errors import UserError
from control.fabric.entries import PROTOCOL_NAMES
from control.observe.judgement import action_of
from control.observe.narrator import Telling
from control.policy.model import Pod
from dataplane.flowlog.build import ports_of
from dataplane.flowlog.tables import DENIED
from dataplane.policy.tables import AUDIT
from dataplane.verdict import REASON_NAMES

VERDICTS = {"forward": "forward", "drop": "drop", "audit": "audit"}
VERDICTS |= {"allowed": "forward", "denied": "drop", "audited": "audit"}
CRITERIA = ("pod", "namespace", "verdict", "reason", "protocol", "port", "policy")
JUDGEMENTS = ("egress", "ingress")
_MAX_PORT = 0xFFFF
_MAX_PROTOCOL = 0xFF


@dataclass(frozen=True)
class EventFilter:
    """Events with an end that is ``pod`` (NAME or NAMESPACE/NAME), in ``namespace``, with ``port`` at an end, and so
    on; None is any."""

    pod: str | None = None
    namespace: str | None = None
    verdict: str | None = None
    reason: int | None = None
    protocol: int | None = None
    port: int | None = None
    policy: str | None = None

    @classmethod
    def of(cls, criteria: Mapping[str, str]) -> "EventFilter":
        """Return the filter that the API's ``criteria`` ask for; UserError if they are wrong."""
        for name in criteria:
            if name not in CRITERIA:
                raise UserError(f"observe: expected {', '.join(CRITERIA)}, found {name}", status=2)
        readers: dict[str, Callable[[str], object]] = {
            "verdict": _verdict,
            "reason": _reason,
            "protocol": _protocol,
            "port": _port,
        }
        fields: dict[str, Any] = {name: readers.get(name, str)(text) for name, text in criteria.items()}
        return cls(**fields)

    def mask(self, events: Any) -> Any:
        """Return of each event (FLOW_EVENT_DTYPE) whether it may be meant."""
        wanted = np.ones(len(events), bool)
        if self.verdict is not None:
            wanted &= verdicts_of(events) == self.verdict
        if self.reason is not None:
            wanted &= (events["kind"] == DENIED) & (events["reason"] == self.reason)
        if self.protocol is not None or self.port is not None:
            first, second, protocols = ports_of(events["original"])
            third, fourth, _ = ports_of(events["reply"])
            if self.protocol is not None:
                wanted &= protocols == self.protocol
            if self.port is not None:
                wanted &= np.logical_or.reduce([each == self.port for each in (first, second, third, fourth)])
        return wanted

    def takes(self, telling: Telling) -> bool:
        """Return whether an event that the mask let pass is meant."""
        ends = (telling.source, telling.destination)
        return (
            (self.policy is None or telling.policy == self.policy)
            and (self.namespace is None or any(pod and pod.namespace == self.namespace for pod in ends))
            and (self.pod is None or any(pod and is_named(pod, self.pod) for pod in ends))
        )


def verdicts_of(events: Any) -> Any:
    """Return the verdict of each event."""
    is_audited = np.logical_or.reduce([action_of(events[name].astype(np.int64)) == AUDIT for name in JUDGEMENTS])
    return np.where(events["kind"] == DENIED, "drop", np.where(is_audited, "audit", "forward"))


def is_named(pod: Pod, name: str) -> bool:
    """Whether a pod is meant by NAME or NAMESPACE/NAME."""
    return name in (pod.name, f"{pod.namespace}/{pod.name}")


def _verdict(text: str) -> str:
    if text.lower() not in VERDICTS:
        raise UserError(f"verdict: expected forward, drop or audit, found {text!r}", status=2)
    return VERDICTS[text.lower()]


def _reason(text: str) -> int:
    for number, name in REASON_NAMES.items():
        if name == text:
            return number
    raise UserError(f"reason: expected a drop reason's name such as policy_denied, found {text!r}", status=2)


def _protocol(text: str) -> int:
    for number, name in PROTOCOL_NAMES.items():
        if name == text.lower():
            return number
    if text.isascii() and text.isdecimal() and int(text[:4]) <= _MAX_PROTOCOL:
        return int(text)
    named = ", ".join(PROTOCOL_NAMES.values())
    raise UserError(f"protocol: expected {named} or a number, found {text!r}", status=2)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:6]) > _MAX_PORT:
        raise UserError(f"port: expected a whole number from 0 to {_MAX_PORT}, found {text!r}", status=2)
    return int(text)

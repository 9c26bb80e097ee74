"""Asking policies about conversations that do not take place: the decisions of egress and of ingress as one answer."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from control.model import Address
from control.policy.model import Decision

Verdict = Literal["forward", "audit", "drop"]

Decide = Callable[[Address, Address, str, int], tuple[Decision, Decision]]
"""What the egress of who has the first address, and the ingress of who has the second, say of a conversation to a port
of a protocol (tcp, udp, sctp; of others such as icmp the port is 0)."""


class Answer(NamedTuple):
    """Whether a conversation may be, and what decided: empty where nobody's policy was asked."""

    verdict: Verdict
    policy: str = ""
    rule: str = ""


def answer_of(egress: Decision, ingress: Decision) -> Answer:
    """Return the answer that two decisions are: what denies counts first, then what would deny but for an audit; else
    ingress's rule if there is one."""
    for decision in (egress, ingress):
        if not decision.allowed:
            return Answer("drop", decision.policy, decision.rule)
    for decision in (egress, ingress):
        if decision.audited:
            return Answer("audit", decision.policy, decision.rule)
    decision = ingress if ingress.policy else egress
    return Answer("forward", decision.policy, decision.rule)

"""Asks a book what workers would find in its tables: both directions of a conversation, and by which rules."""

from typing import NamedTuple

from control.model import Address
from control.policy.book import PolicyBook
from control.policy.judges import subject_of
from control.policy.model import Decision, Direction, Pod
from control.policy.parties import BlockParty, Identity
from control.policy.roster import Member
from control.policy.rows import Row, Signature
from control.policy.spans import key_of
from dataplane.policy.tables import (
    ACTION_MASK,
    ACTION_SHIFT,
    AUDIT,
    DENY,
    PASS,
    RULE_MASK,
    START_SHIFT,
    VERDICT_MASK,
)

UNDECIDED = Decision(True)
_START, _ACTION = int(START_SHIFT), int(ACTION_SHIFT)


class End(NamedTuple):
    """Whom a verdict is about: a pod, or None; what rules can tell of it; whether it is this node itself."""

    pod: Pod | None
    identity: Identity
    block: BlockParty | None
    is_node: bool = False


def decide(
    book: PolicyBook, source: Pod | Address, destination: Pod | Address, protocol: str, port: int
) -> tuple[Decision, Decision]:
    """Return what the source's egress and the destination's ingress say of a conversation's first packet.

    A pod is meant at its first address. KeyError for a pod that is not in the book, and for an unknown protocol.
    """
    one, other, key = end_of(book, source), end_of(book, destination), key_of(protocol, port)
    if one.pod is not None and other.pod is not None and one.pod.name == other.pod.name:
        return UNDECIDED, UNDECIDED
    egress = ask(book, "egress", one, other, key)
    return egress, UNDECIDED if one.is_node or not egress.allowed else ask(book, "ingress", other, one, key)


def end_of(book: PolicyBook, who: Pod | Address) -> End:
    """Return what rules can tell of a pod, or of whoever has an address."""
    roster = book.roster
    if isinstance(who, Pod):
        members = roster.of_pod.get(who.name, {})
        member: Member | None = next(iter(members.values()), None)
        if member is None:
            raise KeyError(who.name)
    else:
        member = roster.holder(who)
    if member is None or member.pod is None:
        assert not isinstance(who, Pod)
        identity = roster.stranger if member is None else member.identity
        return End(None, identity, roster.prefixes.longest(who.version, int(who)), who in roster.own)
    return End(member.pod, member.identity, member.block)


def ask(book: PolicyBook, direction: Direction, judged: End, other: End, key: int) -> Decision:
    """Return what the rows of one end say of the other."""
    if judged.pod is None or not judged.pod.port:
        return UNDECIDED
    subject = book.judges.subjects.get(subject_of(judged.pod))
    row = subject.rows[direction] if subject is not None else None
    while row is not None:
        verdict = verdict_of(book, row, other, key)
        action = verdict >> _ACTION & int(ACTION_MASK)
        if action != PASS:
            return _decision(book, action, verdict & int(RULE_MASK))
        row = row.after
    return UNDECIDED


def verdict_of(book: PolicyBook, row: Row, other: End, key: int) -> int:
    """Return what one row says of an end: the lower of what it says of its labels and of its block."""
    found = [row.cells.get(other.identity, row.otherwise)]
    if other.block is not None and other.block in row.cells:
        found.append(row.cells[other.block])
    return min(_search(book, row, signature, key) for signature in found)


def _search(book: PolicyBook, row: Row, signature: Signature, key: int) -> int:
    steps = row.steps(signature, book.writing.rules)
    return max(step for step in steps if step >> _START <= key) & int(VERDICT_MASK)


def _decision(book: PolicyBook, action: int, number: int) -> Decision:
    rule = book.writing.rule_of.get(number)
    policy, text = (rule.policy, rule.rule) if rule is not None else ("", "")
    return Decision(action != DENY, policy, text, audited=action == AUDIT)

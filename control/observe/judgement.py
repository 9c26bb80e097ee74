"""What workers note of a policy's verdict: a judgement is an action and a rule's number, 0 where none was asked."""

from typing import NamedTuple

from dataplane.policy.tables import ACTION_MASK, ACTION_SHIFT, AUDIT, DENY, RULE_MASK


class Deciding(NamedTuple):
    """Which rule decided; ``audited``: it denies, and the packet passed all the same."""

    rule: int = 0
    audited: bool = False


def deciding(egress: int, ingress: int, is_denied: bool) -> Deciding:
    """Return what decided of the judgements of who sends and of who receives.

    Of a packet that was denied it is the one that denies; of one that passed, one that would deny it; else ingress's
    if there is one, else egress's.
    """
    asked = [judgement for judgement in (egress, ingress) if judgement]
    wanted = DENY if is_denied else AUDIT
    for judgement in asked:
        if action_of(judgement) == wanted:
            return Deciding(rule_of(judgement), wanted == AUDIT)
    return Deciding(0 if is_denied or not asked else rule_of(asked[-1]))


def action_of(judgement: int) -> int:
    """Return DENY, ALLOW or AUDIT."""
    return judgement >> int(ACTION_SHIFT) & int(ACTION_MASK)


def rule_of(judgement: int) -> int:
    """Return the number of its rule."""
    return judgement & int(RULE_MASK)

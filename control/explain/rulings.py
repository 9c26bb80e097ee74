"""What policies have said of a packet, in words."""

from collections.abc import Mapping
from typing import NamedTuple

from control.explain.trial import Fate
from control.observe.judgement import action_of, deciding, rule_of
from dataplane.policy.tables import ALLOW, AUDIT, DENY

POLICY_REASONS = ("policy_denied", "policy_unreadable")

_ACTIONS = {DENY: "denies", ALLOW: "allows", AUDIT: "would deny, and only audits"}

RuleNames = Mapping[int, tuple[str, str]]
"""Policy and rule by number."""


class Rulings(NamedTuple):
    """The rule that decided, empty for none; whether it was only audited; and what each end's policies said."""

    policy: str = ""
    rule: str = ""
    audited: bool = False
    text: str = ""


def rulings_of(fate: Fate, names: RuleNames) -> Rulings:
    """Return what was said of a packet of that fate."""
    is_denied = fate.reason in POLICY_REASONS
    said = [_said("egress", fate.egress, names), _said("ingress", fate.ingress, names)]
    text = "; ".join(words for words in said if words)
    if fate.reason is not None and not is_denied:
        return Rulings(text=text)
    decided = deciding(fate.egress, fate.ingress, is_denied)
    return Rulings(*names.get(decided.rule, ("", "")), decided.audited, text)


def _said(direction: str, judgement: int, names: RuleNames) -> str:
    if not judgement:
        return ""
    policy, rule = names.get(rule_of(judgement), ("", ""))
    by = f"{policy} {rule}" if policy else f"a rule without a name, number {rule_of(judgement)}"
    return f"{direction}: {by} {_ACTIONS[action_of(judgement)]}"

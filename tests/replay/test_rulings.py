"""What a line of `--verdicts` says of policies: which rule decided, by what the pipeline leaves in the columns."""

import json
from itertools import product
from typing import Any

import numpy as np
import pytest

from control.observe.judgement import deciding
from dataplane.flow.tables import FLOW_DTYPE
from dataplane.policy.tables import ALLOW, AUDIT, DENY
from dataplane.ports.pcap.report.build import make_report
from dataplane.ports.pcap.report.kernels import append_lines, deciding_judgement
from dataplane.vector import make_vector
from dataplane.verdict import CONSUME, DROP, FORWARD, NO_ROUTE, POLICY_DENIED, POLICY_UNREADABLE
from tests.flowlog.making import judgement

pytestmark = pytest.mark.kernel

NAMES = {3: ("shop/out", "egress[0]"), 4: ("shop/in", 'ingress["x"]'), 6: ("shop/in", "ingress")}
JUDGEMENTS = [0, judgement(DENY, 6), judgement(ALLOW, 3), judgement(ALLOW, 4), judgement(AUDIT, 6)]


def vector_of(verdict: int, reason: int = 0, egress: int = 0, ingress: int = 0, half: int = 0) -> Any:
    """Return a vector of one frame."""
    vector = make_vector()
    vector.count = vector.received = 1
    vector.verdict[0], vector.reason[0], vector.likely_half[0] = verdict, reason, half
    vector.egress_judgement[0], vector.ingress_judgement[0] = egress, ingress
    return vector


def flows_of(original: int = 0, reply: int = 0) -> Any:
    """Return flow records, of which the second keeps these judgements."""
    flows = np.zeros(2, FLOW_DTYPE).view(np.recarray)
    flows[1].original.judgement, flows[1].reply.judgement = original, reply
    return flows


def line_of(vector: Any, flows: Any, is_judged: bool = True) -> dict[str, Any]:
    report = make_report({0: "p0"}, 1, rule_names=NAMES)
    append_lines(report, vector, flows, is_judged)
    text = report.text[: int(report.state.used)].tobytes()
    assert text.endswith(b"}\n")
    assert len(text) <= int(report.state.longest_line)
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.mark.parametrize("verdict", [FORWARD, CONSUME, DROP])
def test_kernels_and_the_agent_agree_on_what_decided(verdict: int) -> None:
    for egress, ingress in product(JUDGEMENTS, JUDGEMENTS):
        reason = POLICY_DENIED if verdict == DROP else 0
        found = int(deciding_judgement(vector_of(verdict, reason, egress, ingress), flows_of(), 0))
        decided = deciding(egress, ingress, verdict == DROP)
        assert (found & 0x3FFFF, found >> 18 == AUDIT) == decided


def test_a_denied_frame_names_the_rule_that_denies() -> None:
    line = line_of(vector_of(DROP, POLICY_DENIED, judgement(ALLOW, 3), judgement(DENY, 6)), flows_of())
    assert (line["verdict"], line["reason"], line["policy"], line["rule"]) == (
        *("drop", "policy_denied"),
        *("shop/in", "ingress"),
    )


def test_an_allowed_frame_names_the_receivers_rule() -> None:
    line = line_of(vector_of(FORWARD, 0, judgement(ALLOW, 3), judgement(ALLOW, 4)), flows_of())
    assert (line["policy"], line["rule"]) == ("shop/in", 'ingress["x"]')
    assert "audited" not in line


def test_an_audited_frame_says_so() -> None:
    line = line_of(vector_of(FORWARD, 0, judgement(AUDIT, 6), judgement(ALLOW, 4)), flows_of())
    assert (line["verdict"], line["policy"], line["rule"], line["audited"]) == ("forward", "shop/in", "ingress", True)


def test_a_frame_of_a_known_conversation_goes_on_by_what_that_keeps() -> None:
    line = line_of(vector_of(FORWARD, half=2), flows_of(judgement(ALLOW, 3), 0))
    assert (line["policy"], line["rule"]) == ("shop/out", "egress[0]")


def test_what_is_asked_anew_counts_for_more_than_what_is_kept() -> None:
    vector = vector_of(DROP, POLICY_DENIED, egress=judgement(DENY, 6), half=2)
    assert line_of(vector, flows_of(judgement(ALLOW, 3), 0))["policy"] == "shop/in"


def test_a_frame_dropped_for_another_reason_names_no_policy() -> None:
    line = line_of(vector_of(DROP, NO_ROUTE, judgement(ALLOW, 3)), flows_of())
    assert (line["reason"], line["policy"], line["rule"]) == ("no_route", None, None)


def test_what_cannot_be_read_names_who_isolates() -> None:
    line = line_of(vector_of(DROP, POLICY_UNREADABLE, 0, judgement(DENY, 6)), flows_of())
    assert (line["reason"], line["policy"]) == ("policy_unreadable", "shop/in")


@pytest.mark.parametrize("rule", [5, 7, 4000], ids=["without a name", "behind the last", "far behind"])
def test_a_rule_without_a_name_is_none(rule: int) -> None:
    line = line_of(vector_of(FORWARD, 0, judgement(ALLOW, rule)), flows_of())
    assert (line["policy"], line["rule"]) == (None, None)


def test_where_no_policies_are_nothing_is_read_of_them() -> None:
    line = line_of(vector_of(FORWARD, 0, judgement(ALLOW, 3)), flows_of(), is_judged=False)
    assert (line["policy"], line["rule"]) == (None, None)

"""Policies that change under way: conversations obey the new ones at their next packet, whichever way that goes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from control.model import Configuration
from control.policy.model import Manifests
from tests.drive import run_naive_phases, run_phases
from tests.rows.policy.world import (
    CLIENT,
    CLIENTS_ASK,
    CLOSED,
    GUARDED,
    NOTHING_IN,
    OPEN,
    QUIET,
    SERVER,
    heard,
    judged,
    labelled,
    passes,
    policy,
)
from tests.rows.router.errors import head, unreachable
from tests.rows.router.world import B1, B2, R1, met, sent, tcp, udp
from tests.rows.row import EPOCH_NS
from tests.runs import Arrival, Phase, Run

ASK, ANSWER = udp(B1.ip4, B2.ip4, dport=53), udp(B2.ip4, B1.ip4, 53, 4000)
ASKS, ANSWERS = ("b1", passes(B1, B2, ASK)), ("b2", passes(B2, B1, ANSWER))
DENIED = "policy_denied"
MEET = [(step.port, step.frame) for step in heard(B1, B2)]
UNJUDGED = replace(OPEN, manifests=None)

Runs = Callable[[Sequence[Phase]], Run]
each_runs = pytest.mark.parametrize("runs", [run_naive_phases, pytest.param(run_phases, marks=pytest.mark.kernel)])


def fates(runs: Runs, *phases: tuple[Configuration, Sequence[tuple[str, bytes]]]) -> list[str]:
    """Return what became of the frames of all phases but the first, which begin a second after each other."""
    made = [
        Phase(configuration, [Arrival(port, frame, EPOCH_NS + n * 10**9) for port, frame in frames])
        for n, (configuration, frames) in enumerate(phases)
    ]
    outcomes = runs(made).outcomes[len(phases[0][1]) :]
    return [outcome.reason or outcome.verdict for outcome in outcomes]


@each_runs
def test_a_conversation_ends_with_the_packet_after_the_change_and_goes_on_when_it_is_allowed_again(runs: Runs) -> None:
    found = fates(
        runs, (OPEN, [*MEET, ASKS, ANSWERS]), (CLOSED, [ASKS, ANSWERS]), (GUARDED, [ANSWERS, ASKS]), (CLOSED, [ANSWERS])
    )
    assert found == [DENIED, DENIED, "forward", "forward", DENIED]


@each_runs
def test_an_answer_is_judged_as_what_it_answers(runs: Runs) -> None:
    """The server may begin nothing, and the client hears nothing that it has not asked for."""
    changed = judged(policy("mute", egress=()), policy("deaf", of=CLIENT, ingress=()))
    assert fates(runs, (OPEN, [*MEET, ASKS]), (changed, [ANSWERS, ASKS])) == ["forward", "forward"]


@each_runs
def test_what_was_known_before_there_were_policies_is_judged_by_the_first(runs: Runs) -> None:
    before = replace(judged(), manifests=None)
    routed = [(step.port, step.frame) for step in met(R1, B2)]
    out = ("b2", sent(B2, tcp(B2.ip4, "198.51.100.9")))
    muted = judged(policy("mute", egress=()))
    assert fates(runs, (before, [*routed, out]), (muted, [out]))[-1:] == [DENIED]


@each_runs
def test_what_passes_where_nothing_is_judged_begins_no_conversation(runs: Runs) -> None:
    assert fates(runs, (UNJUDGED, [*MEET, ASKS]), (QUIET, [ASKS])) == [DENIED]


@each_runs
def test_without_policies_all_pass_again(runs: Runs) -> None:
    assert fates(runs, (CLOSED, [*MEET, ASKS]), (UNJUDGED, [ASKS, ANSWERS])) == ["forward", "forward"]


@each_runs
def test_other_labels_are_other_policies_at_once(runs: Runs) -> None:
    stranger = judged(CLIENTS_ASK, ports=(labelled(B1, ()),))
    assert fates(runs, (GUARDED, [*MEET, ASKS, ANSWERS]), (stranger, [ANSWERS, ASKS]), (GUARDED, [ASKS])) == [
        DENIED,
        DENIED,
        "forward",
    ]


@each_runs
def test_a_policy_that_begins_to_select_a_pod_closes_it(runs: Runs) -> None:
    free = judged(NOTHING_IN, ports=(labelled(B2, ()),))
    closed = judged(NOTHING_IN, ports=(labelled(B2, SERVER),))
    assert fates(runs, (free, [*MEET, ASKS]), (closed, [ASKS]), (free, [ASKS])) == [DENIED, "forward"]


@each_runs
def test_errors_about_a_conversation_pass_as_long_as_it_is_known(runs: Runs) -> None:
    error = ("b2", passes(B2, B1, unreachable(B2.ip4, B1.ip4, head(ASK), 3)))
    deaf = policy("deaf", of=CLIENT, ingress=())
    assert fates(runs, (OPEN, [*MEET, ASKS]), (judged(NOTHING_IN, deaf), [ASKS, error])) == [DENIED, "forward"]


@each_runs
def test_a_file_of_policies_that_changes_nothing_ends_nothing(runs: Runs) -> None:
    other = replace(GUARDED, manifests=Manifests((CLIENTS_ASK, policy("z", of=(("app", "nobody"),), ingress=()))))
    assert fates(runs, (GUARDED, [*MEET, ASKS]), (other, [ANSWERS, ASKS])) == ["forward", "forward"]

"""Another agent takes tables over: at no moment may anybody do what he may not before and after, or the other way."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from control.model import Address
from control.policy.book import PolicyBook, Wanted
from control.policy.model import Pod
from control.policy.taking import take_over
from dataplane.generation.build import free_copy
from dataplane.policy.build import PolicyWriter, write_policy
from dataplane.state import State
from tests.policy.agreement import asked_of, ends_of, everything, require_agreement
from tests.policy.matching import call_find_end, halves, judge, make_state, make_writer

pytestmark = pytest.mark.kernel

KEYS = [("tcp", 80), ("tcp", 443), ("sctp", 80), ("icmp", 0)]


class Watching:
    """A writer that is looked at after each of its words."""

    def __init__(self, writer: PolicyWriter, look: Callable[[], None]) -> None:
        self._writer = writer
        self._look = look

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._writer, name)
        if not callable(found):
            return found

        def call(*given: Any) -> Any:
            result = found(*given)
            self._look()
            return result

        return call


def in_force(state: State) -> Any:
    return state.policy[1 - free_copy(state.control[0])]


def verdicts(state: State, wanted: Wanted, indices: dict[str, int]) -> Iterator[bool]:
    """Yield who may talk to whom, by the ends that workers find."""

    def end_of(who: Pod | Address) -> int:
        if isinstance(who, Pod):
            return int(in_force(state).end_of_port[indices[who.port]])
        return int(call_find_end(state.routers[0], *halves(who)))

    for source in ends_of(wanted):
        for destination in ends_of(wanted):
            for protocol, port in KEYS:
                number = {"tcp": 6, "sctp": 132, "icmp": 1}[protocol]
                yield judge(state, end_of(source), end_of(destination), number, port)[0]


@given(everything)
@settings(max_examples=40, deadline=None)
def test_taking_over_the_same_changes_no_verdict_at_any_moment(wanted: Wanted) -> None:
    state = make_state()
    indices = {pod.port: n for n, pod in enumerate(wanted.pods.values()) if pod.port}
    first = PolicyBook(make_writer(state))
    first.settle(wanted)
    first.release()
    write_policy(in_force(state), True, {indices[port]: end for port, end in first.ends.items()})
    before = list(verdicts(state, wanted, indices))
    moments = 0

    def look() -> None:
        nonlocal moments
        moments += 1
        assert list(verdicts(state, wanted, indices)) == before

    writer = make_writer(state)
    again = PolicyBook(Watching(writer, look))  # type: ignore[arg-type]
    take_over(again, writer, wanted, indices)
    again.settle(wanted)
    assert again.ends == first.ends
    again.release()
    writer.retire_former()
    writer.tidy()
    assert moments
    require_agreement(asked_of(state, again), wanted)

"""What must hold of every run, whatever came in: nothing crashes, every frame is accounted for, the twin agrees.

``ComplaintError`` is the one exception that a failing input raises.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from control.model import Configuration
from tests.drive import run_naive
from tests.naive.switch import Outcome
from tests.runs import CALM, Arrival, Conditions, Conversation, Run, Traffic
from tests.tunnels import counted_at, tunnel_traffic, with_first_ports


class ComplaintError(AssertionError):
    """The run broke a rule; the sentence says which and where."""


def hold(configuration: Configuration, arrivals: Sequence[Arrival], run: Run, conditions: Conditions = CALM) -> None:
    """Hold a run of the real pipeline against the rules; ComplaintError says what was broken first."""
    run = with_first_ports(configuration, run)
    expected = run_naive(configuration, arrivals, conditions, run)
    account_for_frames(configuration, arrivals, run)
    for number, (arrival, twin, real) in enumerate(zip_longest(arrivals, expected.outcomes, run.outcomes)):
        if not are_alike(twin, real):
            raise ComplaintError(f"frame {number}: {arrival}: the twin says {twin}, the pipeline {real}")
    require_equal("drops by port and reason", +expected.drops, +run.drops)
    if expected.counters is not None and run.counters is not None:
        require_equal("FDB counters", +expected.counters, +run.counters)
    if run.conversations is not None:
        require_equal("conversations", told_apart(expected.conversations), told_apart(run.conversations))


def told_apart(conversations: Counter[Conversation] | None) -> Counter[Conversation]:
    """Return conversations with both directions counted as one where what goes either way has the same tuple."""
    return Counter(
        each._replace(packets=(sum(each.packets), 0), octets=(sum(each.octets), 0))
        if each.original == each.reply
        else each
        for each in (conversations or Counter()).elements()
    )


def are_alike(twin: Outcome | None, real: Outcome | None) -> bool:
    """Whether two say the same of a frame. What it caused beside itself may leave a port in another order."""
    if twin is None or real is None:
        return twin is real
    return (twin.verdict, twin.reason, sorted(twin.out)) == (real.verdict, real.reason, sorted(real.out))


def account_for_frames(configuration: Configuration, arrivals: Sequence[Arrival], run: Run) -> None:
    """In = out + dropped + consumed, and every counter tells the same story as the frames themselves."""
    verdicts = Counter(outcome.verdict for outcome in run.outcomes)
    if sum(verdicts[verdict] for verdict in ("forward", "drop", "consume")) != len(arrivals):
        raise ComplaintError(f"{len(arrivals)} frames in, and of them {dict(verdicts)}")
    dropped: Counter[tuple[str, str]] = Counter()
    for arrival, outcome in zip(arrivals, run.outcomes, strict=True):
        goes_nowhere = outcome.verdict == "forward" and not outcome.out
        if (outcome.verdict == "drop") != bool(outcome.reason) or goes_nowhere:
            raise ComplaintError(f"{arrival}: neither forwarded nor dropped for one reason: {outcome}")
        if outcome.reason:
            dropped[counted_at(configuration, arrival), outcome.reason] += 1
    if dropped - run.drops:
        raise ComplaintError(f"dropped by port and reason: {dropped}, counted {run.drops}")
    if run.traffic is not None:
        told = traffic_of(arrivals, run) | tunnel_traffic(configuration, arrivals, run)
        require_equal("traffic by port", told, {p: t for p, t in run.traffic.items() if any(t)})


def traffic_of(arrivals: Sequence[Arrival], run: Run) -> dict[str, Traffic]:
    """Return the ports' counters as the frames themselves give them."""
    received: Counter[str] = Counter()
    received_bytes: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    sent_bytes: Counter[str] = Counter()
    for arrival, outcome in zip(arrivals, run.outcomes, strict=True):
        received[arrival.port] += 1
        received_bytes[arrival.port] += len(arrival.frame)
        for port, copy in outcome.out:
            sent[port] += 1
            sent_bytes[port] += len(copy)
    ports = {*received, *sent}
    return {port: Traffic(received[port], received_bytes[port], sent[port], sent_bytes[port]) for port in ports}


def require_equal(what: str, expected: object, found: object) -> None:
    """Complain if ``found`` is not ``expected``."""
    if expected != found:
        raise ComplaintError(f"{what}: expected {expected}, found {found}")

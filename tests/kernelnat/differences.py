"""What differs from Linux on purpose, each with its reason; docs/nat.md has the same list in words."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.kernelnat.craft import TCP
from tests.kernelnat.messages import Step
from tests.kernelnat.play import Played

EARLY_FRAGMENTS = 8
"""How many fragments wait for their packet's first."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: how it is told from Linux's and this router's outcome, and why it is so."""

    name: str
    reason: str
    explains: Callable[[Step, Played, Played, "Memory"], bool]


@dataclass
class Memory:
    """What has been before: which ends outside had a connection that was reset, or one that went differently here, and
    which this router drew at random for an inside end that could not keep its port."""

    disturbed: set[object] = field(default_factory=set)
    drawn: set[object] = field(default_factory=set)

    def note(self, step: Step, ours: Played, differs: bool) -> None:
        """Note a step."""
        if differs or "RST" in step.label:
            self.disturbed.add(end_outside(step, step.conversation.inside_port))
        if not ours.keeps_port:
            self.drawn.add(end_outside(step, ours.port))


def end_outside(step: Step, port: int) -> object:
    """Return what nobody else may have outside if the inside end is to have this port there."""
    of = step.conversation
    return of.protocol, port, of.outside, of.outside_port


def is_not_judged(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return step.conversation.protocol == TCP and not theirs.seen and ours.passes


def has_too_many_waiting(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    if ours.seen or not theirs.passes or "shuffled" not in step.label:
        return False
    return any(is_first(packet) and n > EARLY_FRAGMENTS for n, packet in enumerate(step.make(0)))


def is_first(packet: bytes) -> bool:
    """Return whether a fragment is the first."""
    at, mask = (6, 0x1FFF) if packet[0] >> 4 == 4 else (42, 0xFFF8)
    return int.from_bytes(packet[at : at + 2], "big") & mask == 0


def is_refused_for_long(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return not ours.seen and theirs.seen != () and "overlapping" in step.label


def is_unasked_answer(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return "that nobody asked for" in step.label and not theirs.seen and len(ours.seen) == 1


def is_deprecated_query(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return "deprecated query" in step.label and theirs.seen != () and not ours.seen


def keeps_port_here(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return theirs.seen == ours.seen and ours.keeps_port and not theirs.keeps_port


def keeps_port_there(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return changes_port(step, theirs, ours, memory.disturbed)


def was_drawn(step: Step, theirs: Played, ours: Played, memory: Memory) -> bool:
    return changes_port(step, theirs, ours, memory.drawn)


def changes_port(step: Step, theirs: Played, ours: Played, taken: set[object]) -> bool:
    """Return whether the port is another only here, and the inside end's own is among those taken."""
    differs = theirs.keeps_port and not ours.keeps_port
    return theirs.seen == ours.seen and differs and end_outside(step, step.conversation.inside_port) in taken


DIFFERENCES = [
    Difference(
        "segments are not judged",
        "Linux calls segments invalid that are out of window, have flags that no connection has there, or a wrong "
        "checksum, and rules drop them. Here they go on, translated, and change nothing of what is known of their "
        "flow: the end that they are for knows more than a router between.",
        is_not_judged,
    ),
    Difference(
        "eight fragments wait for their first",
        "Linux puts packets together, within megabytes of memory. Here fragments go on as they come, and only those "
        "before the first are kept, eight a packet, so that nobody can fill the memory with them.",
        has_too_many_waiting,
    ),
    Difference(
        "overlaps are remembered",
        "Linux forgets a packet with its overlap, and takes what comes of it later for a new one. Here it stays "
        "refused until its time is over (RFC 5722: those not yet received included).",
        is_refused_for_long,
    ),
    Difference(
        "answers pass that nobody asked for",
        "Linux calls the answer to a query that it has not seen invalid. Here it begins a conversation, as segments do "
        "that come midway: its query may have been before the router.",
        is_unasked_answer,
    ),
    Difference(
        "deprecated queries do not pass",
        "Linux knows address mask requests; they are deprecated since RFC 6918. Of ICMP's queries, echo and timestamps "
        "pass here.",
        is_deprecated_query,
    ),
    Difference(
        "ports are kept wherever they are free",
        "An inside port that had to change for one destination changes in Linux for others too. Here it is kept where "
        "it is free; `endpoint_independent` is there for who wants one port for all.",
        keeps_port_here,
    ),
    Difference(
        "closed connections keep their port for seconds",
        "Linux forgets a connection that is refused at once. Here it stays for the timeout of closed ones, as those "
        "do that were reset later, for segments that are still under way; so does what began with a segment that "
        "Linux would call invalid. Meanwhile another host gets another port.",
        keeps_port_there,
    ),
    Difference(
        "ports are drawn at random",
        "Both give a port drawn at random to an inside end that cannot keep its own. The one drawn here may be what a "
        "later conversation with the same destination would have kept.",
        was_drawn,
    ),
]


@dataclass
class Comparison:
    """How many steps went alike, which differ on purpose and why, and which others differ."""

    alike: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.alike} alike", *(f"{count} on purpose: {name}" for name, count in self.explained.items())]
        return "\n".join([*lines, f"{len(self.unexplained)} unexplained", *self.unexplained[:20]])


def compare(
    steps: Sequence[Step], theirs: Sequence[Played], ours: Sequence[Played], differences: Sequence[Difference]
) -> Comparison:
    """Compare what came of each step. That the ports differ is said once of a conversation."""
    result, memory = Comparison(), Memory()
    other_port: set[int] = set()
    for step, one, other in zip(steps, theirs, ours, strict=True):
        number = step.conversation.number
        is_alike = one.seen == other.seen and (one.keeps_port == other.keeps_port or number in other_port)
        if is_alike:
            memory.note(step, other, differs=False)
            result.alike += 1
            continue
        name = next((each.name for each in differences if each.explains(step, one, other, memory)), None)
        if name is None:
            result.unexplained.append(describe(step, one, other))
        else:
            result.explained[name] += 1
        memory.note(step, other, differs=True)
        if one.keeps_port != other.keeps_port:
            other_port.add(number)
    return result


def describe(step: Step, theirs: Played, ours: Played) -> str:
    """Return what differs, for people."""
    lines = [str(step)]
    for name, played in (("Linux", theirs), ("here", ours)):
        seen = [str(each) for each in played.seen] or ["nothing"]
        lines += [f"  {name:6}{'' if played.keeps_port else ' (another port)'} {each}" for each in seen]
    return "\n".join(lines)

"""Checks of one frame's passage, small enough to combine: each is called with the passage and complains by assertion.

    check(passage, came_out_of("p2"), tagged(10, pcp=3))

Checks of bytes hold for every copy that went out; ``at(port, …)`` narrows them to one port's copy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scapy.layers.l2 import Ether

from tests.naive.switch import Outcome


@dataclass(frozen=True)
class Passage:
    """The frame that came in at ``port``, and what became of it."""

    port: str
    frame: bytes
    outcome: Outcome


Check = Callable[[Passage], None]


def check(passage: Passage, *checks: Check) -> None:
    """Apply all ``checks``."""
    for each in checks:
        each(passage)


def came_out_of(*ports: str) -> Check:
    """Exactly these ports sent a copy, one each, in the configuration's order."""

    def check_ports(passage: Passage) -> None:
        assert passage.outcome.reason is None, f"forwarded to {ports}, not dropped: {passage.outcome.reason}"
        assert passage.outcome.verdict == "forward"
        assert tuple(name for name, _ in passage.outcome.out) == ports

    return check_ports


def dropped(reason: str) -> Check:
    """The frame ended here for ``reason``, and nothing went out."""

    def check_drop(passage: Passage) -> None:
        assert (passage.outcome.verdict, passage.outcome.reason) == ("drop", reason), describe(passage)
        assert not passage.outcome.out, "a dropped frame leaves no copy"

    return check_drop


def refused(reason: str, port: str, frame: bytes) -> Check:
    """The frame ended here for ``reason``; ``frame`` at ``port`` tells its sender, and nothing else was sent."""
    return refused_several(reason, (port, frame))


def refused_several(reason: str, *sent: tuple[str, bytes]) -> Check:
    """The frame ended here for ``reason``, and with what else it caused exactly these frames were sent."""

    def check_refusal(passage: Passage) -> None:
        assert (passage.outcome.verdict, passage.outcome.reason) == ("drop", reason), describe(passage)
        check_sent(passage, sent)

    return check_refusal


def consumed(*sent: tuple[str, bytes]) -> Check:
    """The fabric took the frame itself, and sent exactly these frames."""

    def check_consumption(passage: Passage) -> None:
        assert (passage.outcome.verdict, passage.outcome.reason) == ("consume", None), describe(passage)
        check_sent(passage, sent)

    return check_consumption


def forwarded(*sent: tuple[str, bytes]) -> Check:
    """The frame went on, and with what it caused exactly these frames were sent."""

    def check_passage(passage: Passage) -> None:
        assert (passage.outcome.verdict, passage.outcome.reason) == ("forward", None), describe(passage)
        check_sent(passage, sent)

    return check_passage


def check_sent(passage: Passage, sent: Sequence[tuple[str, bytes]]) -> None:
    """Exactly ``sent`` left, by these ports in this order."""
    found = passage.outcome.out
    for k, (expected, real) in enumerate(zip(sent, found, strict=False)):
        if expected != real:
            message = f"copy {k}\nexpected {expected[0]} {show(expected[1])}\nfound    {real[0]} {show(real[1])}"
            raise AssertionError(message)
    assert [port for port, _ in found] == [port for port, _ in sent], (
        f"sent, port by port; beyond {len(sent)}: {[show(frame) for _, frame in found[len(sent) :]]}"
    )


def show(frame: bytes) -> str:
    """Return a frame for people, and its bytes."""
    return f"{Ether(frame)!r}\n         {frame.hex()}"


def untouched() -> Check:
    """Every copy is the frame that came in, byte for byte."""
    return carries_what(lambda passage: passage.frame, "as it came in")


def carries(expected: bytes) -> Check:
    """Every copy is ``expected``."""
    return carries_what(lambda _: expected, "as written")


def carries_what(expected: Callable[[Passage], bytes], how: str) -> Check:
    """Every copy equals what ``expected`` makes of the passage."""

    def check_bytes(passage: Passage) -> None:
        assert passage.outcome.out, f"a copy went out; {describe(passage)}"
        for port, copy in passage.outcome.out:
            assert copy.hex(" ") == expected(passage).hex(" "), f"the copy at {port} is {how}"

    return check_bytes


def untagged() -> Check:
    """No copy has an 802.1Q tag."""

    def check_tag(passage: Passage) -> None:
        for port, copy in passage.outcome.out:
            assert copy[12:14] != b"\x81\x00", f"the copy at {port} has no tag"

    return check_tag


def tagged(vid: int, pcp: int = 0, dei: int = 0) -> Check:
    """Every copy's outermost tag is 802.1Q with these fields."""

    def check_tag(passage: Passage) -> None:
        for port, copy in passage.outcome.out:
            assert copy[12:14] == b"\x81\x00", f"the copy at {port} is tagged"
            tci = int.from_bytes(copy[14:16], "big")
            assert (tci & 0xFFF, tci >> 13, tci >> 12 & 1) == (vid, pcp, dei), f"the tag at {port}: (vid, pcp, dei)"

    return check_tag


def at(port: str, *checks: Check) -> Check:
    """``checks`` hold for the copy that left by ``port``."""

    def check_copy(passage: Passage) -> None:
        copies = tuple(copy for copy in passage.outcome.out if copy[0] == port)
        assert copies, f"a copy left by {port}; {describe(passage)}"
        check(replace(passage, outcome=replace(passage.outcome, out=copies)), *checks)

    return check_copy


def describe(passage: Passage) -> str:
    """Return the passage in one line, for a failed check."""
    outcome = passage.outcome
    ports = ", ".join(name for name, _ in outcome.out) or "nowhere"
    return f"{len(passage.frame)} bytes in at {passage.port}: {outcome.verdict} ({outcome.reason}) to {ports}"

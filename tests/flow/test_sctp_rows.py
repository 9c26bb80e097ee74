"""Rows of SCTP packets: what each does to its association.

A row is a direction, the verification tag, and the packet's chunks: ``init=T`` and ``init_ack=T`` ask for the tag T,
``abort!`` and ``shutdown_complete!`` have the T bit. Behind ``|`` stands what ``test_tcp_rows.py`` says.
"""

import struct

import pytest

from dataplane.flow.tables import ASSURED
from dataplane.vector import LATER_FRAGMENT
from tests.flow.conversations import Conversation, ticks

pytestmark = pytest.mark.kernel

TYPES = {"data": 0, "init": 1, "init_ack": 2, "sack": 3, "heartbeat": 4, "heartbeat_ack": 5, "abort": 6, "shutdown": 7}
TYPES |= {"shutdown_ack": 8, "error": 9, "cookie_echo": 10, "cookie_ack": 11, "shutdown_complete": 14}

OPEN = """
    > 0  init=77              | cookie_wait
    < 77 init_ack=55          | cookie_wait
    > 55 cookie_echo data     | cookie_echoed
    < 77 cookie_ack sack      | established *
"""
SPECIFICATIONS = {
    "opened, used, closed": OPEN
    + """
    > 55 data                 | established *
    < 77 sack data            | established *
    > 55 sack heartbeat       | established *
    < 77 heartbeat_ack        | established *
    > 55 shutdown             | shutdown_sent *
    < 77 shutdown_ack         | shutdown_ack_sent *
    > 55 shutdown_complete    | closed
    > 0  init=99              | closed anew
    < 0  init=99              | closed anew
    """,
    "closed by the other side": OPEN
    + """
    < 77 data shutdown        | shutdown_sent *
    > 55 shutdown_ack         | shutdown_ack_sent *
    < 55 shutdown_complete!   | closed
    """,
    "INIT sent again": """
    > 0  init=77              | cookie_wait
    > 0  init=78              | cookie_wait
    < 77 init_ack=55          | cookie_wait ignored
    < 78 init_ack=55          | cookie_wait
    """,
    "an INIT has no tag": """
    > 0  init=77              | cookie_wait
    > 7  init=78              | cookie_wait ignored
    < 77 init_ack=55          | cookie_wait
    """,
    "refused": """
    > 0  init=77              | cookie_wait
    < 76 abort                | cookie_wait ignored
    < 77 abort                | closed
    """,
    "strangers": OPEN
    + """
    > 54 data                 | established * ignored
    < 55 data                 | established * ignored
    < 76 abort                | established * ignored
    < 77 abort!               | established * ignored
    > 77 shutdown             | established * ignored
    < 33 init_ack=44          | established * ignored
    < 77 data                 | established *
    """,
    "aborted with the tag of the other direction": OPEN
    + """
    < 55 abort!               | closed
    """,
    "one end begins anew": OPEN
    + """
    > 0  init=88              | established * ignored
    > 55 data                 | established *
    < 88 init_ack=66          | cookie_wait *
    < 77 data                 | cookie_wait * ignored
    > 66 cookie_echo          | cookie_echoed *
    < 88 cookie_ack           | established *
    """,
    "both begin at once": """
    > 0  init=77              | cookie_wait
    < 0  init=55              | cookie_wait ignored
    > 55 init_ack=77          | cookie_wait
    > 55 cookie_echo          | cookie_echoed
    < 77 cookie_ack           | established *
    """,
    "picked up in its middle": """
    > 55 data                 | established for one_way
    > 55 data                 | established for one_way
    < 77 sack                 | established *
    < 78 abort                | established * ignored
    > 55 shutdown             | shutdown_sent *
    """,
    "a further path": """
    > 55 heartbeat            | heartbeat_sent
    < 77 heartbeat_ack        | established *
    > 54 data                 | established * ignored
    > 55 data                 | established *
    """,
    "begins with what begins nothing": """
    > 55 abort                | closed
    > 0  init=77              | closed anew
    """,
}


def packet(tag: int, chunks: list[str]) -> bytes:
    """Return an SCTP packet of chunks as the rows name them."""
    parts = [struct.pack("!HHII", 4000, 80, tag, 0)]
    for chunk in chunks:
        name, _, wanted = chunk.rstrip("!").partition("=")
        body = struct.pack("!IIHHI", int(wanted), 65536, 10, 10, 1) if wanted else b"data!"
        parts.append(
            struct.pack("!BBH", TYPES[name], chunk.endswith("!"), 4 + len(body)) + body + bytes(-len(body) % 4)
        )
    return b"".join(parts)


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_rows(name: str) -> None:
    packets = Conversation(132)
    for line in filter(str.strip, SPECIFICATIONS[name].splitlines()):
        sent, _, said = line.partition("|")
        way, tag, *chunks = sent.split()
        state, *more = said.split()
        outcome = packets.send(way == "<", packet(int(tag), chunks))
        assert outcome.state == state, line
        assert outcome.anew == ("anew" in more), line
        assert bool(outcome.traits & ASSURED) == ("*" in more), line
        lives = ticks("sctp_established" if state == "established" and "for" not in more else "sctp")
        assert outcome.lives == (None if {"ignored", "anew"} & set(more) else lives), line
        packets.tick += 7


@pytest.mark.parametrize("length", range(12, 24))
def test_chunks_cut_short_are_not_read(length: int) -> None:
    """An INIT's tag must be there; what is no chunk changes nothing."""
    packets = Conversation(132)
    packets.send(0, packet(0, ["init=77"])[:length])
    expected = "cookie_wait" if length >= 20 else "closed"
    assert packets.record.state == {"cookie_wait": 1, "closed": 6}[expected]


def test_chunks_of_no_length_end_the_search() -> None:
    packets = Conversation(132)
    packets.send(0, packet(0, ["init=77"]))
    nothing = packet(77, []) + bytes(8) + packet(77, ["abort"])[12:]
    assert packets.send(1, nothing).lives is None


def test_later_fragments_keep_an_association() -> None:
    packets = Conversation(132)
    packets.send(0, packet(0, ["init=77"]))
    assert packets.send(1, b"", LATER_FRAGMENT, 100).lives == ticks("sctp")

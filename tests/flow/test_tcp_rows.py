"""Rows of segments: what each does to its connection.

A row is a direction (``>`` the original one, ``<`` the reply), flags, the sequence number, and what is not as usual:
``aN`` acknowledgement, ``+N`` bytes of data, ``wN`` window (8192 unless given), ``sN`` window scale option. Then,
behind ``|``, the state; ``ignored`` if nothing else changes, ``for X`` if the flow lives for another timeout than its
state's, ``anew`` if the flow is to begin anew; ``*`` if it is assured. Every specification is read at several places in
the space of sequence numbers, which wraps around.
"""

import re

import pytest

from dataplane.fdb.build import ticks_of
from dataplane.flow.build import UNANSWERED_SECONDS
from dataplane.flow.tables import ASSURED
from tests.flow.conversations import Conversation, scale_option, tcp, ticks

pytestmark = pytest.mark.kernel

OPEN = """
    > S  1000                  | syn_sent
    < SA 5000 a1001            | syn_received
    > A  1001 a5001            | established *
"""
SPECIFICATIONS = {
    "handshake and data": OPEN
    + """
    > PA 1001 a5001 +500       | established *
    < A  5001 a1501            | established *
    < PA 5001 a1501 +700       | established *
    > A  1501 a5701            | established *
    """,
    "a handshake whose last acknowledgement brings data": """
    > S  1000                  | syn_sent
    < SA 5000 a1001            | syn_received
    > PA 1001 a5001 +100       | established *
    """,
    "every segment of a handshake sent again": """
    > S  1000                  | syn_sent
    > S  1000                  | syn_sent
    < SA 5000 a1001            | syn_received
    > S  1000                  | syn_received ignored
    < SA 5000 a1001            | syn_received
    > A  1001 a5001            | established *
    < SA 5000 a1001            | established * ignored
    > A  1001 a5001            | established *
    """,
    "another beginning before the answer": """
    > S  1000                  | syn_sent
    > S  9000                  | syn_sent
    < SA 5000 a1001            | syn_sent ignored
    < SA 5000 a9001            | syn_received
    > A  9001 a5001            | established *
    """,
    "data in the SYN, taken": """
    > S  1000 +400             | syn_sent
    < SA 5000 a1401            | syn_received
    > A  1401 a5001            | established *
    """,
    "data in the SYN, not taken": """
    > S  1000 +400             | syn_sent
    < SA 5000 a1001            | syn_received
    > A  1001 a5001 +400       | established *
    """,
    "simultaneous open": """
    > S  1000                  | syn_sent
    < S  5000                  | simultaneous_open
    > SA 1000 a5001            | syn_received
    < SA 5000 a1001            | syn_received
    > A  1001 a5001 +5         | established *
    < A  5001 a1006            | established *
    """,
    "simultaneous open, the reply's side answers first": """
    > S  1000                  | syn_sent
    < S  5000                  | simultaneous_open
    < SA 5000 a1001            | syn_received
    > A  1001 a5001            | established *
    """,
    "a refused connection": """
    > S  1000                  | syn_sent
    < RA 0 a1001               | close
    > S  2000                  | close anew
    """,
    "resets that answer no SYN of ours": """
    > S  1000                  | syn_sent
    < RA 0 a1000               | syn_sent ignored
    < RA 0 a1002               | syn_sent ignored
    < R  1001                  | syn_sent ignored
    < A  5000 a1               | syn_sent ignored
    < SA 5000 a1000            | syn_sent ignored
    < SA 5000 a1002            | syn_sent ignored
    """,
    "given up before the answer": """
    > S  1000                  | syn_sent
    > R  1001                  | close
    """,
    "picked up in its middle": """
    > A  1000 a5000            | established for unanswered
    > PA 1000 a5000 +100       | established for unanswered
    < A  5000 a1100            | established *
    > PA 900000 a70000 +100    | established *
    """,
    "picked up, and gone at the other end": """
    > PA 1000 a5000 +100       | established for unanswered
    < R  5000                  | close
    """,
    "picked up, resets too far off": """
    > PA 1000 a5000 +100       | established for unanswered
    < PA 5000 a1100 +100       | established *
    < R  4000                  | established * ignored
    < R  2000000000            | established * ignored
    < R  5050                  | established * for close
    < R  5100                  | close
    """,
    "picked up while it closes": """
    > FA 1000 a5000            | fin_wait
    < FA 5000 a1001            | last_ack
    > A  1001 a5001            | time_wait
    """,
    "begins with what begins nothing": """
    > R  1000                  | close
    < A  5000 a1000            | close
    > S  1000                  | close anew
    """,
    "loss: later data comes first, then what was lost": OPEN
    + """
    > PA 2001 a5001 +1000      | established *
    > PA 3001 a5001 +1000      | established *
    < A  5001 a1001            | established *
    > PA 1001 a5001 +1000      | established *
    < A  5001 a4001            | established *
    """,
    "sent again, all of the window": OPEN
    + """
    > PA 1001 a5001 +8000      | established *
    > PA 1001 a5001 +8000      | established *
    < A  5001 a9001            | established *
    > PA 1001 a5001 +8000      | established *
    """,
    "beyond the window": OPEN
    + """
    > PA 9193 a5001 +10        | established *
    > PA 9194 a5001 +10        | established * ignored
    > FA 9194 a5001            | established * ignored
    """,
    "a closed window is probed": OPEN
    + """
    > PA 1001 a5001 +8192      | established *
    < A  5001 a9193 w0         | established *
    > A  9193 a5001 +1         | established *
    < A  5001 a9193 w0         | established *
    > A  9192 a5001            | established *
    < A  5001 a9193 w8192      | established *
    """,
    "acknowledges what was not sent": OPEN
    + """
    < A  5001 a1002            | established * ignored
    < FA 5001 a1002            | established * ignored
    > A  1001 a5002            | established * ignored
    """,
    "acknowledges what was long ago": OPEN
    + """
    > A  1001 a4294833000      | established * ignored
    """,
    "scaled windows": """
    > S  1000 s7               | syn_sent
    < SA 5000 a1001 s3         | syn_received
    > A  1001 a5001 w1000      | established *
    < PA 133001 a1001 +9       | established *
    < PA 133002 a1001 +9       | established * ignored
    """,
    "a window scale that one end alone offers": """
    > S  1000 s7               | syn_sent
    < SA 5000 a1001            | syn_received
    > A  1001 a5001 w9000      | established *
    < PA 14001 a1001 +9        | established *
    < PA 14002 a1001 +9        | established * ignored
    """,
    "resets": OPEN
    + """
    > PA 1001 a5001 +100       | established *
    > R  1000                  | established * ignored
    > R  9194                  | established * ignored
    > R  1050                  | established * for close
    > A  1101 a5001            | established *
    > R  1101                  | close
    < A  5001 a1101            | close
    """,
    "a reset of what has been acknowledged": OPEN
    + """
    > PA 1001 a5001 +100       | established *
    > RA 1001 a5001            | close
    """,
    "closed from the original side": OPEN
    + """
    > FA 1001 a5001            | fin_wait *
    < A  5001 a1002            | close_wait *
    < FA 5001 a1002            | last_ack *
    > A  1002 a5002            | time_wait
    > A  1002 a5002            | time_wait
    """,
    "closed from the reply's side": OPEN
    + """
    < FA 5001 a1001            | fin_wait *
    > FA 1001 a5002            | last_ack *
    < A  5002 a1002            | time_wait
    """,
    "closed with data, FINs sent again": OPEN
    + """
    > FPA 1001 a5001 +100      | fin_wait *
    > FPA 1001 a5001 +100      | fin_wait *
    < A  5001 a1001            | fin_wait *
    < A  5001 a1102            | close_wait *
    < FA 5001 a1102            | last_ack *
    < FA 5001 a1102            | last_ack *
    > A  1102 a5002            | time_wait
    < FA 5001 a1102            | time_wait
    """,
    "half closed, the other half goes on": OPEN
    + """
    > FA 1001 a5001            | fin_wait *
    < PA 5001 a1002 +1000      | close_wait *
    > A  1002 a6001            | close_wait *
    < PA 6001 a1002 +1000      | close_wait *
    < FA 7001 a1002            | last_ack *
    > A  1002 a7002            | time_wait
    """,
    "closed by both at once": OPEN
    + """
    > FA 1001 a5001            | fin_wait *
    < FA 5001 a1001            | last_ack *
    > A  1002 a5002            | last_ack *
    < A  5002 a1002            | time_wait
    """,
    "a FIN comes before the data ahead of it": OPEN
    + """
    > FPA 1501 a5001 +100      | fin_wait *
    < A  5001 a1001            | fin_wait *
    > PA 1001 a5001 +500       | fin_wait *
    < A  5001 a1602            | close_wait *
    """,
    "reset while it closes": OPEN
    + """
    > FA 1001 a5001            | fin_wait *
    < RA 5001 a1002            | close
    """,
    "time wait, used again from either side": OPEN
    + """
    > FA 1001 a5001            | fin_wait *
    < FA 5001 a1002            | last_ack *
    > A  1002 a5002            | time_wait
    < SA 7000 a1002            | time_wait ignored
    < S  9000                  | time_wait anew
    > S  9000                  | time_wait anew
    """,
    "a SYN within the connection is ignored": OPEN
    + """
    > S  1001                  | established * ignored
    < S  5001                  | established * ignored
    < A  5001 a1001            | established *
    """,
    "one end begins anew, the other answers": OPEN
    + """
    > PA 1001 a5001 +100       | established *
    > S  700000 s4             | established * ignored
    < SA 900000 a700000        | established * ignored
    < SA 900000 a700001 s4     | syn_received *
    > A  700001 a900001 w5000  | established *
    < PA 980001 a700001 +10    | established *
    < PA 980002 a700001 +10    | established * ignored
    """,
    "data right behind the answer to a SYN": """
    > S  1000                  | syn_sent
    < SA 5000 a1001            | syn_received
    < PA 13193 a1001 +9        | syn_received
    < PA 13194 a1001 +9        | syn_received ignored
    > A  1001 a5001            | established *
    """,
    "nonsense": OPEN
    + """
    > SF  1001                 | established * ignored
    > SR  1001                 | established * ignored
    > F   1001                 | established * ignored
    > P   1001                 | established * ignored
    > FRA 1001 a5001           | established * ignored
    > AUEC 1001 a5001          | established *
    """,
}
ROW = re.compile(r"(?P<way>[<>]) (?P<flags>[A-Z]+) +(?P<sequence>\d+)(?P<rest>[^|]*)\| (?P<state>\w+)(?P<more>.*)")


@pytest.mark.parametrize("origin", [0, (1 << 32) - 3000, 1 << 31])
@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_rows(name: str, origin: int) -> None:
    segments = Conversation(6)
    for line in filter(str.strip, SPECIFICATIONS[name].splitlines()):
        row = ROW.fullmatch(line.strip())
        assert row, line
        rest = {word[0]: int(word[1:]) for word in row["rest"].split()}
        options = scale_option(rest["s"]) if "s" in rest else b""
        zero = origin if row["sequence"] != "0" else 0  # a reset without a number of its own
        sequence, ack = int(row["sequence"]) + zero, rest.get("a", 0) + origin
        segment = tcp(row["flags"], sequence, ack if "a" in rest else 0, rest.get("w", 8192), options)
        outcome = segments.send(row["way"] == "<", segment, payload=rest.get("+", 0))
        more = row["more"].split()
        assert outcome.state == row["state"], line
        assert outcome.anew == ("anew" in more), line
        assert bool(outcome.traits & ASSURED) == ("*" in more), line
        lives = more[more.index("for") + 1] if "for" in more else row["state"]
        expected = None if {"ignored", "anew"} & set(more) else lifetime(lives)
        assert outcome.lives == expected, line
        segments.tick += 7


def lifetime(name: str) -> int:
    """Return for how many ticks a connection lives."""
    if name == "unanswered":
        return ticks_of(UNANSWERED_SECONDS)
    return ticks("tcp_syn_sent" if name == "simultaneous_open" else f"tcp_{name}")

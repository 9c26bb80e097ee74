"""TCP connections: opened, used, closed, reset, given up, taken up again."""

from random import Random

from tests.kernelnat.craft import ACK, FIN, PSH, RST, SYN, TCP, ip, tcp, with_checksum
from tests.kernelnat.errors import complain_about_something
from tests.kernelnat.messages import Conversation, Message, Script

NAMES = {FIN: "FIN", SYN: "SYN", RST: "RST", PSH: "PSH", ACK: "ACK"}
SPOILED_BY = 0x5A5A
"""How far a spoiled checksum is off, whichever ports a router gives: added, not flipped, for a translation to keep."""


class Connection:
    """Both ends' sequence numbers, and the script that they speak."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.random = script.random
        self.next = {inside: self.random.getrandbits(32) for inside in (True, False)}

    def segment(self, from_inside: bool, bits: int, payload: int = 0, shift: int = 0, spoiled: bool = False) -> None:
        """Say a segment; ``shift`` moves its sequence number, and then nothing comes of it."""
        seq, ack = self.next[from_inside] + shift, self.next[not from_inside] if bits & ACK else 0
        data = self.random.randbytes(payload)
        identification = self.random.getrandbits(16)

        def build(source: str, sport: int, destination: str, dport: int) -> bytes:
            body = tcp(source, sport, destination, dport, seq, ack, bits, data)
            if spoiled:
                body = with_checksum(body, 16, (int.from_bytes(body[16:18], "big") + SPOILED_BY) % 0xFFFF)
            return ip(source, destination, TCP, body, identification=identification, dont_fragment=True)

        label = "+".join(name for bit, name in NAMES.items() if bits & bit) or "no flags"
        label += f" {payload} bytes" * bool(payload) + " out of window" * bool(shift) + " bad checksum" * spoiled
        self.script.say(Message(from_inside, label, build))
        if not shift and not spoiled:
            self.next[from_inside] += payload + bool(bits & SYN) + bool(bits & FIN)

    def open(self) -> None:
        """Shake hands."""
        self.segment(True, SYN)
        self.segment(False, SYN | ACK)
        self.segment(True, ACK)

    def talk(self, exchanges: int) -> None:
        """Send data either way, acknowledged or not."""
        for _ in range(exchanges):
            sender = self.random.random() < 0.5
            for _ in range(self.random.randrange(1, 4)):
                self.segment(sender, ACK | PSH * self.random.randrange(2), self.random.choice([0, 1, 100, 1400]))
            if self.random.random() < 0.8:
                self.segment(not sender, ACK)

    def close(self) -> None:
        """Take leave, one after the other, or both at once."""
        first = self.random.random() < 0.5
        self.segment(first, FIN | ACK)
        if self.random.random() < 0.2:
            self.next[first] -= 1
            self.segment(not first, FIN | ACK)
            self.next[first] += 1
        else:
            self.segment(not first, ACK)
            self.segment(not first, FIN | ACK)
        self.segment(first, ACK)


def tcp_script(conversation: Conversation, random: Random) -> Script:
    """Return one of the ways that a connection goes."""
    script = Script(conversation, random)
    connection = Connection(script)
    kind = random.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    KINDS[kind][1](connection)
    return script


def whole(connection: Connection) -> None:
    """A connection from begin to end, and sometimes its successor with the same ports."""
    connection.open()
    connection.talk(connection.random.randrange(5))
    connection.close()
    if connection.random.random() < 0.2:
        connection.next = {inside: seq + 100_000 for inside, seq in connection.next.items()}
        connection.open()
        connection.talk(1)


def reset(connection: Connection) -> None:
    """A connection that is reset, and then tried again."""
    connection.open()
    connection.talk(connection.random.randrange(3))
    connection.segment(connection.random.random() < 0.5, RST | ACK * connection.random.randrange(2))
    if connection.random.random() < 0.5:
        connection.next[True] += 200_000
        connection.open()


def refused(connection: Connection) -> None:
    """Nobody listens."""
    for _ in range(connection.random.randrange(1, 3)):
        connection.segment(True, SYN)
        connection.segment(False, RST | ACK)


def unanswered(connection: Connection) -> None:
    """Nobody answers, or an error does."""
    for _ in range(connection.random.randrange(1, 4)):
        connection.segment(True, SYN)
        connection.next[True] -= 1
    if connection.random.random() < 0.5:
        complain_about_something(connection.script)


def disturbed(connection: Connection) -> None:
    """Errors, and segments out of window, amid a connection that goes on."""
    connection.open()
    for _ in range(connection.random.randrange(1, 4)):
        connection.talk(1)
        what = connection.random.randrange(3)
        if what == 0:
            far = connection.random.choice([-1_000_000, 1_000_000])
            connection.segment(
                connection.random.random() < 0.5, connection.random.choice([RST, ACK, FIN | ACK]), shift=far
            )
        elif what == 1:
            connection.segment(connection.random.random() < 0.5, ACK, 50, spoiled=True)
        else:
            complain_about_something(connection.script)
    connection.close()


def midway(connection: Connection) -> None:
    """A connection that was there before the router."""
    connection.segment(True, ACK, 100)
    connection.segment(False, ACK)
    connection.talk(2)
    connection.close()


def odd(connection: Connection) -> None:
    """Segments that begin nothing, or that no connection has."""
    bits = connection.random.choice([0, SYN | FIN, FIN | PSH, SYN | ACK, RST, FIN | ACK, SYN | RST])
    connection.segment(True, bits)
    connection.segment(False, ACK)


KINDS = {
    "whole": (8, whole),
    "reset": (3, reset),
    "refused": (2, refused),
    "unanswered": (2, unanswered),
    "disturbed": (4, disturbed),
    "midway": (1, midway),
    "odd": (1, odd),
}

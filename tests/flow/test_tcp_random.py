"""Any segments: the kernels agree with their twin. And what hosts really send, through loss, is never out of window."""

from random import Random

import pytest

from dataplane.flow.tables import ANSWERED, ASSURED, FINISHED, PICKED_UP
from dataplane.vector import FIRST_FRAGMENT, WHOLE
from tests.flow.conversations import Conversation, Outcome, scale_option, tcp
from tests.flow.test_tcp_rows import lifetime
from tests.naive.tcp import SLACK, WRAP, Connection, Segment
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FLAGS = ("A", "A", "PA", "PA", "A", "FA", "FPA", "S", "SA", "R", "RA", "FS", "F", "SR", "P")
AWAY = (0, 0, 0, 0, 0, 1, -1, 500, -500, SLACK, -SLACK, -SLACK - 1, 1 << 30)
OPENING = ("S", "SA", "A")


def send(conversation: Conversation, segment: Segment) -> Outcome:
    """Send a segment through the kernels."""
    options = b"" if segment.scale is None else scale_option(segment.scale)
    flags = "".join(segment.flags)
    header = tcp(flags, segment.sequence, segment.ack, segment.window, options)
    fragment = FIRST_FRAGMENT if segment.fragment else WHOLE
    return conversation.send(int(segment.reply), header, fragment, segment.payload)


def any_segment(random: Random, twin: Connection, step: int, opening: bool) -> Segment:
    """Return a segment whose numbers lie at or about those that matter."""
    reply = step > 0 and random.random() < 0.5
    flags = frozenset(random.choice(FLAGS))
    if opening and step < len(OPENING):
        reply, flags = step == 1, frozenset(OPENING[step])
    own, other = twin.sides[reply], twin.sides[not reply]
    away = 0 if opening and step < len(OPENING) else random.choice((*AWAY, random.getrandbits(32)))
    known = (own.end, own.end, own.may_send_to, other.acknowledged)
    sequence = (known[0] if opening and step == 2 else random.choice(known)) + away
    if step == 0 or (step == 1 and opening):
        sequence = random.choice((0, WRAP - 100, WRAP // 2, random.getrandbits(32)))
    heard = random.choice((0, 0, 0, 0, 0, 1, -1, -500, -(1 << 17), random.getrandbits(32)))
    ack = random.choice((other.end, other.end, own.acknowledged)) + heard
    if opening and step < len(OPENING):
        ack = other.end
    scale = random.choice((None, 0, 2, 7, 14)) if "S" in flags else None
    payload = random.choice((0, 0, 1, 500, 8000, 60_000)) if step >= len(OPENING) or not opening else 0
    window = random.choice((0, 1, 500, 8000, 65535))
    return Segment(reply, flags, sequence % WRAP, ack % WRAP, window, payload, scale, random.random() < 0.002)


@pytest.mark.parametrize("number", range(scaled(100, jit_off=20)))
def test_any_segments_agree_with_the_twin(number: int, seed: int) -> None:
    random = Random(seed)
    conversation, twin = Conversation(6), Connection()
    opening = random.random() < 0.8
    for step in range(60):
        segment = any_segment(random, twin, step, opening)
        expected = twin.track(segment) if step else twin.begin(segment)
        outcome = send(conversation, segment)
        print(step, segment, twin, outcome, sep="\n  ")
        assert outcome.anew == (expected == "anew")
        if outcome.anew:
            return
        assert outcome.state == twin.state
        assert outcome.lives == (None if expected is None else lifetime(expected))
        assert outcome.traits == traits_of(twin)
        assert_same_numbers(conversation, twin)
        conversation.tick += 1


def traits_of(twin: Connection) -> int:
    """Return the traits of a connection."""
    finished = sum(FINISHED << n for n in (0, 1) if twin.sides[n].finished)
    return ASSURED * twin.assured | ANSWERED * twin.answered | PICKED_UP * twin.loose | finished


def assert_same_numbers(conversation: Conversation, twin: Connection) -> None:
    """What is known of both directions is the same."""
    record = conversation.record
    for side, window, half in zip(twin.sides, record.windows, (record.original, record.reply), strict=True):
        assert window.max_window == side.window
        assert half.max_ack == side.acknowledged
        if side.seen:
            assert (window.end, window.max_end) == (side.end, side.may_send_to)


@pytest.mark.parametrize("number", range(scaled(20, jit_off=4)))
def test_what_hosts_send_through_loss_is_in_window(number: int, seed: int) -> None:
    random = Random(seed)
    conversation = Conversation(6)
    starts = random.getrandbits(32), random.getrandbits(32)
    scales = random.randrange(15), random.randrange(15)
    send(conversation, Segment(False, frozenset("S"), starts[0], 0, 65535, scale=scales[0]))
    send(conversation, Segment(True, frozenset("SA"), starts[1], (starts[0] + 1) % WRAP, 65535, scale=scales[1]))
    first = [start + 1 for start in starts]
    hosts = [Host(first[side], first[1 - side], scales[side], scales[1 - side], random) for side in (0, 1)]
    assert send(conversation, hosts[0].acknowledge(False)).state == "established"
    for _ in range(scaled(400, jit_off=150)):
        side = random.randrange(2)
        flight = hosts[side].transmit(bool(side))
        random.shuffle(flight)
        for segment in flight:
            if random.random() < 0.1:
                continue  # lost before it comes here
            outcome = send(conversation, segment)
            assert (outcome.state, outcome.lives) == ("established", lifetime("established")), segment
            if random.random() < 0.9:
                hosts[1 - side].receive(segment)
        conversation.tick += 1


class Host:
    """One end of a connection: sends what it may, again and again, and acknowledges what it has got in order."""

    def __init__(self, sends_from: int, receives_from: int, scale: int, peer_scale: int, random: Random) -> None:
        self.acknowledged = self.sent = sends_from
        self.expected = receives_from
        self.scale, self.peer_scale, self.random = scale, peer_scale, random
        self.offered = 65535
        self.may_send_to = sends_from + 65535
        self.got: dict[int, int] = {}

    def acknowledge(self, reply: bool) -> Segment:
        window = self.offered >> self.scale
        return Segment(reply, frozenset("A"), self.sent % WRAP, self.expected % WRAP, window)

    def transmit(self, reply: bool) -> list[Segment]:
        """Return segments: an acknowledgement, what is not acknowledged again, and new data as the window allows."""
        self.offered = max(self.offered, self.random.choice((0, 2000, 65535, 65535 << self.scale)))
        ack = self.acknowledge(reply)
        segments = [ack]
        at = self.random.choice((self.acknowledged, self.sent))
        for _ in range(self.random.randrange(6)):
            size = min(self.random.choice((1, 700, 1400, 60_000)), self.may_send_to - at)
            if size <= 0:
                break
            segments.append(Segment(reply, frozenset("PA"), at % WRAP, ack.ack, ack.window, size))
            at += size
        self.sent = max(self.sent, at)
        return segments

    def receive(self, segment: Segment) -> None:
        """Take a segment in; what comes early is kept."""
        start = self.expected + (segment.sequence - self.expected + WRAP // 2) % WRAP - WRAP // 2
        self.got[start] = max(segment.payload, self.got.get(start, 0))
        for begun in sorted(self.got):
            if begun <= self.expected:
                self.expected = max(self.expected, begun + self.got.pop(begun))
        ack = self.acknowledged + (segment.ack - self.acknowledged + WRAP // 2) % WRAP - WRAP // 2
        self.acknowledged = max(self.acknowledged, ack)
        self.may_send_to = max(self.may_send_to, ack + (segment.window << self.peer_scale))

"""Datagrams, pings, and protocols without ports; whole, in pieces, from strangers."""

from collections.abc import Callable
from random import Random

from tests.kernelnat.craft import UDP, fragments, icmp, icmp_protocol, ip, udp
from tests.kernelnat.errors import complain_about_something
from tests.kernelnat.messages import Conversation, Message, Pieces, Script, as_it_is
from tests.kernelnat.place import Side

ECHO = {4: (8, 0), 6: (128, 129)}
TIMESTAMP = (13, 14)
ODD = {
    **dict.fromkeys((0, 14, 129), "an answer that nobody asked for"),
    17: "a deprecated query",
    **dict.fromkeys((9, 40, 100, 139, 200), "a message that asks for nothing"),
}
"""What types of messages are that do not begin an exchange here."""
ODD_TYPES = {4: (0, 14, 17, 9, 40), 6: (129, 100, 139, 200)}
OTHER_PROTOCOL = 200
SIZES = [0, 1, 40, 500, 1400]


def datagram(
    random: Random, from_inside: bool, length: int, label: str, hops: int = 64, dont_fragment: bool = False
) -> Message:
    """Return a UDP datagram of ``length`` bytes; over IPv4, some have no checksum."""
    data, identification, has_checksum = random.randbytes(length), random.getrandbits(16), random.random() < 0.8

    def build(source: str, sport: int, destination: str, dport: int) -> bytes:
        body = udp(source, sport, destination, dport, data, has_checksum or ":" in source)
        return ip(source, destination, UDP, body, hops, identification, dont_fragment)

    return Message(from_inside, f"{label} of {length} bytes", build)


def udp_script(conversation: Conversation, random: Random) -> Script:
    """Return datagrams either way, errors about them, and what strangers try."""
    script = Script(conversation, random)
    for n in range(random.randrange(1, 7)):
        from_inside = n == 0 or random.random() < 0.5
        script.say(datagram(random, from_inside, random.choice(SIZES), "datagram"))
        if random.random() < 0.15:
            complain_about_something(script)
        if random.random() < 0.1:
            add_stranger(script)
        if random.random() < 0.1:
            script.say(
                datagram(random, random.random() < 0.5, random.choice(SIZES), "datagram on its last hop", hops=1)
            )
    return script


def add_stranger(script: Script) -> None:
    """Add a datagram to the conversation's port outside, from somebody, or from some port, that it is not with."""
    of, random = script.conversation, script.random
    data = random.randbytes(20)
    by, port = random.choice([(of.family.neighbours[0], of.outside_port), (of.outside, of.outside_port ^ 1)])
    router = of.family.outside_router
    script.add(
        Side.OUTSIDE,
        by,
        "a stranger's datagram",
        lambda mapped: [ip(by, router, UDP, udp(by, port, router, mapped, data))],
    )


def large_script(conversation: Conversation, random: Random) -> Script:
    """Return datagrams that come in fragments, or must be cut on their way out."""
    script = Script(conversation, random)
    script.say(datagram(random, True, 10, "datagram"))
    if random.random() < 0.2:
        script.say(datagram(random, True, 1600, "datagram that may not be cut", dont_fragment=True))
    for _ in range(random.randrange(1, 4)):
        from_inside = random.random() < 0.6
        message = datagram(random, from_inside, random.choice([1472, 1473, 2000, 3900, 8000]), "large datagram")
        size = random.choice([512, 1024, 1432])
        whole = from_inside and random.random() < 0.3
        name, pieces = ("whole", as_it_is) if whole else random.choice(WAYS)(random, size)
        script.say(Message(from_inside, f"{message.label}, {name}", message.build), pieces)
    return script


def in_order(random: Random, size: int) -> tuple[str, Pieces]:
    """Return all pieces."""
    identification = random.getrandbits(32)
    return "in pieces", lambda packet: fragments(packet, size, identification)


def shuffled(random: Random, size: int) -> tuple[str, Pieces]:
    """Return all pieces in any order, always the same."""
    seed, identification = random.getrandbits(32), random.getrandbits(32)

    def pieces(packet: bytes) -> list[bytes]:
        parts = fragments(packet, size, identification)
        Random(seed).shuffle(parts)
        return parts

    return "in shuffled pieces", pieces


def doubled(random: Random, size: int) -> tuple[str, Pieces]:
    """Return all pieces, and one of them again, not as the last."""
    seed, identification = random.getrandbits(32), random.getrandbits(32)

    def pieces(packet: bytes) -> list[bytes]:
        parts = fragments(packet, size, identification)
        again = Random(seed).randrange(len(parts))
        return [*parts[:-1], parts[min(again, max(len(parts) - 2, 0))], parts[-1]]

    return "in pieces, one of them twice", pieces


def lossy(random: Random, size: int) -> tuple[str, Pieces]:
    """Return all pieces but one."""
    seed, identification = random.getrandbits(32), random.getrandbits(32)

    def pieces(packet: bytes) -> list[bytes]:
        parts = fragments(packet, size, identification)
        parts.pop(Random(seed).randrange(len(parts)))
        return parts

    return "in pieces, one of them lost", pieces


def overlapping(random: Random, size: int) -> tuple[str, Pieces]:
    """Return all pieces, with one before the last that covers parts of two others."""
    identification = random.getrandbits(32)

    def pieces(packet: bytes) -> list[bytes]:
        parts = fragments(packet, size, identification)
        if len(parts) < 3:
            return parts[:1]
        wide = fragments(packet, size + 8, identification)
        return [*parts[:2], wide[1], *parts[2:]]

    return "in pieces, overlapping", pieces


WAYS: list[Callable[[Random, int], tuple[str, Pieces]]] = [in_order, in_order, shuffled, doubled, lossy, overlapping]


def ping(random: Random, from_inside: bool, sequence: int, kinds: tuple[int, int]) -> Message:
    """Return a query of the inside end, or its answer, of these ICMP types."""
    data = random.randbytes(12 if kinds == TIMESTAMP else random.choice([0, 56, 57]))

    def build(source: str, sport: int, destination: str, dport: int) -> bytes:
        kind, identifier = (kinds[0], sport) if from_inside else (kinds[1], dport)
        message = icmp(source, destination, kind, 0, identifier << 16 | sequence, data)
        return ip(source, destination, icmp_protocol(source), message)

    label = ODD.get(kinds[0], f"query {kinds[0]}") if from_inside else f"answer {kinds[1]}"
    return Message(from_inside, label, build)


def ping_script(conversation: Conversation, random: Random) -> Script:
    """Return pings, answered or not; sometimes none, but a message that asks for nothing."""
    script = Script(conversation, random)
    version = conversation.family.version
    if random.random() < 0.1:
        script.say(ping(random, True, 0, (random.choice(ODD_TYPES[version]), 0)))
        return script
    kinds = TIMESTAMP if version == 4 and random.random() < 0.2 else ECHO[version]
    for sequence in range(random.randrange(1, 5)):
        script.say(ping(random, True, sequence, kinds))
        if random.random() < 0.7:
            script.say(ping(random, False, sequence, kinds))
        elif random.random() < 0.5:
            complain_about_something(script)
    return script


def other_script(conversation: Conversation, random: Random) -> Script:
    """Return packets of a protocol that nobody knows: told apart by addresses alone."""
    script = Script(conversation, random)
    for n in range(random.randrange(1, 5)):
        data = random.randbytes(30)

        def build(source: str, sport: int, destination: str, dport: int, data: bytes = data) -> bytes:
            return ip(source, destination, OTHER_PROTOCOL, data)

        script.say(Message(n == 0 or random.random() < 0.5, "packet of another protocol", build))
    return script

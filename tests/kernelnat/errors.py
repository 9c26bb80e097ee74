"""ICMP errors about what was said, by routers on the way or by who got it."""

from tests.kernelnat.messages import Message, Script

KINDS = {
    4: [(3, 1, 0), (3, 3, 0), (3, 4, 1400), (11, 0, 0), (3, 13, 0), (12, 0, 0), (4, 0, 0), (5, 1, 0xC0000201)],
    6: [(1, 0, 0), (1, 4, 0), (2, 0, 1280), (3, 0, 0), (1, 1, 0), (4, 0, 40)],
}
"""Type, code and second word of errors."""
QUOTED = {4: [28, 48, 1000], 6: [48, 68, 1000]}
"""How much of a packet is quoted: eight bytes of its payload, a TCP header, or all."""


def complain_about_something(script: Script) -> None:
    """Add an error about a message that was said, if there was one."""
    if script.said:
        complain(script, script.random.choice(script.said))


def complain(script: Script, about: Message) -> None:
    """Add an error about a message, by some router behind where it went, or by the end that it went to."""
    of, random = script.conversation, script.random
    kind, code, rest = random.choice(KINDS[of.family.version])
    if about.from_inside:
        by = random.choice([of.outside, of.family.gateway, random.choice(of.family.strangers)])
    else:
        by = random.choice([of.inside, random.choice(of.family.inside_hosts)])
    quoted = random.choice(QUOTED[of.family.version])
    script.complain(forged(about) if random.random() < 0.1 else about, by, kind, code, rest, quoted)


def forged(about: Message) -> Message:
    """Return a message that nobody said: one between other ports of outside ends."""

    def build(source: str, sport: int, destination: str, dport: int) -> bytes:
        if about.from_inside:
            return about.build(source, sport, destination, dport ^ 2)
        return about.build(source, sport ^ 2, destination, dport)

    return Message(about.from_inside, f"a forged {about.label}", build)

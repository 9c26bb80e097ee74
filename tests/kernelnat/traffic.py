"""All conversations of a run, interleaved, with what a network does to their packets."""

from collections.abc import Callable
from random import Random

from tests.kernelnat.craft import TCP, UDP, icmp_protocol
from tests.kernelnat.datagram_scripts import OTHER_PROTOCOL, large_script, other_script, ping_script, udp_script
from tests.kernelnat.messages import Conversation, Script, Step
from tests.kernelnat.place import Family
from tests.kernelnat.tcp_scripts import tcp_script

AT_ONCE = 150
"""How many conversations are under way at a time."""
FEW_PORTS = (1000, 4000, 5353, 50_000)
"""What several hosts choose at once, so that one of them must get another port."""


def make_traffic(seed: int, conversations: int, families: tuple[Family, ...]) -> list[Step]:
    """Return the steps of so many conversations."""
    random = Random(seed)
    taken: set[tuple[object, ...]] = set()
    scripts = [make_script(random, number, random.choice(families), taken) for number in range(conversations)]
    return interleave(random, [mangle(random, script.steps) for script in scripts])


def make_script(random: Random, number: int, family: Family, taken: set[tuple[object, ...]]) -> Script:
    """Return one conversation, between ends that are not ``taken``, if its protocol has ports."""
    kinds: list[tuple[int, int, Callable[[Conversation, Random], Script]]] = [
        (10, TCP, tcp_script),
        (5, UDP, udp_script),
        (2, UDP, large_script),
        (3, icmp_protocol(family.inside_router), ping_script),
        (1, OTHER_PROTOCOL, other_script),
    ]
    _, protocol, script = random.choices(kinds, [weight for weight, _, _ in kinds])[0]
    few = random.random() < 0.2
    if protocol == OTHER_PROTOCOL:
        inside_port = outside_port = 0
    else:
        inside_port = random.choice(FEW_PORTS) if few else 10_000 + number % 30_000
        outside_port = 0 if script is ping_script else random.choice([53, 80, 443])
    outside = family.strangers[0] if few else random.choice([*family.strangers, *family.neighbours])
    inside = random.choice(family.inside_hosts)
    ends = protocol, inside, inside_port, outside, outside_port
    if ends in taken and protocol != OTHER_PROTOCOL:
        inside_port = 10_000 + number % 30_000
    taken.add(ends)
    return script(Conversation(number, family, protocol, inside, inside_port, outside, outside_port), random)


def mangle(random: Random, steps: list[Step]) -> list[Step]:
    """Lose some steps, repeat some, and let some overtake others, behind the first."""
    if random.random() < 0.6:
        return steps
    mangled = steps[:1]
    for step in steps[1:]:
        fate = random.random()
        if fate < 0.05:
            continue
        mangled.append(step)
        if fate < 0.15:
            mangled.append(random.choice(mangled[-3:]))
        elif fate < 0.22 and len(mangled) > 2:
            mangled[-1], mangled[-2] = mangled[-2], mangled[-1]
    return mangled


def interleave(random: Random, scripts: list[list[Step]]) -> list[Step]:
    """Return all steps, each conversation's in its order, AT_ONCE conversations at a time."""
    waiting = [list(reversed(steps)) for steps in reversed(scripts)]
    under_way: list[list[Step]] = []
    steps: list[Step] = []
    while waiting or under_way:
        while waiting and len(under_way) < AT_ONCE:
            under_way.append(waiting.pop())
        place = random.randrange(len(under_way))
        if under_way[place]:
            steps.append(under_way[place].pop())
        else:
            under_way[place] = under_way[-1]
            under_way.pop()
    return steps

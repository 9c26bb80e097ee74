"""What is written of translation, and where new conversations are led: against the rules looked through one by one."""

from random import Random

import numpy as np
import pytest

from nat.build import NatPlan, Published, UnusableNatPlanError, translates, write_nat
from nat.tables import NAT_RULES_DTYPE, PUBLISHED_RANGES, SOURCES, STATIC_PAIRS
from tests.nat.naive import NaiveNat
from tests.nat.rules import GRE, ICMP, SCTP, TCP, UDP, destination_of, key, make_nat, number
from tests.scale import scaled

pytestmark = pytest.mark.kernel

OUTSIDE, OTHER, INSIDE, NEIGHBOUR, PEER = (
    number(each) for each in ("192.0.2.1", "192.0.2.2", "10.0.0.2", "10.0.0.3", "198.51.100.7")
)
OUTSIDE6, INSIDE6, PEER6 = (number(each) for each in ("2001:db8::1", "fd00::2", "2001:db8:9::7"))


def test_published_ports_lead_inside_range_by_range() -> None:
    web = Published(TCP, 8080, 8089, (OUTSIDE, OUTSIDE + 1), INSIDE, 80)
    dns = Published(UDP, 53, 53, (OUTSIDE,), NEIGHBOUR, 5353)
    web6 = Published(TCP, 65535, 65535, (OUTSIDE6,), INSIDE6, 1)
    (nat,) = make_nat(NatPlan(published=(web, dns, web6)))
    for outside in (OUTSIDE, OTHER):
        assert destination_of(nat, key(TCP, PEER, 4000, outside, 8080)) == (INSIDE, 80)
        assert destination_of(nat, key(TCP, PEER, 4000, outside, 8089)) == (INSIDE, 89)
        assert destination_of(nat, key(TCP, PEER, 4000, outside, 8090)) is None
        assert destination_of(nat, key(UDP, PEER, 4000, outside, 8080)) is None
        assert destination_of(nat, key(SCTP, PEER, 4000, outside, 8080)) is None
    assert destination_of(nat, key(UDP, PEER, 4000, OUTSIDE, 53)) == (NEIGHBOUR, 5353)
    assert destination_of(nat, key(UDP, PEER, 4000, OTHER, 53)) is None
    assert destination_of(nat, key(TCP, PEER6, 4000, OUTSIDE6, 65535)) == (INSIDE6, 1)
    assert destination_of(nat, key(TCP, PEER6, 4000, OUTSIDE6, 1)) is None


def test_a_static_pair_takes_all_that_is_not_published() -> None:
    web = Published(TCP, 80, 80, (OUTSIDE,), NEIGHBOUR, 8080)
    (nat,) = make_nat(NatPlan(published=(web,), static=((OUTSIDE, INSIDE), (OUTSIDE6, INSIDE6))))
    assert destination_of(nat, key(TCP, PEER, 4000, OUTSIDE, 80)) == (NEIGHBOUR, 8080)
    assert destination_of(nat, key(TCP, PEER, 4000, OUTSIDE, 81)) == (INSIDE, 81)
    assert destination_of(nat, key(ICMP, PEER, 77, OUTSIDE, 8)) == (INSIDE, 8)
    assert destination_of(nat, key(GRE, PEER6, 0, OUTSIDE6, 0)) == (INSIDE6, 0)
    assert destination_of(nat, key(TCP, PEER, 4000, INSIDE, 80)) is None


def random_plan(random: Random) -> NatPlan:
    """Return a plan over few addresses and ports, so that questions come close to every edge."""
    outsides = [OUTSIDE + n for n in range(6)] + [OUTSIDE6 + n for n in range(6)]
    published, taken = [], set()
    for _ in range(random.randrange(40)):
        first = random.randrange(1, 60)
        last = min(60, first + random.choice((0, 0, 1, 5)))
        where = tuple(random.sample(outsides[:6] if random.random() < 0.5 else outsides[6:], random.randint(1, 3)))
        protocol = random.choice((TCP, UDP, SCTP))
        wanted = {(protocol, outside, port) for outside in where for port in range(first, last + 1)}
        if taken & wanted:
            continue
        taken |= wanted
        inside = (INSIDE if where[0] in outsides[:6] else INSIDE6) + random.randrange(4)
        published.append(Published(protocol, first, last, where, inside, random.randrange(1, 60000)))
    static = [(outside, (INSIDE if n < 6 else INSIDE6) + 100 + n) for n, outside in enumerate(outsides)]
    return NatPlan(published=tuple(published), static=tuple(random.sample(static, random.randrange(6))))


@pytest.mark.parametrize("number_of_plan", range(scaled(30, jit_off=3)))
def test_random_rules_agree_with_looking_through_them(number_of_plan: int, seed: int) -> None:
    random = Random(seed)
    plan = random_plan(random)
    (nat,), twin = make_nat(plan), NaiveNat(plan)
    for _ in range(scaled(2000, jit_off=100)):
        base, peer = random.choice(((OUTSIDE, PEER), (OUTSIDE6, PEER6)))
        protocol = random.choice((TCP, UDP, SCTP, ICMP, GRE))
        asked = key(protocol, peer, random.randrange(65536), base + random.randrange(-1, 7), random.randrange(66))
        assert destination_of(nat, asked) == twin.destination_of(asked)


WEB = Published(TCP, 80, 90, (OUTSIDE,), INSIDE, 80)


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (NatPlan(sources=tuple(range(OUTSIDE, OUTSIDE + SOURCES + 1))), "17 IPv4 addresses"),
        (NatPlan(sources=tuple(range(OUTSIDE6, OUTSIDE6 + SOURCES + 1))), "17 IPv6 addresses"),
        (NatPlan(published=(WEB, WEB._replace(first=90, last=95))), "port 90 is published twice"),
        (NatPlan(published=(WEB._replace(inside=INSIDE6),)), "another family"),
        (NatPlan(published=(WEB._replace(first=91),)), "ports 91 to 90"),
        (NatPlan(published=(WEB._replace(target=65530),)), "leading to those from 65530"),
        (NatPlan(published=(WEB._replace(first=0),)), "ports 0 to 90"),
        (
            NatPlan(published=tuple(WEB._replace(outside=(OUTSIDE + n,)) for n in range(PUBLISHED_RANGES + 1))),
            "8,193 ranges",
        ),
        (NatPlan(static=((OUTSIDE, INSIDE), (OUTSIDE, NEIGHBOUR))), "two static pairs"),
        (NatPlan(static=((OUTSIDE, INSIDE), (OTHER, INSIDE))), "two static pairs"),
        (NatPlan(static=((OUTSIDE, INSIDE6),)), "two families"),
        (NatPlan(static=tuple((OUTSIDE + n, INSIDE + n) for n in range(STATIC_PAIRS + 1))), "1,025 static pairs"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(plan: NatPlan, complaint: str) -> None:
    rules = np.zeros(1, NAT_RULES_DTYPE).view(np.recarray)[0]
    write_nat(rules, NatPlan((OUTSIDE,), (WEB,), ((OTHER, NEIGHBOUR),)))
    before = rules.tobytes()
    with pytest.raises(UnusableNatPlanError, match=complaint):
        write_nat(rules, plan)
    assert rules.tobytes() == before


def test_a_full_table_is_searched_to_both_ends() -> None:
    ranges = tuple(WEB._replace(first=1 + 7 * n, last=3 + 7 * n) for n in range(PUBLISHED_RANGES))
    (nat,) = make_nat(NatPlan(published=tuple(each for each in ranges if each.last < 65536)))
    highest = WEB._replace(first=1, last=2, outside=tuple(OTHER + n for n in range(10)))
    assert destination_of(nat, key(TCP, PEER, 1, OUTSIDE, 1)) == (INSIDE, 80)
    (nat,) = make_nat(NatPlan(published=(*(r for r in ranges[:8182]), highest)))
    assert destination_of(nat, key(TCP, PEER, 1, OTHER + 9, 2)) == (INSIDE, 81)
    assert destination_of(nat, key(TCP, PEER, 1, OTHER + 10, 2)) is None


def test_a_plan_that_translates_says_so() -> None:
    assert not translates(NatPlan())
    assert not translates(NatPlan(endpoint_independent=True))
    for plan in (NatPlan((OUTSIDE,)), NatPlan(published=(WEB,)), NatPlan(static=((OUTSIDE, INSIDE),))):
        assert translates(plan)
        assert make_nat(plan)[0].rules.translates == 1

"""Rules by name: what the fabric's DNS answers is in force before the pod has it, and for as long as it is true."""

import asyncio
from dataclasses import replace
from ipaddress import ip_address

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from control.agent.answers import AnswerFeed
from control.dns.told import name_asked_for, read_answer
from control.fabric import Fabric
from control.policy.asking import decide
from control.policy.learned import FLOOR_S, MOST, LearnedNames, Watched
from control.policy.model import ClusterPolicy, Manifests, NamePeer, PodPeer, Rule, Selector
from tests.policy.test_fabric import WEB, configuration

FIRST, SECOND = ip_address("192.0.2.1"), ip_address("192.0.2.2")
BY_NAME = Manifests(
    cluster_policies=(
        ClusterPolicy(
            "names",
            "admin",
            1,
            PodPeer(namespaces=Selector()),
            egress=(Rule((NamePeer("*.example.com"),)), Rule(None, action="deny")),
        ),
    )
)


def answer(name: str, *records: tuple[str, int, str, str]) -> bytes:
    query = dns.message.make_query(name, "A")
    response = dns.message.make_response(query)
    response.answer = [
        dns.rrset.from_text(owner, ttl, dns.rdataclass.IN, dns.rdatatype.from_text(kind), text)
        for owner, ttl, kind, text in records
    ]
    return response.to_wire()


def may_go_to(fabric: Fabric, address: object) -> bool:
    return decide(fabric.policy.book, WEB, address, "tcp", 443)[0].allowed  # type: ignore[arg-type]


def test_aliases_are_followed_and_the_shortest_life_counts() -> None:
    message = answer(
        "WWW.example.com.",
        ("www.example.com.", 30, "CNAME", "cdn.other.test."),
        ("cdn.other.test.", 600, "A", "192.0.2.1"),
        ("unasked.test.", 600, "A", "192.0.2.9"),
    )
    assert name_asked_for(message) == "www.example.com"
    assert read_answer(message) == ("www.example.com", (FIRST,), 30.0)


def test_what_is_no_answer_says_nothing() -> None:
    assert read_answer(b"\0" * 5) is None
    assert read_answer(answer("www.example.com.")) is None
    assert name_asked_for(b"") == ""


def test_addresses_count_for_their_time_and_never_for_less_than_the_floor() -> None:
    names = LearnedNames()
    assert names.learn("a.test", [FIRST], 1.0, 0.0)
    assert names.learn("a.test", [SECOND], FLOOR_S * 2, 0.0)
    assert not names.learn("a.test", [FIRST], 1.0, 0.0)
    assert not names.expire(FLOOR_S - 1)
    assert names.expire(FLOOR_S)
    assert names.addresses() == {"a.test": frozenset([SECOND])}


def test_too_many_addresses_push_out_what_would_be_over_first() -> None:
    names = LearnedNames()
    names.learn("old.test", [FIRST], 0.0, 0.0)
    names.learn("new.test", [ip_address((10 << 24) + n) for n in range(MOST)], 0.0, 1.0)
    assert "old.test" not in names.addresses()


def test_only_names_that_rules_ask_for_are_watched() -> None:
    assert "a.example.com" in Watched(BY_NAME)
    assert "example.com" not in Watched(BY_NAME)
    assert "a.example.com" not in Watched(None)


@pytest.fixture
def fabric() -> Fabric:
    fabric = Fabric(configuration().limits, seed=1)
    fabric.apply(replace(configuration(), manifests=BY_NAME))
    return fabric


def test_an_answer_is_in_force_before_it_is_given(fabric: Fabric) -> None:
    async def hear() -> None:
        feed = AnswerFeed(fabric, asyncio.Lock(), lambda: None)
        await feed.hear(answer("www.example.com.", ("www.example.com.", 5, "A", "192.0.2.1")))
        assert may_go_to(fabric, FIRST)
        await feed.hear(answer("www.other.test.", ("www.other.test.", 5, "A", "192.0.2.2")))
        feed.close()

    assert not may_go_to(fabric, FIRST)
    asyncio.run(hear())
    assert not may_go_to(fabric, SECOND)


def test_a_second_asker_waits_for_the_first_one_s_answer(fabric: Fabric) -> None:
    message = answer("www.example.com.", ("www.example.com.", 5, "A", "192.0.2.1"))

    async def hear() -> None:
        changing = asyncio.Lock()
        feed = AnswerFeed(fabric, changing, lambda: None)
        async with changing:
            asking = [asyncio.create_task(feed.hear(message)) for _ in range(2)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not any(task.done() for task in asking)
        await asyncio.gather(*asking)
        assert may_go_to(fabric, FIRST)
        feed.close()

    asyncio.run(hear())


def test_answers_that_are_over_count_no_more(fabric: Fabric) -> None:
    now = 0.0

    async def hear() -> None:
        nonlocal now
        feed = AnswerFeed(fabric, asyncio.Lock(), lambda: None, lambda: now)
        await feed.hear(answer("www.example.com.", ("www.example.com.", 5, "A", "192.0.2.1")))
        now = FLOOR_S
        await feed.hear(answer("www.example.com.", ("www.example.com.", 5, "A", "192.0.2.2")))
        feed.end_those_over()
        await feed.settled()
        feed.close()

    asyncio.run(hear())
    assert not may_go_to(fabric, FIRST)
    assert may_go_to(fabric, SECOND)


def test_a_later_agent_knows_the_answers(fabric: Fabric) -> None:
    fabric.policy.learn({"www.example.com": frozenset([FIRST])})
    assert fabric.snapshot()["answers"] == {"www.example.com": ["192.0.2.1"]}

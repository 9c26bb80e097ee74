"""What an event says to those who observe, and which events they want."""

import json
from ipaddress import ip_address
from typing import Any

import numpy as np
import pytest

from control.errors import UserError
from control.observe.filters import EventFilter
from control.observe.narrator import Narrator
from control.observe.who import Directory
from control.policy.model import Pod
from dataplane.flowlog.tables import AUDITED, CLOSED, DENIED, NEW, NO_PORT
from dataplane.policy.tables import ALLOW, AUDIT, DENY
from dataplane.verdict import POLICY_DENIED, POLICY_UNREADABLE, UNSOLICITED
from tests.flowlog.making import ICMP, UDP, event, judgement

WEB = Pod("web", "shop", (("app", "web"),), addresses=(ip_address("10.0.0.2"),), port="web")
DB = Pod("db", "data", (("app", "db"),), addresses=(ip_address("10.0.0.3"), ip_address("fd00::3")), port="db")
NAMES = {7: ("shop/out", "egress[1]"), 8: ("data/in", "ingress[0]"), 9: ("data/in", "ingress")}
NARRATOR = Narrator(
    "n1", Directory.of([WEB, DB]), NAMES, {4: "web"}, lambda address: int(address) & 7, 5, 1_000_000_000
)


def told(events: Any) -> dict[str, Any]:
    (telling,) = NARRATOR.tell(events)
    document: dict[str, Any] = json.loads(telling.line)
    return document


def test_a_new_conversation_names_both_ends_and_what_allowed_it() -> None:
    seen = event(
        *(("10.0.0.2", 4000), ("10.0.0.3", 80), NEW),
        timestamp_ns=2_000_000_005,
        in_port=4,
        flow=12,
        packets=[1, 0],
        octets=[60, 0],
        egress=judgement(ALLOW, 7),
        ingress=judgement(ALLOW, 8),
    )
    assert told(seen) == {
        "time": 3.000000005,
        "node": "n1",
        "event": "new",
        "verdict": "forward",
        "reason": None,
        "policy": "data/in",
        "rule": "ingress[0]",
        "protocol": "tcp",
        "source": {
            "address": "10.0.0.2",
            "pod": "web",
            "namespace": "shop",
            "labels": {"app": "web"},
            "identity": 2,
            "port": 4000,
        },
        "destination": {
            "address": "10.0.0.3",
            "pod": "db",
            "namespace": "data",
            "labels": {"app": "db"},
            "identity": 3,
            "port": 80,
        },
        "in": "web",
        "direction": "original",
        "flow": 12,
        "packets": 1,
        "bytes": 60,
        "reply_packets": 0,
        "reply_bytes": 0,
        "lasted_s": 0.0,
    }


@pytest.mark.parametrize(
    ("kind", "egress", "ingress", "verdict", "policy", "rule"),
    [
        pytest.param(NEW, 0, 0, "forward", None, None, id="nobody's policy was asked"),
        pytest.param(NEW, (ALLOW, 7), 0, "forward", "shop/out", "egress[1]", id="only the sender's"),
        pytest.param(NEW, (ALLOW, 7), (AUDIT, 9), "audit", "data/in", "ingress", id="audited is told before allowed"),
        pytest.param(NEW, (AUDIT, 7), (ALLOW, 8), "audit", "shop/out", "egress[1]", id="whichever end audits"),
        pytest.param(DENIED, (DENY, 7), 0, "drop", "shop/out", "egress[1]", id="denied to the sender"),
        pytest.param(DENIED, (ALLOW, 7), (DENY, 9), "drop", "data/in", "ingress", id="denied to the receiver"),
        pytest.param(AUDITED, 0, (AUDIT, 9), "audit", "data/in", "ingress", id="a packet alone"),
    ],
)
def test_the_rule_that_decided_is_named(
    kind: int, egress: Any, ingress: Any, verdict: str, policy: str, rule: str
) -> None:
    reason = POLICY_DENIED if kind == DENIED else 0
    judged = [judgement(*each) if each else 0 for each in (egress, ingress)]
    document = told(event(kind=kind, reason=reason, egress=judged[0], ingress=judged[1]))
    assert (document["verdict"], document["policy"], document["rule"]) == (verdict, policy, rule)
    assert document["reason"] == ("policy_denied" if kind == DENIED else None)


def test_the_destination_is_who_really_answers() -> None:
    document = told(event(addressed_to=("192.0.2.1", 8080), appears_as=("192.0.2.10", 61000)))
    assert (document["destination"]["pod"], document["destination"]["port"]) == ("db", 80)
    assert document["addressed_to"] == {"address": "192.0.2.1", "port": 8080}
    assert (document["source"]["pod"], document["source"]["port"]) == ("web", 4000)
    assert document["appears_as"] == {"address": "192.0.2.10", "port": 61000}


def test_what_has_no_ports_has_none_to_tell() -> None:
    document = told(event(("10.0.0.2", 7), ("192.0.2.7", 8), protocol=ICMP))
    assert (document["protocol"], document["source"]["port"], document["destination"]["port"]) == ("icmp", None, None)
    assert document["destination"] == {
        "address": "192.0.2.7",
        "pod": None,
        "namespace": None,
        "labels": {},
        "identity": 7,
        "port": None,
    }


def test_ipv6_ends_are_found_too() -> None:
    document = told(event(("fd00::9", 1), ("fd00::3", 53), protocol=UDP))
    assert (document["source"]["address"], document["source"]["pod"]) == ("fd00::9", None)
    assert document["destination"]["pod"] == "db"


def test_what_is_no_packet_is_of_the_port_where_it_came_in() -> None:
    unreadable = event(kind=DENIED, reason=POLICY_UNREADABLE, in_port=4)
    unreadable["original"] = unreadable["reply"] = 0
    document = told(np.concatenate([unreadable]))
    assert (document["reason"], document["protocol"]) == ("policy_unreadable", None)
    assert (document["source"]["pod"], document["source"]["address"]) == ("web", None)
    assert (document["destination"]["pod"], document["destination"]["address"]) == (None, None)


def test_what_is_over_says_for_how_long_it_was() -> None:
    tick = 1 << 27
    document = told(event(kind=CLOSED, timestamp_ns=100 * tick, created=30))
    assert document["lasted_s"] == round(70 * tick / 1e9, 3)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"verdict": "drop"}, [1, 3]),
        ({"verdict": "denied"}, [1, 3]),
        ({"verdict": "forward"}, [0]),
        ({"verdict": "audit"}, [2]),
        ({"reason": "unsolicited"}, [3]),
        ({"protocol": "udp"}, [1]),
        ({"protocol": "17"}, [1]),
        ({"port": "8080"}, [0]),
        ({"port": "53"}, [1]),
        ({"pod": "db"}, [0, 2]),
        ({"pod": "data/db"}, [0, 2]),
        ({"pod": "shop/db"}, []),
        ({"namespace": "shop"}, [0, 1, 2]),
        ({"policy": "data/in"}, [0, 2]),
        ({"policy": "data/in", "verdict": "audit"}, [2]),
    ],
    ids=str,
)
def test_filters_choose(criteria: dict[str, str], expected: list[int]) -> None:
    events = np.concatenate(
        [
            event(addressed_to=("192.0.2.1", 8080), ingress=judgement(ALLOW, 8)),
            event(
                ("10.0.0.2", 1), ("10.9.9.9", 53), DENIED, protocol=UDP, reason=POLICY_DENIED, egress=judgement(DENY, 7)
            ),
            event(ingress=judgement(AUDIT, 9)),
            event(("192.0.2.1", 1), ("192.0.2.2", 2), DENIED, reason=UNSOLICITED),
        ]
    )
    wanted = EventFilter.of(criteria)
    chosen = np.flatnonzero(wanted.mask(events))
    tellings = zip(chosen.tolist(), NARRATOR.tell(events[chosen]), strict=True)
    assert [n for n, telling in tellings if wanted.takes(telling)] == expected


@pytest.mark.parametrize(
    ("criteria", "sentence"),
    [
        ({"verdict": "maybe"}, "verdict: expected forward, drop or audit, found 'maybe'"),
        ({"reason": "bad_luck"}, "reason: expected a drop reason's name such as policy_denied, found 'bad_luck'"),
        ({"protocol": "ipx"}, "protocol: expected tcp, udp, sctp, icmp, icmp6 or a number, found 'ipx'"),
        ({"port": "65536"}, "port: expected a whole number from 0 to 65535, found '65536'"),
        ({"colour": "red"}, "observe: expected pod, namespace"),
    ],
    ids=str,
)
def test_a_wrong_filter_is_refused(criteria: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
        EventFilter.of(criteria)


@pytest.mark.parametrize(("judged", "policy"), [(5, "data/in"), (4, None)])
def test_whose_rule_it_was_under_policies_of_before_is_not_guessed(judged: int, policy: str | None) -> None:
    over = event(kind=CLOSED, in_port=NO_PORT, judged=judged, ingress=judgement(ALLOW, 8))
    assert told(over)["policy"] == policy

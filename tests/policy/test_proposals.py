"""Proposed policies held against recorded conversations."""

import json
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from control.errors import UserError
from control.policy.answers import Answer
from control.policy.diff import Conversation, differences, with_changes
from control.policy.model import Manifests, Namespace, NetworkPolicy, Rule
from control.policy.recorded import read_log
from control.policy.telling import difference_document, difference_rows, summary_text
from control.replay.talks import read_capture
from tests.packets import mac
from tests.policy.test_truth_table import DB, MANIFESTS, OLD, WEB, decider, labelled
from tests.replay.captures import write_capture


def talk(source: str, destination: str, protocol: str = "tcp", port: int = 5432) -> Conversation:
    return Conversation(ip_address(source), ip_address(destination), protocol, port)


OPEN = Manifests()
WEB_TO_DB, OLD_TO_DB = talk("10.0.0.2", "10.0.0.3"), talk("10.0.0.4", "10.0.0.3")
RECORDED = Counter({WEB_TO_DB: 5, OLD_TO_DB: 2, talk("10.0.0.3", "10.0.0.4"): 1})
PODS = {address: pod for pod in (WEB, DB, OLD) for address in pod.addresses}


def test_what_a_new_policy_would_deny_is_told_with_its_rule() -> None:
    (found,) = differences(decider(OPEN), decider(MANIFESTS), RECORDED.items())
    assert (found.conversation, found.times) == (OLD_TO_DB, 2)
    assert (found.before, found.after) == (Answer("forward"), Answer("drop", "shop/db", "ingress"))
    assert difference_document(found, PODS) == {
        "change": "denied",
        "protocol": "tcp",
        "source": {"address": "10.0.0.4", "pod": "old", "namespace": "shop"},
        "destination": {"address": "10.0.0.3", "pod": "db", "namespace": "shop", "port": 5432},
        "count": 2,
        "before": {"verdict": "forward", "policy": None, "rule": None},
        "after": {"verdict": "drop", "policy": "shop/db", "rule": "ingress"},
    }


def test_what_would_be_allowed_is_told_too() -> None:
    found = list(differences(decider(MANIFESTS), decider(OPEN), RECORDED.items()))
    _, row = difference_rows(found, PODS)
    assert row == [
        *("allowed", "tcp", "shop/old 10.0.0.4", "shop/db 10.0.0.3 port 5432", "2"),
        *("drop shop/db ingress", "forward"),
    ]
    assert summary_text(found, RECORDED) == "2 newly allowed, of 8 conversations"


def test_what_would_only_be_audited_is_no_denial() -> None:
    audited = Manifests((NetworkPolicy("shop", "db", labelled(app="db"), ingress=(), audited=True),))
    found = list(differences(decider(OPEN), decider(audited), RECORDED.items()))
    assert {each.after.verdict for each in found} == {"audit"}
    assert summary_text(found, RECORDED) == "7 newly audited, of 8 conversations"


def test_nothing_changes_by_the_same_policies() -> None:
    assert list(differences(decider(MANIFESTS), decider(MANIFESTS), RECORDED.items())) == []
    assert summary_text([], RECORDED) == "no change, of 8 conversations"


def test_what_is_applied_takes_the_place_of_what_has_its_name() -> None:
    one, other = NetworkPolicy("shop", "a"), NetworkPolicy("shop", "b")
    new = NetworkPolicy("shop", "b", ingress=(Rule(),))
    before = Manifests((one, other), namespaces=(Namespace("shop"),))
    after = with_changes(before, Manifests((new, NetworkPolicy("data", "b"))))
    assert after.policies == (NetworkPolicy("data", "b"), one, new)
    assert after.namespaces == before.namespaces


def event(
    kind: str, source: str, port: int | None, destination: str, to_port: int | None, protocol: str = "tcp"
) -> str:
    sides = {"source": {"address": source, "port": port}, "destination": {"address": destination, "port": to_port}}
    return json.dumps({"event": kind, "protocol": protocol} | sides)


def test_a_log_tells_each_conversation_once(tmp_path: Path) -> None:
    log = tmp_path / "flows.jsonl"
    lines = [
        event("new", "10.0.0.2", 4000, "10.0.0.3", 5432),
        event("closed", "10.0.0.2", 4000, "10.0.0.3", 5432),
        event("new", "10.0.0.2", 4001, "10.0.0.3", 5432),
        json.dumps({"event": "lost", "count": 7, "time": 1.0}),
        event("denied", "10.0.0.4", 4001, "10.0.0.3", 5432),
        event("closed", "10.0.0.4", None, "10.0.0.3", None, "icmp"),
    ]
    log.write_text("\n".join(lines) + "\n\n")
    assert read_log(log) == Counter({WEB_TO_DB: 2, OLD_TO_DB: 1, talk("10.0.0.4", "10.0.0.3", "icmp", 0): 1})


@pytest.mark.parametrize("line", ["{", "[1]", '{"other": 1}', "7"])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    log = tmp_path / "flows.jsonl"
    log.write_text(event("new", "10.0.0.2", 1, "10.0.0.3", 2) + "\n" + line)
    with pytest.raises(UserError, match=r"flows.jsonl:2: expected an event") as refused:
        read_log(log)
    assert refused.value.status == 2


def test_a_capture_tells_who_began(tmp_path: Path) -> None:
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
    from scapy.layers.l2 import ARP, Dot1Q, Ether

    link = Ether(src=mac(1).hex(":"), dst=mac(2).hex(":"))
    four, back = IP(src="10.0.0.2", dst="10.0.0.3"), IP(src="10.0.0.3", dst="10.0.0.2")
    frames = [
        link / four / TCP(sport=4000, dport=5432, flags="S"),
        link / back / TCP(sport=5432, dport=4000, flags="SA"),
        link / four / TCP(sport=4000, dport=5432, flags="A"),
        link / back / TCP(sport=80, dport=4444, flags="SA"),
        link / Dot1Q(vlan=7) / four / UDP(sport=1, dport=53),
        link / back / UDP(sport=53, dport=1),
        link / back / ICMP(type=0, id=9),
        link / four / ICMP(type=3),
        link / IPv6(src="fd00::2", dst="fd00::3") / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=9),
        link / ARP(),
        link / IP(src="10.0.0.4", dst="10.0.0.3", frag=7, proto=17) / b"later",
        Ether(bytes(link)[:14]),
    ]
    capture = tmp_path / "a.pcap"
    write_capture(capture, [(1_000_000_000 + n, bytes(frame)) for n, frame in enumerate(frames)])
    assert read_capture(capture) == Counter(
        [
            WEB_TO_DB,
            talk("10.0.0.2", "10.0.0.3", "tcp", 80),
            talk("10.0.0.2", "10.0.0.3", "udp", 53),
            talk("10.0.0.2", "10.0.0.3", "icmp", 0),
            talk("fd00::2", "fd00::3", "udp", 9),
        ]
    )


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"no capture at all")
    with pytest.raises(UserError) as refused:
        read_capture(path)
    assert refused.value.status == 2

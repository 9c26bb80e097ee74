"""Policies on a fabric of two workers: both judge, and both have conversations obey a change at their next packet."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import permutations

import pytest

from tests.agent.daemon import Daemon, daemon
from tests.netns import end
from tests.policy import asker
from tests.policy.talking import talking

pytestmark = pytest.mark.netns

PODS = ("a", "b", "c", "d")
ADDRESSES = {name: f"10.0.0.{number}" for number, name in enumerate(PODS, 10)}
PORT = 7000
NODE = """
workers: 2
networks: [{name: blue, subnets: [10.0.0.0/24]}]
manifests: [policies/]
ports:
"""
PORT_OF_NODE = """
  - name: NAME
    network: blue
    addresses: [ADDRESS]
    tap: {netns: "@NAME", ifname: eth0, make_netns: true}
    labels: {app: NAME}
"""
CLOSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchExpressions: [{key: app, operator: In, values: [b, c]}]}, policyTypes: [Ingress]}
"""
SHUT = ("b", "c")
PAIRS = tuple(permutations(PODS, 2))
TO_THE_OPEN = {pair for pair in PAIRS if pair[1] not in SHUT}


class Conversations:
    """Each pod's conversations with all others, which last; one process a pod asks in them."""

    def __init__(self, fabric: Daemon, askers: dict[str, "subprocess.Popen[str]"]) -> None:
        self.fabric, self.askers = fabric, askers

    def answered(self, expected: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Ask once more in all of them, those last that are expected to answer; return who was answered by whom."""
        for source, process in self.askers.items():
            assert process.stdin
            wanted = [(ADDRESSES[other], PORT, (source, other) in expected) for other in PODS if other != source]
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()
        names = {address: name for name, address in ADDRESSES.items()}
        found = set()
        for source, process in self.askers.items():
            assert process.stdout
            found |= {(source, names[address]) for address in json.loads(process.stdout.readline())}
        return found

    def put_in_force(self, text: str, policies: set[str]) -> None:
        """Have other policies, and return when they are in force."""
        path = self.fabric.config.parent / "policies" / "p.yaml"
        path.write_text(text)
        self.fabric.until(lambda: {each["policy"] for each in self.fabric.ask("policies")} == policies)


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversations]:
    folder = tmp_path_factory.mktemp("workers")
    (folder / "policies").mkdir()
    ports = "".join(PORT_OF_NODE.replace("NAME", name).replace("ADDRESS", ADDRESSES[name]) for name in PODS)
    with ExitStack() as stack:
        fabric = stack.enter_context(daemon(folder, NODE + ports))
        assert [worker["ready"] for worker in fabric.ask("status")["workers"]] == [True, True]
        askers = {}
        for name in PODS:
            place = fabric.namespace(name)
            stack.enter_context(talking(place, str(PORT)))
            command = ["nsenter", f"--net={place.path}", sys.executable, asker.__file__]
            askers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(end, askers[name])
        yield Conversations(fabric, askers)


def test_conversations_by_both_workers_obey_a_change_at_their_next_packet(conversations: Conversations) -> None:
    assert conversations.answered(set(PAIRS)) == set(PAIRS)
    conversations.put_in_force(CLOSED, {"default/closed"})
    assert conversations.answered(TO_THE_OPEN) == TO_THE_OPEN
    conversations.put_in_force("", set())
    assert conversations.answered(set(PAIRS)) == set(PAIRS)

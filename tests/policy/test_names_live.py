"""Pods that may go where names lead: they ask the node's answerer, and what it answers is open to them from then on.

Outside a name server knows two names; the address of each serves, and so does a third, which may always be reached.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.agent.daemon import Daemon
from tests.netns import require_tools, set_up
from tests.policy.talking import ask, talking
from tests.programs.world import World, resolver, world

pytestmark = pytest.mark.netns

GATEWAY = "10.77.0.1"
MEANT, OTHER, ALWAYS = "198.51.100.11", "198.51.100.12", "198.51.100.13"
PORT = 8080
NODE = """
uplink: {mode: host}
networks: [{name: blue, subnets: [10.77.0.0/24]}]
ports:
  - {name: web, network: blue, tap: {netns: "@web", ifname: eth0, make_netns: true}, labels: {app: web}}
manifests: [policies/]
"""
POLICY = f"""
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: by-name}}
spec:
  tier: Admin
  priority: 10
  subject: {{namespaces: {{}}}}
  egress:
    - {{name: answerer, action: Accept, to: [{{networks: [{GATEWAY}/32]}}]}}
    - {{name: always, action: Accept, to: [{{networks: [{ALWAYS}/32]}}]}}
    - {{name: named, action: Accept, to: [{{domainNames: ["*.meant.test"]}}]}}
    - {{name: rest, action: Deny, to: [{{networks: [0.0.0.0/0]}}]}}
"""


class Pod(NamedTuple):
    """The pod, the program that talks in it, and the fabric."""

    here: World
    talker: "subprocess.Popen[str]"

    @property
    def fabric(self) -> Daemon:
        return self.here.fabric

    def look_up(self, name: str) -> str:
        return self.here.inside("web").run("dig", "+short", f"@{GATEWAY}", name).stdout.strip()

    def reached(self, *expected: str) -> set[str]:
        """Try to connect to all addresses, those last that are expected to answer; return those that do."""
        addresses = (MEANT, OTHER, ALWAYS)
        answered = ask(self.talker, [("tcp", address, PORT, address in expected) for address in addresses])
        return {addresses[number] for number in answered}

    def packets(self) -> dict[str, int]:
        (policy,) = self.fabric.ask("policies")
        return {rule["rule"]: rule["packets"] for rule in policy["rules"]}


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    require_tools("dig")
    folder = tmp_path_factory.mktemp("names")
    (folder / "policies").mkdir()
    (folder / "policies" / "by-name.yaml").write_text(POLICY)
    names = ("--address=/www.meant.test/" + MEANT, "--address=/www.other.test/" + OTHER)
    with ExitStack() as stack:
        here = stack.enter_context(world(folder, NODE))
        for address in (MEANT, OTHER, ALWAYS):
            set_up(here.outside, "eth0", f"{address}/32")
        stack.enter_context(resolver(here, "--address=/ready.test/192.0.2.1", *names))
        stack.enter_context(talking(here.outside, str(PORT)))
        yield Pod(here, stack.enter_context(talking(here.inside("web"))))


def test_what_a_name_was_answered_with_may_be_reached_from_then_on_and_nothing_else(pod: Pod) -> None:
    assert pod.reached(ALWAYS) == {ALWAYS}
    assert pod.look_up("www.other.test") == OTHER
    assert pod.reached(ALWAYS) == {ALWAYS}
    assert pod.look_up("www.meant.test") == MEANT
    assert pod.reached(MEANT, ALWAYS) == {MEANT, ALWAYS}
    assert pod.packets()["egress[2]"] == 1


def test_a_name_that_no_rule_knows_any_more_opens_nothing(pod: Pod) -> None:
    pod.look_up("www.meant.test")
    path = pod.fabric.config.parent / "policies" / "by-name.yaml"
    path.write_text(POLICY.replace("*.meant.test", "*.gone.test"))
    pod.fabric.until(lambda: pod.reached(ALWAYS) == {ALWAYS})
    path.write_text(POLICY)
    pod.fabric.until(lambda: pod.reached(MEANT, ALWAYS) == {MEANT, ALWAYS})

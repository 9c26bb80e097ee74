"""The flow log and the policies of a running fabric: real namespaces, real packets, the commands that users type."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.daemon import PATIENCE_S, Daemon, daemon
from tests.netns import require_tools

pytestmark = pytest.mark.netns

CONFIGURATION = """
networks: [{name: blue, subnets: [10.0.0.0/24]}]
ports:
  - {name: web, network: blue, tap: {netns: "@w", ifname: eth0, make_netns: true}, namespace: shop, labels: {app: web}}
  - {name: db, network: blue, tap: {netns: "@d", ifname: eth0, make_netns: true}, namespace: shop, labels: {app: db}}
  - {name: old, network: blue, tap: {netns: "@o", ifname: eth0, make_netns: true}, namespace: shop, labels: {app: old}}
manifests: [policies/]
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
"""


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    require_tools("ping")
    folder = tmp_path_factory.mktemp("fabric")
    (folder / "policies").mkdir()
    (folder / "policies" / "db.yaml").write_text(POLICY)
    with daemon(folder, CONFIGURATION) as running:
        yield running


@contextmanager
def observing(fabric: Daemon, log: Path, *options: str) -> Iterator[None]:
    """Have `tapestry observe -o json` write a log for as long as the block lasts."""
    with log.open("wb") as file:
        watching = fabric.popen("observe", "-o", "json", *options, stdout=file)
        try:
            fabric.until(lambda: fabric.ask("status")["observers"]["observers"] == 1)
            yield
        finally:
            watching.send_signal(signal.SIGINT)
            assert watching.wait(PATIENCE_S) == 0


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines(True) if line.endswith("\n")]


def talk(fabric: Daemon) -> None:
    """Let who may reach the database do so, and who may not try."""
    fabric.ping("w", "10.0.0.3")
    fabric.run_inside("o", "ping", "-c1", "-W1", "10.0.0.3", check=False)


def test_what_is_allowed_and_what_is_denied_is_seen_while_it_happens(fabric: Daemon, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with observing(fabric, log, "--protocol", "icmp"):
        talk(fabric)
        fabric.until(lambda: {event["event"] for event in events(log)} >= {"new", "denied"})
    seen = {(event["source"]["pod"], event["verdict"], event["policy"], event["rule"]) for event in events(log)}
    assert seen == {("web", "forward", "shop/db", "ingress[0]"), ("old", "drop", "shop/db", "ingress")}
    assert {event["destination"]["labels"]["app"] for event in events(log)} == {"db"}


def test_what_was_can_be_asked_for(fabric: Daemon) -> None:
    talk(fabric)
    lines = fabric.tapestry("observe", "--since", "1h", "--no-follow", "--pod", "shop/web", "-o", "json").stdout
    last = json.loads(lines.splitlines()[-1])
    assert (last["source"]["pod"], last["destination"]["pod"], last["policy"]) == ("web", "db", "shop/db")
    told = fabric.tapestry("observe", "--last", "1", "--no-follow", "--verdict", "forward").stdout
    assert "shop/web 10.0.0.2 > shop/db 10.0.0.3" in told
    assert told.rstrip().endswith("shop/db ingress[0]")


def test_a_filter_that_cannot_be_is_refused(fabric: Daemon) -> None:
    done = fabric.tapestry("observe", "--verdict", "maybe", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "verdict: expected forward, drop or audit" in done.stderr


def test_policies_count_what_they_decide(fabric: Daemon) -> None:
    def packets() -> dict[str, int]:
        (policy,) = fabric.ask("policies")
        assert (policy["policy"], policy["pods"]) == ("shop/db", ["shop/db"])
        return {rule["rule"]: rule["packets"] for rule in policy["rules"]}

    before = packets()
    talk(fabric)
    assert all(count > before[rule] for rule, count in packets().items())
    assert "shop/db" in fabric.tapestry("policies").stdout
    status = fabric.ask("status")["policy"]
    assert (status["policies"], status["pods"], status["rules"]) == (1, 3, 2)
    assert status["decided"] == sum(packets().values())
    assert "1 policy over 3 pods" in fabric.tapestry("status").stdout


def test_the_table_and_proposals_are_of_what_is_in_force(fabric: Daemon, tmp_path: Path) -> None:
    rows = [line.split() for line in fabric.tapestry("policy", "matrix").stdout.splitlines()]
    assert ["shop/old", "all", "none", "all"] in rows
    log = tmp_path / "log.jsonl"
    with observing(fabric, log):
        talk(fabric)
        fabric.until(lambda: len(events(log)) >= 2)
    (tmp_path / "open.yaml").write_text(POLICY.replace("matchLabels: {app: web}", "{}").replace("{{}}", "{}"))
    done = fabric.tapestry("policy", "diff", str(tmp_path / "open.yaml"), "--flows", str(log), "--json", check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout, done.stderr
    assert {(each["change"], each["source"]["pod"]) for each in json.loads(done.stdout)} == {("allowed", "old")}


def test_explain_names_rules_by_the_running_fabrics_numbers(fabric: Daemon) -> None:
    explained = fabric.ask("explain", "tcp 10.0.0.4:4000 > 10.0.0.3:80")
    assert (explained["reason"], explained["policy"], explained["rule"]) == ("policy_denied", "shop/db", "ingress")


def test_an_observer_that_is_killed_is_forgotten(fabric: Daemon) -> None:
    watching = fabric.popen("observe", stdout=subprocess.DEVNULL)
    fabric.until(lambda: fabric.ask("status")["observers"]["observers"] == 1)
    os.kill(watching.pid, signal.SIGKILL)
    watching.wait(PATIENCE_S)
    fabric.until(lambda: fabric.ask("status")["observers"]["observers"] == 0)

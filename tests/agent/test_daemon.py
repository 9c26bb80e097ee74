"""The whole thing, for real: daemon, workers, kernels, TAPs, namespaces, and the commands that users type."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.agent.process import ProcessId
from tests.agent.daemon import Daemon, daemon
from tests.netns import require_tools

pytestmark = pytest.mark.netns

TWO_PORTS = """
workers: 2
networks: [{name: blue, subnets: [10.0.0.0/24, "fd00::/64"]}]
ports:
  - {name: alice, network: blue, tap: {netns: "@a", ifname: eth0, make_netns: true}}
  - {name: bob, network: blue, tap: {netns: "@b", ifname: eth0, make_netns: true}}
"""


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all tests that change nothing of it."""
    require_tools("ping")
    with daemon(tmp_path_factory.mktemp("fabric"), TWO_PORTS) as running:
        yield running


def test_two_namespaces_reach_each_other_by_both_families(fabric: Daemon) -> None:
    alice, bob = (port["addresses"] for port in fabric.ask("ports"))
    for address in (*(a.partition("/")[0] for a in bob),):
        fabric.ping("a", address)
    for address in (*(a.partition("/")[0] for a in alice),):
        fabric.ping("b", address)
    learned = {(entry["mac"], entry["port"]) for entry in fabric.ask("fdb")}
    assert {(port["mac"], port["name"]) for port in fabric.ask("ports")} <= learned


def test_counters_agree_with_what_was_sent(fabric: Daemon) -> None:
    before = {port["name"]: port for port in fabric.ask("ports")}
    fabric.run_inside("a", "ping", "-c5", "-i0.05", "10.0.0.3")
    after = {port["name"]: port for port in fabric.ask("ports")}
    for name in ("alice", "bob"):
        assert after[name]["rx_packets"] - before[name]["rx_packets"] >= 5
        assert after[name]["tx_packets"] - before[name]["tx_packets"] >= 5


def test_a_frame_that_does_not_go_out_is_counted_by_its_reason(fabric: Daemon) -> None:
    before = fabric.ask("drops")["drops"].get("spoofed_address", 0)
    fabric.run_inside("a", "ip", "address", "add", "10.0.0.200/32", "dev", "lo")
    fabric.run_inside("a", "ping", "-c1", "-W1", "-I10.0.0.200", "10.0.0.3", check=False)
    assert fabric.ask("drops")["drops"]["spoofed_address"] > before
    assert "spoofed_address" in fabric.tapestry("drops").stdout


def test_tcp_carries_bulk_data(fabric: Daemon) -> None:
    require_tools("iperf3")
    with fabric.namespace("b").running("iperf3", "-s", "-1"):
        fabric.until(lambda: ":5201" in fabric.run_inside("b", "ss", "-ltn").stdout)
        done = fabric.run_inside("a", "iperf3", "-c", "10.0.0.3", "-n", "20M", "-J")
    assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 10 << 20


def test_status_and_tables_are_readable(fabric: Daemon) -> None:
    assert "running" in fabric.tapestry("status").stdout
    assert "alice" in fabric.tapestry("ports").stdout
    fabric.tapestry("fdb", "flush")
    fabric.ping("a", "10.0.0.3")
    assert "learned" in fabric.tapestry("fdb").stdout


def test_exec_runs_inside_the_port_and_ends_as_the_command_does(fabric: Daemon) -> None:
    inside = fabric.tapestry("exec", "alice", "--", "readlink", "/proc/self/ns/net").stdout
    assert inside == fabric.run_inside("a", "readlink", "/proc/self/ns/net").stdout
    assert fabric.tapestry("exec", "alice", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    missing = fabric.tapestry("exec", "nobody", "--", "true", check=False)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def test_run_gives_a_command_its_own_network_and_takes_it_back(fabric: Daemon) -> None:
    script = "ping -c1 -w20 10.0.0.2 >&2 && ip -o address show eth0; exit 7"
    done = fabric.tapestry("run", "--network", "blue", "--name", "guest", "--", "sh", "-c", script, check=False)
    assert done.returncode == 7, done.stderr
    assert "10.0.0.4/24" in done.stdout
    assert [port["name"] for port in fabric.ask("ports")] == ["alice", "bob"]


def test_run_that_is_killed_leaves_no_port(fabric: Daemon) -> None:
    command = fabric.popen("run", "--name", "guest", "--", "sh", "-c", "echo $$; exec sleep 60", stdout=subprocess.PIPE)
    assert command.stdout is not None
    child = ProcessId.of(int(command.stdout.readline()))
    try:
        command.kill()
        fabric.until(lambda: [port["name"] for port in fabric.ask("ports")] == ["alice", "bob"])
    finally:
        command.kill()
        child.send(signal.SIGKILL)
        command.communicate()


def test_a_capture_can_be_read_while_it_is_written(fabric: Daemon) -> None:
    require_tools("tshark")
    with fabric.namespace("a").running("ping", "-i0.05", "10.0.0.3"):
        capture = fabric.popen("capture", "bob", "-c", "6", "-w", "-", stdout=subprocess.PIPE)
        shown = subprocess.run(
            ["tshark", "-r", "-", "-T", "fields", "-e", "ip.src"], stdin=capture.stdout, capture_output=True, text=True
        )
        capture.communicate()
    assert capture.returncode == 0
    assert len(shown.stdout.splitlines()) == 6, shown.stderr
    assert {"10.0.0.2", "10.0.0.3"} <= set(shown.stdout.split())


def test_a_namespace_can_be_attached_and_detached(fabric: Daemon) -> None:
    from pyroute2 import netns

    name = fabric.prefix + "guest"
    netns.create(name)
    try:
        port = fabric.ask("attach", "guest", "--netns", name)
        assert port["addresses"][0] == "10.0.0.4/24"
        fabric.ping("guest", "10.0.0.2")
        fabric.tapestry("detach", "guest")
        assert "eth0" not in fabric.run_inside("guest", "ip", "-br", "link").stdout
    finally:
        netns.remove(name)


def test_a_name_taken_a_namespace_missing_and_an_address_used_twice_are_sentences(fabric: Daemon) -> None:
    fabric.home.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire-end")
    attempts = {
        ("attach", "alice", "--tap", "x"): "a name that nothing else has",
        ("attach", "x", "--netns", "nowhere-at-all"): "namespace 'nowhere-at-all' does not exist: make it with",
        ("attach", "x", "--tap", "x", "--address", "10.0.0.2"): "an address that nothing else has",
        ("attach", "x", "--tap", "wire"): "'wire' in the agent's own namespace is taken: it is no TAP (kind veth)",
    }
    for arguments, sentence in attempts.items():
        refused = fabric.tapestry(*arguments, check=False)
        assert refused.returncode in (1, 2)
        assert sentence in refused.stderr
        assert "Traceback" not in refused.stderr
    assert [port["name"] for port in fabric.ask("ports")] == ["alice", "bob"]


def test_a_second_daemon_on_the_run_directory_is_refused(fabric: Daemon) -> None:
    assert fabric.agent is not None
    refused = fabric.tapestry("up", str(fabric.config), check=False)
    assert refused.returncode == 1
    assert f"another tapestry (pid {fabric.agent.pid}) runs here" in refused.stderr


def test_the_agent_runs_without_the_compiler(fabric: Daemon) -> None:
    assert fabric.agent is not None
    maps = Path(f"/proc/{fabric.agent.pid}/maps").read_text()
    assert "llvmlite" not in maps
    assert "numba" not in maps

"""What may die, go away or change under a real daemon, and what traffic notices of it."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.agent.process import ProcessId
from tests.agent.daemon import TAPESTRY, Daemon, daemon
from tests.agent.test_daemon import TWO_PORTS
from tests.netns import connect, namespaces, require_tools, set_up

pytestmark = pytest.mark.netns

BOBS_DEVICE = 'netns: "@b", ifname: eth0, make_netns: true'


@contextmanager
def pinging(fabric: Daemon) -> Iterator[Callable[[], tuple[int, int]]]:
    """Ping from alice to bob a hundred times a second; the function ends it, once bob has answered somebody else too,
    and returns the number of the last that was answered, and how many before that were not."""
    require_tools("ping")
    fabric.ping("a", "10.0.0.3")
    command = ["nsenter", f"--net={fabric.namespace('a').path}", "ping", "-i0.01", "10.0.0.3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish() -> tuple[int, int]:
        fabric.ping("a", "10.0.0.3")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", output)}
        return max(answered), max(answered) - len(answered)

    try:
        yield finish
    finally:
        process.kill()
        process.communicate()


def test_a_killed_agent_costs_no_frame_and_the_next_one_takes_over(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS) as fabric:
        before = fabric.ask("status")
        with pinging(fabric) as finish:
            fabric.stop(signal.SIGKILL)
            refused = fabric.tapestry("ports", check=False)
            assert "start one with `tapestry up CONFIG`" in refused.stderr
            fabric.start()
            after = fabric.ask("status")
            transmitted, lost = finish()
        assert [worker["pid"] for worker in after["workers"]] == [worker["pid"] for worker in before["workers"]]
        assert transmitted > 50
        assert lost == 0
        workers = [worker.process for worker in fabric.record().workers]
        assert fabric.stop(signal.SIGINT) == 0
        assert not any(worker.is_alive() for worker in workers)
        assert not list(Path("/run/netns").glob(f"{fabric.prefix}*"))


def test_a_killed_worker_is_replaced_and_the_switch_remembers(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS.replace("workers: 2", "workers: 1")) as fabric:
        fabric.ping("a", "10.0.0.3")
        learned = {(entry["mac"], entry["port"]) for entry in fabric.ask("fdb")}
        dead = fabric.record().workers[0].process
        os.kill(dead.pid, signal.SIGKILL)
        fabric.until(lambda: [worker["restarts"] for worker in fabric.ask("status")["workers"]] == [1])
        fabric.until(lambda: fabric.ask("status")["workers"][0]["ready"])
        assert learned <= {(entry["mac"], entry["port"]) for entry in fabric.ask("fdb")}
        fabric.ping("a", "10.0.0.3")
        assert fabric.record().workers[0].process != dead


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS) as fabric:
        assert fabric.agent is not None
        agent = fabric.agent.pid
        group = [ProcessId.of(agent), *(worker.process for worker in fabric.record().workers)]
        assert fabric.stop(signal.SIGTERM) == 0
        assert not any(process.is_alive() for process in group)
        assert not list(Path("/run/netns").glob(f"{fabric.prefix}*"))
        assert not fabric.run_dir.exists()
        assert fabric.home.run("ip", "-br", "link").stdout.split()[0] == "lo"
        assert not [path for path in Path("/dev/shm").iterdir() if "tapestry" in path.name]


def test_a_reload_changes_what_it_says_and_traffic_elsewhere_goes_on(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS) as fabric:
        assert fabric.agent is not None
        with pinging(fabric) as finish:
            third = '  - {name: carol, network: blue, tap: {netns: "@c", ifname: eth0, make_netns: true}}\n'
            fabric.write(TWO_PORTS + third)
            fabric.agent.send_signal(signal.SIGHUP)
            fabric.until(lambda: [port["name"] for port in fabric.ask("ports")] == ["alice", "bob", "carol"])
            fabric.until(lambda: fabric.state_of("carol") == "up")
            fabric.ping("c", "10.0.0.2")
            fabric.write(TWO_PORTS.replace("network: blue", "network: green"))
            fabric.agent.send_signal(signal.SIGHUP)
            fabric.until(lambda: "is refused, what was in force stays in force" in fabric.log.read_text())
            fabric.write(TWO_PORTS)
            fabric.tapestry("reload")
            assert [port["name"] for port in fabric.ask("ports")] == ["alice", "bob"]
            assert not Path(fabric.namespace("c").path).exists()
            _, lost = finish()
        assert lost == 0


def test_saving_the_file_is_enough_under_watch(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS, "--watch") as fabric:
        fabric.write(TWO_PORTS.replace("make_netns: true}", "make_netns: true}, hairpin: true"))
        fabric.until(lambda: "is in force" in fabric.log.read_text())
        assert [port["hairpin"] for port in fabric.ask("ports")] == [True, True]


def test_devices_go_away_and_come_back_one_by_one(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS) as fabric:
        fabric.ping("a", "10.0.0.3")

        fabric.run_inside("b", "ip", "link", "set", "eth0", "down")
        fabric.until(lambda: fabric.state_of("bob") == "down")
        assert fabric.state_of("alice") == "up"
        fabric.run_inside("b", "ip", "link", "set", "eth0", "up")
        fabric.until(lambda: fabric.state_of("bob") == "up")
        fabric.ping("a", "10.0.0.3")

        fabric.run_inside("b", "ip", "link", "delete", "eth0")
        fabric.until(lambda: "port bob is back" in fabric.log.read_text())
        fabric.until(lambda: fabric.state_of("bob") == "up")
        fabric.ping("a", "10.0.0.3")


def test_a_namespace_of_somebody_else_goes_away_and_comes_back(tmp_path: Path) -> None:
    with namespaces("guest") as (guest,):
        configuration = TWO_PORTS.replace(BOBS_DEVICE, f"netns: {guest.name}, ifname: eth0")
        with daemon(tmp_path, configuration) as fabric:
            fabric.ping("a", "10.0.0.3")
            fabric.home.run("ip", "netns", "delete", guest.name)
            fabric.until(lambda: fabric.state_of("bob") == "waiting")
            assert "does not exist" in fabric.ask("ports")[1]["reason"]
            fabric.home.run("ip", "netns", "add", guest.name)
            fabric.until(lambda: fabric.state_of("bob") == "up")
            fabric.ping("a", "10.0.0.3")
            fabric.stop()
            assert Path(guest.path).exists()


def test_a_nic_carries_the_fabric_to_a_wire(tmp_path: Path) -> None:
    configuration = """
workers: 1
networks: [{name: blue, subnets: [10.0.0.0/24]}]
ports:
  - {name: alice, network: blue, tap: {netns: "@a", ifname: eth0, make_netns: true}}
"""
    with namespaces("far") as (far,), daemon(tmp_path, configuration) as fabric:
        connect(fabric.home, "wire", far, "eth0")
        set_up(far, "eth0", "10.0.0.99/24")
        assert fabric.ask("attach", "lan", "--nic", "wire")["state"] == "up"
        fabric.ping("a", "10.0.0.99")
        os.kill(fabric.record().workers[0].process.pid, signal.SIGKILL)
        fabric.ping("a", "10.0.0.99")
        fabric.home.run("ip", "link", "set", "wire", "down")
        fabric.until(lambda: fabric.state_of("lan") != "up")
        fabric.home.run("ip", "link", "set", "wire", "up")
        fabric.until(lambda: fabric.state_of("lan") == "up")
        fabric.ping("a", "10.0.0.99")


def test_what_a_dead_instance_left_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    with daemon(tmp_path, TWO_PORTS) as fabric:
        workers = [worker.process for worker in fabric.record().workers]
        fabric.stop(signal.SIGKILL)
        for worker in workers:
            worker.send(signal.SIGKILL)
        fabric.write(TWO_PORTS.replace("@b", "@other"))
        fabric.start()
        assert not Path(fabric.namespace("b").path).exists()
        fabric.ping("a", "10.0.0.3")


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with namespaces("home") as (home,):
        failing = Daemon(tmp_path, home, TWO_PORTS.replace(BOBS_DEVICE, "ifname: wire"))
        try:
            home.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire-end")
            command = (*TAPESTRY, "up", str(failing.config), "--run-dir", str(failing.run_dir))
            done = home.run(*command, check=False)
            assert (done.returncode, done.stderr.count("\n")) == (1, 1)
            assert "port bob: 'wire' in the agent's own namespace is taken" in done.stderr
            assert not failing.run_dir.exists()
            assert not list(Path("/run/netns").glob(f"{failing.prefix}*"))
        finally:
            failing.end_everything()

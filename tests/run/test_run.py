"""`tapestry run` in every network there is, and what is left when it ends, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.daemon import PATIENCE_S, Daemon, daemon
from tests.netns import require_tools

pytestmark = pytest.mark.netns

CONFIGURATION = """
networks:
  - {name: blue, subnets: [10.0.0.0/24, "fd00::/64"]}
  - {name: plain, mode: none, subnets: [10.1.0.0/24]}
ports:
  - {name: alice, network: blue, tap: {netns: "@alice", ifname: eth0, make_netns: true}}
"""

READ_FILES = ("sh", "-c", "cat /etc/resolv.conf; echo ===; cat /etc/hosts")


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    require_tools("ip", "nc", "ss")
    with daemon(tmp_path_factory.mktemp("run"), CONFIGURATION) as running:
        yield running


def run(fabric: Daemon, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return fabric.tapestry("run", *arguments, check=check)


def ports(fabric: Daemon) -> list[str]:
    return [port["name"] for port in fabric.ask("ports")]


def inode_of_network(process: str) -> str:
    return os.readlink(f"/proc/{process}/ns/net")


def test_a_command_has_an_address_and_names_of_its_own(fabric: Daemon) -> None:
    resolv, hosts = run(fabric, "--network", "blue", "--name", "web", "--", *READ_FILES).stdout.split("===\n")
    assert [line for line in resolv.splitlines() if line.startswith("nameserver")] == [
        "nameserver 10.0.0.1",
        "nameserver fd00::1",
    ]
    assert "ndots:0" in resolv
    assert "10.0.0.3\tweb\n" in hosts
    assert "localhost" in hosts
    assert ports(fabric) == ["alice"]


def test_the_machines_own_files_stay_as_they_are(fabric: Daemon) -> None:
    def read() -> tuple[str, list[str]]:
        mounts = Path("/proc/mounts").read_text().splitlines()
        return Path("/etc/hosts").read_text(), [each for each in mounts if not each.startswith("nsfs ")]

    before = read()
    run(fabric, "--network", "blue", "--", "true")
    assert read() == before, "namespaces aside, which others may make meanwhile"


def test_a_network_without_a_gateway_leaves_the_resolvers_of_the_machine(fabric: Daemon) -> None:
    resolv = run(fabric, "--network", "plain", "--", *READ_FILES).stdout.split("===\n")[0]
    assert resolv == Path("/etc/resolv.conf").read_text()


@pytest.mark.parametrize("network", ["blue", "none", "host", "container:alice"])
def test_whom_to_ask_for_names_can_be_said(fabric: Daemon, network: str) -> None:
    done = run(fabric, "--network", network, "--dns", "192.0.2.53", "--dns", "2001:db8::53", "--", *READ_FILES)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("nameserver")] == [
        "nameserver 192.0.2.53",
        "nameserver 2001:db8::53",
    ]


def test_bridge_is_the_first_bridged_network(fabric: Daemon) -> None:
    assert "10.0.0.3/24" in run(fabric, "--network", "bridge", "--", "ip", "address").stdout


def test_none_is_loopback_alone(fabric: Daemon) -> None:
    links = run(fabric, "--network", "none", "--", "ip", "-o", "link").stdout.splitlines()
    assert len(links) == 1
    assert "lo:" in links[0]
    assert ports(fabric) == ["alice"]


def test_host_is_the_daemons_own_network(fabric: Daemon) -> None:
    assert fabric.agent is not None
    found = run(fabric, "--network", "host", "--", "readlink", "/proc/self/ns/net").stdout.strip()
    assert found == inode_of_network(str(fabric.agent.pid))


def test_container_is_the_network_of_another_port_and_its_names(fabric: Daemon) -> None:
    done = run(fabric, "--network", "container:alice", "--", "sh", "-c", "ip -br address show eth0; cat /etc/hosts")
    assert "10.0.0.2/24" in done.stdout
    assert "10.0.0.2\talice\n" in done.stdout


def test_exec_has_the_ports_names_too(fabric: Daemon) -> None:
    assert "nameserver 10.0.0.1\n" in fabric.tapestry("exec", "alice", "--", "cat", "/etc/resolv.conf").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--network", "container:nobody"), 1, "there is no port nobody"),
        (("--network", "none", "-p", "8080:80"), 2, "--network none publishes no ports: leave out -p"),
        (("--network", "container:alice", "-p", "8080:80"), 2, "publishes no ports"),
        (("--network", "host", "-p", "8080:80"), 2, "the command has the port itself; write 80:80"),
        (("--network", "host", "-p", "much"), 2, "/tcp, found 'much'"),
        (("--network", "blue", "-p", "8080:80"), 2, "publish[0]: expected an uplink to publish at, found none"),
        (
            ("--network", "blue", "--dns", "resolver"),
            2,
            "--dns: expected an address such as 10.10.0.1, found 'resolver'",
        ),
        (("--network", "bleu"), 2, "did you mean blue?"),
    ],
)
def test_a_mistake_is_a_sentence(fabric: Daemon, arguments: tuple[str, ...], status: int, sentence: str) -> None:
    done = run(fabric, *arguments, "--", "true", check=False)
    assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
    assert ports(fabric) == ["alice"]


def test_on_the_host_a_port_that_is_taken_names_who_has_it(fabric: Daemon) -> None:
    with fabric.home.running("nc", "-lk", "8080") as server:
        fabric.until(lambda: ":8080" in fabric.home.run("ss", "-ltn").stdout)
        done = run(fabric, "--network", "host", "-p", "8080:8080", "--", "true", check=False)
        assert done.returncode == 1
        assert (
            f"port 8080/tcp of the host is taken: process {server.pid} (nc -lk 8080) listens at 0.0.0.0" in done.stderr
        )
        assert run(fabric, "--network", "host", "-p", "8081:8081", "--", "true").returncode == 0


def start(fabric: Daemon, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """Start a command that tells its process id, and return both once it runs."""
    tell = f"import os, time; print(os.getpid(), flush=True); time.sleep({PATIENCE_S * 4})"
    command = ("run", *arguments, "--", sys.executable, "-c", tell)
    process = fabric.popen(*command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("network", ["blue", "none"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_it_ends_with_all_that_is_its_own(fabric: Daemon, network: str, number: signal.Signals) -> None:
    process, pid = start(fabric, "--network", network, "--name", "victim")
    try:
        assert ("victim" in ports(fabric)) == (network == "blue")
        process.send_signal(number)
        process.wait(PATIENCE_S)
        fabric.until(lambda: is_gone(pid))
        fabric.until(lambda: ports(fabric) == ["alice"])
    finally:
        process.kill()
        process.communicate()


def test_it_ends_when_the_command_does_with_its_status(fabric: Daemon) -> None:
    assert run(fabric, "--network", "blue", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    assert ports(fabric) == ["alice"]

"""Real programs across router and host uplink: web, names, ping, traceroute, ssh, iperf3, many short connections."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.netns import Namespace, require_tools
from tests.programs import connections, web
from tests.programs.world import (
    ALICE4,
    ALICE6,
    BOB4,
    BOB6,
    CAROL4,
    HOST4,
    HOST6,
    OUTSIDE4,
    OUTSIDE6,
    PAUL4,
    PAUL6,
    PETRA4,
    PETRA6,
    World,
    resolver,
    world,
)

pytestmark = [pytest.mark.netns, pytest.mark.timeout(600)]

NODE4, REFLECTED4 = "169.254.254.1", "169.254.254.5"
CONNECTIONS = 10_000


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_tools("ping", "curl")
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@contextmanager
def web_server(place: Namespace, port: int) -> Iterator[None]:
    with place.running(sys.executable, web.__file__, str(port)) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield


def curl(place: Namespace, address: str, port: int = 80, path: str = "", check: bool = True) -> str:
    """Return what the server said; its client's address, unless ``path`` asks for something else."""
    host = f"[{address}]" if ":" in address else address
    return place.run("curl", "-sS", "--max-time", "20", f"http://{host}:{port}/{path}", check=check).stdout


def pings(place: Namespace, address: str, *options: str) -> bool:
    return place.run("ping", "-c", "1", "-W", "3", *options, address, check=False).returncode == 0


def test_everybody_who_may_is_reached_by_ping(here: World) -> None:
    alice = here.inside("alice")
    for address in ("10.77.0.1", "fd77::1", BOB4, BOB6, HOST4, HOST6, OUTSIDE4, OUTSIDE6, NODE4):
        alice.run("ping", "-c", "2", "-W", "10", address)
    for address in (ALICE4, ALICE6, CAROL4):
        here.home.run("ping", "-c", "2", "-W", "10", address)


def test_nobody_is_reached_who_is_not_to_be(here: World) -> None:
    here.outside.run("ip", "route", "replace", "10.0.0.0/8", "via", HOST4)
    assert not pings(here.inside("carol"), ALICE4), "networks are isolated"
    assert not pings(here.inside("dora"), OUTSIDE4), "an internal network knows of no way out"
    here.fabric.run_inside("dora", "ip", "route", "add", "default", "via", "10.79.0.1")
    assert not pings(here.inside("dora"), OUTSIDE4), "and there is none"
    assert not pings(here.outside, ALICE4), "nobody asked for it"
    assert not pings(here.home, "10.79.0.2"), "an internal network has no way in"


def test_a_network_that_does_not_masquerade_is_reached_as_itself(here: World) -> None:
    here.outside.run("ip", "route", "replace", "10.80.0.0/24", "via", HOST4)
    here.outside.run("ping", "-c", "2", "-W", "10", "10.80.0.2")
    with web_server(here.outside, 80):
        assert curl(here.inside("emil"), OUTSIDE4) == "10.80.0.2"


def test_each_endpoint_of_a_routed_network_is_alone_behind_the_router(here: World) -> None:
    paul, petra = here.inside("paul"), here.inside("petra")
    here.outside.run("ip", "route", "replace", "10.81.0.0/24", "via", HOST4)
    here.outside.run("ip", "-6", "route", "replace", "fd81::/64", "via", HOST6)
    for address in (PETRA4, PETRA6, OUTSIDE4, OUTSIDE6, NODE4):
        paul.run("ping", "-c", "2", "-W", "10", address)
    for place in (here.home, here.outside):
        for address in (PAUL4, PAUL6):
            place.run("ping", "-c", "2", "-W", "10", address)
    with web_server(petra, 80):
        assert curl(paul, PETRA4) == PAUL4
        assert curl(paul, PETRA6) == PAUL6
        assert curl(here.outside, PETRA4) == OUTSIDE4
    macs = {line.split()[4] for line in paul.run("ip", "neigh", "show", "nud", "reachable").stdout.splitlines()}
    assert len(macs) == 1, "all that it sees is the router"
    assert curl(here.inside("alice"), PETRA4, check=False) == ""


@pytest.mark.parametrize(
    ("family", "hops"), [("-4", ["10.77.0.1", NODE4, OUTSIDE4]), ("-6", ["fd77::1", None, OUTSIDE6])]
)
@pytest.mark.parametrize("method", ["udp", "icmp"])
def test_traceroute_sees_every_router_on_the_way(here: World, family: str, hops: list[str | None], method: str) -> None:
    require_tools("traceroute")
    target = OUTSIDE4 if family == "-4" else OUTSIDE6
    option = ["-I"] if method == "icmp" else []
    shown = here.inside("alice").run("traceroute", family, "-n", "-q", "2", "-w", "5", *option, target).stdout
    found = [line.split()[1] for line in shown.splitlines()[1:]]
    assert len(found) == len(hops), shown
    assert all(hop is None or seen == hop for hop, seen in zip(hops, found, strict=True)), shown


def test_web_out(here: World) -> None:
    with web_server(here.outside, 80):
        assert curl(here.inside("alice"), OUTSIDE4) == HOST4
        assert curl(here.inside("alice"), OUTSIDE6) == HOST6
        assert len(curl(here.inside("alice"), OUTSIDE4, path="3000000")) == 3_000_000
        assert len(curl(here.inside("alice"), OUTSIDE6, path="3000000")) == 3_000_000


def test_web_in_by_the_published_port_with_the_clients_address(here: World) -> None:
    with web_server(here.inside("alice"), 80):
        assert curl(here.outside, HOST4, 8080) == OUTSIDE4
        assert curl(here.outside, HOST6, 8080) == OUTSIDE6
        assert len(curl(here.outside, HOST4, 8080, "3000000")) == 3_000_000
        assert curl(here.home, "127.0.0.1", 8080) == NODE4
        assert curl(here.home, HOST4, 8080) == HOST4
        assert curl(here.home, ALICE4) == NODE4
        assert curl(here.home, "127.0.0.1", 8081) == NODE4
        assert curl(here.outside, HOST4, 8081, check=False) == ""


def test_web_back_in_from_the_fabric_itself(here: World) -> None:
    with web_server(here.inside("alice"), 80):
        for name in ("alice", "bob", "carol"):
            assert curl(here.inside(name), HOST4, 8080) == REFLECTED4
            assert curl(here.inside(name), "169.254.254.2", 8080) != ""


def test_a_range_of_ports_is_led_port_by_port(here: World) -> None:
    with web_server(here.inside("alice"), 3007):
        assert curl(here.outside, HOST4, 2007) == OUTSIDE4
        assert curl(here.outside, HOST4, 2006, check=False) == ""


def test_names_of_the_network_and_of_the_world(here: World) -> None:
    require_tools("dig")
    alice, text = here.inside("alice"), "long " * 40

    def dig(*question: str, place: Namespace = alice, at: str = "10.77.0.1") -> list[str]:
        return place.run("dig", "+short", "+tries=1", "+time=10", f"@{at}", *question).stdout.splitlines()

    records = [f"--txt-record=much.test,{number} {text}" for number in range(20)]
    with resolver(here, "--address=/ready.test/192.0.2.1", "--host-record=www.test,192.0.2.80", *records):
        for transport in ("+notcp", "+tcp"):
            assert dig("bob", transport) == [BOB4]
            assert dig("bob.blue", "AAAA", transport, at="fd77::1") == [BOB6]
            assert dig("-x", BOB4, transport) == ["bob.blue."]
            assert dig("www.test", transport) == ["192.0.2.80"]
        assert len(dig("much.test", "TXT", "+bufsize=512")) == 20
        assert dig("petra", place=here.inside("paul"), at="169.254.1.1") == [PETRA4]
        assert dig("alice", place=here.inside("carol"), at="10.78.0.1") == []
        assert dig("www.test", place=here.inside("dora"), at="10.79.0.1") == []
        done = here.fabric.tapestry("exec", "alice", "--", "getent", "ahostsv4", "bob")
        assert BOB4 in done.stdout


def test_a_published_udp_service_answers(here: World) -> None:
    require_tools("dig", "dnsmasq")
    command = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root"]
    command += ["--pid-file=", "--host-record=inside.test,10.1.2.3", f"--listen-address={ALICE4}", "--bind-interfaces"]
    with here.inside("alice").running(*command):
        ask = ("dig", "+short", "+tries=5", "+time=2", "-p", "5353", f"@{HOST4}", "inside.test")
        assert here.outside.run(*ask).stdout == "10.1.2.3\n"


def test_run_publishes_for_as_long_as_its_command_runs(here: World) -> None:
    command = ("run", "--network", "blue", "--name", "shop", "-p", "9090:90", "--", sys.executable, web.__file__, "90")
    process = here.fabric.popen(*command)
    try:
        here.fabric.until(lambda: curl(here.outside, HOST4, 9090, check=False) == OUTSIDE4)
        refused = here.fabric.tapestry("run", "--network", "blue", "-p", "9090:90", "--", "true", check=False)
        assert "9090/tcp" in refused.stderr
        process.send_signal(signal.SIGKILL)
        process.wait()
        here.fabric.until(lambda: "shop" not in [port["name"] for port in here.fabric.ask("ports")])
        assert curl(here.outside, HOST4, 9090, check=False) == ""
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("options", [(), ("-R",), ("-u", "-b", "20M"), ("-6",)], ids=["out", "in", "udp", "v6"])
def test_iperf3(here: World, options: tuple[str, ...]) -> None:
    require_tools("iperf3")
    with here.outside.running("iperf3", "-s", "-1"):
        here.fabric.until(lambda: ":5201" in here.outside.run("ss", "-ltn").stdout)
        target = OUTSIDE6 if "-6" in options else OUTSIDE4
        done = here.inside("alice").run("iperf3", "-J", "-t", "2", "-c", target, *options)
        end = json.loads(done.stdout)["end"]
        assert end.get("sum_received", end.get("sum"))["bytes"] > 1_000_000


@pytest.mark.parametrize("way", ["out", "in"])
def test_of_many_short_connections_none_is_refused(here: World, way: str) -> None:
    server, client = (here.outside, here.inside("alice")) if way == "out" else (here.inside("alice"), here.outside)
    port, address, asked = (7000, OUTSIDE4, 7000) if way == "out" else (3001, HOST4, 2001)
    with server.running(sys.executable, connections.__file__, "serve", str(port)) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline() == "ready\n"
        command = (sys.executable, connections.__file__, address, str(asked), str(CONNECTIONS))
        done = client.run(*command, timeout_s=300)
        assert done.stdout == "0\n", done.stderr


def test_a_path_with_a_small_mtu_is_found_out(here: World) -> None:
    """The host's way out is smaller than the fabric's: who sends too much is told, through both translations."""
    alice = here.inside("alice")
    for place, name in ((here.home, "wan"), (here.outside, "eth0")):
        place.run("ip", "link", "set", name, "mtu", "1400")
    try:
        assert not pings(alice, OUTSIDE4, "-M", "do", "-s", "1472")
        told = alice.run("ip", "route", "get", OUTSIDE4).stdout
        assert "mtu 1400" in told
        with web_server(here.outside, 80):
            assert len(curl(alice, OUTSIDE4, path="300000")) == 300_000
            assert len(curl(alice, OUTSIDE6, path="300000")) == 300_000
    finally:
        for place, name in ((here.home, "wan"), (here.outside, "eth0")):
            place.run("ip", "link", "set", name, "mtu", "1500")
        for family in ("-4", "-6"):
            alice.run("ip", family, "route", "flush", "cache")


def test_a_long_ssh_session_outlives_the_worker_and_the_agent(here: World, tmp_path: Path) -> None:
    require_tools("ssh", "sshd", "ssh-keygen")
    for name in ("host", "user"):
        here.home.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    os.chmod(tmp_path / "authorized", 0o600)
    Path("/run/sshd").mkdir(exist_ok=True)
    server = ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h", str(tmp_path / "host")]
    server += ["-o", f"AuthorizedKeysFile={tmp_path / 'authorized'}", "-o", "StrictModes=no", "-o", "UsePAM=no"]
    client = ["ssh", "-T", "-p", "2222", "-i", str(tmp_path / "user"), "-o", "StrictHostKeyChecking=no"]
    client += ["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "/dev/null", f"root@{OUTSIDE4}"]
    with here.outside.running(*server):
        here.fabric.until(lambda: ":2222" in here.outside.run("ss", "-ltn").stdout)
        say = "for i in 1 2 3; do echo $i; sleep 1; done"
        with here.inside("alice").running(*client, say) as session:
            assert session.stdout is not None
            assert session.stdout.readline() == "1\n"
            os.kill(here.fabric.record().workers[0].process.pid, signal.SIGKILL)
            here.fabric.stop(signal.SIGKILL)
            here.fabric.start()
            assert session.stdout.read() == "2\n3\n"
            assert session.wait() == 0

"""A host uplink's side of the host: there while it is wanted, as it was when it is not, whoever dies in between.

The host is the namespace that a test made for the daemon, with a second interface towards an outside machine.
"""

import signal
from pathlib import Path

import pytest

from tests.agent.daemon import Daemon, daemon
from tests.netns import require_tools

pytestmark = pytest.mark.netns

UPLINK = """
uplink: {mode: host}
networks:
  - {name: blue, subnets: [10.77.0.0/24, "fd77::/64"]}
  - {name: green, mode: routed, subnets: [10.78.0.0/24]}
  - {name: shut, internal: true, subnets: [10.79.0.0/24]}
  - {name: plain, mode: none, subnets: [10.80.0.0/24]}
ports:
  - {name: web, network: blue, tap: {netns: "@web", ifname: eth0, make_netns: true}, publish: ["8080:80"]}
"""
NO_UPLINK = UPLINK.replace("uplink: {mode: host}", "").replace(', publish: ["8080:80"]', "")


@pytest.fixture(autouse=True)
def _tools() -> None:
    require_tools("nft", "ip", "sysctl")


def sysctl(fabric: Daemon, name: str) -> str:
    return fabric.home.run("sysctl", "-n", name).stdout.strip()


def set_sysctl(fabric: Daemon, name: str, value: str) -> None:
    fabric.home.run("sysctl", "-qw", f"{name}={value}")


def ruleset(fabric: Daemon) -> str:
    return fabric.home.run("nft", "list", "ruleset").stdout


def routes(fabric: Daemon, family: str = "-4") -> list[str]:
    return fabric.home.run("ip", family, "route", "show").stdout.splitlines()


def is_set_up(fabric: Daemon) -> bool:
    return (
        sysctl(fabric, "net.ipv4.ip_forward") == "1"
        and sysctl(fabric, "net.ipv6.conf.all.forwarding") == "1"
        and sysctl(fabric, "net.ipv4.conf.tapestry-up.route_localnet") == "1"
        and "table inet tapestry" in ruleset(fabric)
        and "tcp . 8080" in ruleset(fabric)
        and any(line.startswith("10.77.0.0/24 via 169.254.254.2") for line in routes(fabric))
    )


def is_as_before(fabric: Daemon) -> bool:
    return (
        sysctl(fabric, "net.ipv4.ip_forward") == "0"
        and sysctl(fabric, "net.ipv6.conf.all.forwarding") == "0"
        and ruleset(fabric) == ""
        and routes(fabric) == []
    )


def test_it_is_set_up_and_gone_again_when_the_daemon_stops(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        assert is_set_up(fabric)
        fabric.stop()
        assert is_as_before(fabric)


def test_routes_lead_to_the_networks_that_have_a_way_out(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        assert {line.split()[0] for line in routes(fabric)} == {"169.254.254.0/30", "10.77.0.0/24", "10.78.0.0/24"}
        assert all("src 169.254.254.1" in line for line in routes(fabric))
        assert any(line.startswith("fd77::/64 via fd54:6170:6573::2") for line in routes(fabric, "-6"))


def test_it_is_gone_when_the_configuration_has_none_any_more(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        fabric.write(NO_UPLINK)
        fabric.tapestry("reload")
        assert is_as_before(fabric)
        fabric.write(UPLINK)
        fabric.tapestry("reload")
        assert is_set_up(fabric)


def test_an_agent_that_was_killed_leaves_it_and_the_next_one_knows_what_was_before(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        fabric.stop(signal.SIGKILL)
        assert is_set_up(fabric)
        fabric.start()
        assert is_set_up(fabric)
        fabric.stop()
        assert is_as_before(fabric)


def test_after_the_death_of_all_a_start_without_an_uplink_takes_it_away(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        workers = fabric.record().workers
        fabric.stop(signal.SIGKILL)
        for worker in workers:
            worker.process.send(signal.SIGKILL)
        fabric.until(lambda: not any(worker.process.is_alive() for worker in workers))
        assert sysctl(fabric, "net.ipv4.ip_forward") == "1"
        fabric.write(NO_UPLINK)
        fabric.start()
        assert is_as_before(fabric)


def test_what_the_host_had_set_stays(tmp_path: Path) -> None:
    with daemon(tmp_path, NO_UPLINK) as fabric:
        set_sysctl(fabric, "net.ipv4.ip_forward", "1")
        fabric.home.run("nft", "add", "table", "inet", "others")
        fabric.write(UPLINK)
        fabric.tapestry("reload")
        assert is_set_up(fabric)
        fabric.stop()
        assert sysctl(fabric, "net.ipv4.ip_forward") == "1"
        assert sysctl(fabric, "net.ipv6.conf.all.forwarding") == "0"
        assert ruleset(fabric).split() == ["table", "inet", "others", "{", "}"]


def test_what_somebody_undoes_is_done_again(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        fabric.home.run("nft", "flush", "ruleset")
        fabric.home.run("ip", "route", "del", "10.77.0.0/24")
        set_sysctl(fabric, "net.ipv4.ip_forward", "0")
        fabric.until(lambda: is_set_up(fabric))
        assert "it is set up again" in fabric.log.read_text()


def test_a_tap_that_somebody_deletes_comes_back_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    with daemon(tmp_path, UPLINK) as fabric:
        fabric.home.run("ip", "link", "del", "tapestry-up")
        fabric.until(lambda: fabric.home.run("ip", "link", "show", "tapestry-up", check=False).returncode == 0)
        fabric.until(lambda: fabric.state_of("uplink") == "up" and is_set_up(fabric))


def test_interfaces_that_did_not_forward_to_each_other_do_not_now(tmp_path: Path) -> None:
    with daemon(tmp_path, NO_UPLINK) as fabric:
        for pair in (("lan", "lan-far"), ("wan", "wan-far")):
            fabric.home.run("ip", "link", "add", pair[0], "type", "veth", "peer", "name", pair[1])
        fabric.write(UPLINK)
        fabric.tapestry("reload")
        text = ruleset(fabric)
        assert "meta nfproto ipv4 iifname @closed4 oifname @closed4 drop" in text
        closed = text.split("set closed4 {")[1].split("}")[0]
        assert all(f'"{name}"' in closed for name in ("lan", "lan-far", "wan", "wan-far"))
        assert "tapestry-up" not in closed


def test_who_heeded_router_advertisements_still_does(tmp_path: Path) -> None:
    with daemon(tmp_path, NO_UPLINK) as fabric:
        fabric.home.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan-far")
        set_sysctl(fabric, "net.ipv6.conf.lan-far.accept_ra", "0")
        fabric.write(UPLINK)
        fabric.tapestry("reload")
        assert sysctl(fabric, "net.ipv6.conf.lan.accept_ra") == "2"
        assert sysctl(fabric, "net.ipv6.conf.lan-far.accept_ra") == "0"
        fabric.stop()
        assert sysctl(fabric, "net.ipv6.conf.lan.accept_ra") == "1"


def test_a_host_that_uses_a_subnet_of_ours_is_told_so(tmp_path: Path) -> None:
    with daemon(tmp_path, NO_UPLINK) as fabric:
        fabric.home.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan-far")
        fabric.home.run("ip", "link", "set", "lan", "up")
        fabric.home.run("ip", "address", "add", "10.77.0.9/25", "dev", "lan")
        fabric.write(UPLINK)
        refused = fabric.tapestry("reload", check=False)
        assert refused.returncode == 1
        assert "the host has a route to 10.77.0.0/25 (lan), which is in the fabric's 10.77.0.0/24" in refused.stderr
        assert ruleset(fabric) == ""


def test_a_port_that_a_program_of_the_host_has_is_not_taken_from_it(tmp_path: Path) -> None:
    require_tools("nc")
    with daemon(tmp_path, NO_UPLINK) as fabric, fabric.home.running("nc", "-lk", "127.0.0.1", "8080") as server:
        fabric.until(lambda: "127.0.0.1:8080" in fabric.home.run("ss", "-ltn").stdout)
        fabric.write(UPLINK)
        refused = fabric.tapestry("reload", check=False)
        assert refused.returncode == 1
        assert f"port 8080/tcp of the host is taken: process {server.pid} (nc -lk 127.0.0.1 8080)" in refused.stderr

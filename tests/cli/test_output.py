"""Tables that people and grep can read, rates out of counters, and what a new user is told to try."""

import json
from pathlib import Path
from typing import Any

import pytest

from control.cli import peers as peers_command
from control.cli import status as status_command
from control.cli.faces import how_to_call, things_to_try
from control.cli.output import Format, format_table, print_document, wants_json
from control.cli.rates import PortRates, device_of
from control.config import load_configuration

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"


def port(name: str = "a", **counters: int) -> dict[str, Any]:
    zero = dict.fromkeys(("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "drops"), 0)
    tap = {"netns": "web", "ifname": "eth0"}
    return {"name": name, "network": "blue", "kind": "tap", "tap": tap, "state": "up"} | zero | counters


def test_columns_are_aligned_numbers_to_the_right() -> None:
    table = format_table(("port", "frames"), [("alice", 1234567), ("b", 5)])
    assert table == "port      frames\nalice  1,234,567\nb              5"


def test_nothing_is_a_dash_and_lists_have_commas() -> None:
    assert format_table(("a", "b", "c"), [(None, [1, 2], "")]) == "a  b    c\n-  1,2  -"


def test_json_is_asked_for_in_either_way() -> None:
    assert wants_json(Format.JSON, False)
    assert wants_json(None, True)
    assert not wants_json(Format.TABLE, False)


def test_a_program_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_document({"b": 1, "a": [1]})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert list(json.loads(out)) == ["b", "a"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def rates_of(first: dict[str, Any], second: dict[str, Any], seconds: float) -> dict[str, object]:
    clock = Clock()
    rates = PortRates(clock)
    rates.tabulate([first])
    clock.now = seconds
    header, rows = rates.tabulate([second])
    return dict(zip(header, rows[0], strict=True))


def test_rates_are_what_passed_a_second() -> None:
    later = port(rx_packets=100, tx_packets=50, rx_bytes=250_000, tx_bytes=500_000, drops=4)
    row = rates_of(port(), later, 2.0)
    assert [row[name] for name in row if name.endswith("/s")] == [50, 25, 1.0, 2.0]


def test_a_port_made_anew_under_its_name_has_no_rate_at_first() -> None:
    row = rates_of(port(rx_packets=1000), port(rx_packets=3), 1.0)
    assert [row[name] for name in row if name.endswith("/s")] == [None] * 4


@pytest.mark.parametrize(
    ("attachment", "place"),
    [
        ({"kind": "tap", "tap": {"netns": "web", "ifname": "eth0"}}, "web/eth0"),
        ({"kind": "tap", "tap": {"netns": None, "ifname": "vm1"}}, "vm1"),
        ({"kind": "nic", "nic": {"ifname": "eth1"}}, "eth1"),
        ({"kind": "pcap", "pcap": {}}, "pcap"),
    ],
)
def test_a_port_says_where_it_is(attachment: dict[str, Any], place: str) -> None:
    assert device_of(attachment) == place


def test_the_demo_shows_three_things_to_try_that_fit_its_ports() -> None:
    tries = things_to_try(load_configuration(QUICKSTART).configuration.ports)
    assert len(tries) == 3
    assert tries[0][1] == "exec alice -- ping -c 3 10.10.0.3"
    assert len(things_to_try(())) >= 2


def test_a_run_directory_that_is_not_the_usual_one_is_part_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESTRY_RUN_DIR", "/usual")
    assert not how_to_call(Path("/usual")).startswith("TAPESTRY_RUN_DIR")
    assert how_to_call(Path("/other")).startswith("TAPESTRY_RUN_DIR=/other ")


def test_status_counts_one_thing_as_one() -> None:
    workers = [{"index": i, "pid": 10 + i, "ready": True, "restarts": i} for i in range(3)]
    networks = [{"name": "blue", "ports": 1}, {"name": "red", "ports": 2}]
    described = dict.fromkeys(("state", "node", "version", "pid", "config", "run_dir"), "")
    counted = {"uptime_s": 1.0, "ports": {"up": 3, "down": 0, "waiting": 0}, "fdb": {"entries": 0, "limit": 1}}
    overlay = {"address": "192.0.2.1", "transport": "socket", "mtu": 1500, "peers": 1, "endpoints": 2}
    document = described | counted | {"workers": workers, "networks": networks, "warnings": []}
    document |= {
        "overlay": overlay,
        "manifests": {"refused": ["f.yaml:1: kind: wrong"]},
        "policy": {"policies": 1, "cluster_policies": 0, "pods": 1, "rules": 2, "decided": 1234},
    }
    rows = dict(status_command.tabulate(document).rows)
    assert rows["workers"] == "0: pid 10; 1: pid 11, restarted 1 time; 2: pid 12, restarted 2 times"
    assert rows["networks"] == "blue (1 port); red (2 ports)"
    assert rows["overlay"] == "192.0.2.1 by socket, 1 peer with 2 endpoints"
    assert rows["policy"] == "1 policy over 1 pod, 1,234 packets decided"
    assert rows["refused"] == "f.yaml:1: kind: wrong"
    nothing = dict.fromkeys(("overlay", "policy", "manifests"))
    without = dict(status_command.tabulate(document | nothing).rows)
    assert not {"overlay", "policy", "refused"} & without.keys()


def test_peers_are_listed_with_the_first_of_their_subnets() -> None:
    subnets = [f"10.20.{n}.0/24" for n in range(5)]
    peer = {"node": "n2", "address": "192.0.2.2", "networks": ["red"], "subnets": subnets, "endpoints": [{}, {}]}
    table = peers_command.tabulate([peer | {"source": "api", "expires_s": 9.6}])
    assert list(table.rows[0]) == ["n2", "192.0.2.2", ["red"], [*subnets[:3], "2 more"], 2, "api", "10 s"]

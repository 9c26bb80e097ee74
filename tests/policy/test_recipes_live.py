"""Well-known recipes, unchanged, on a running fabric: real TCP and UDP between namespaces, over IPv4 and IPv6.

One daemon has all pods, and the recipe's files come and go in the folder that it watches. Beside the pods there are
somebody outside, behind the host, and the host itself, which reaches all its pods whatever is in force.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.agent.daemon import Daemon, daemon
from tests.netns import connect, namespaces, require_tools, set_up
from tests.policy.recipes import FAR, NAMESPACES, PODS, RECIPES, SERVICES, Talk, port_fields, read_recipe, talks
from tests.policy.talking import ask, talking

pytestmark = pytest.mark.netns

HOST = "host"
FAMILIES = (4, 6)
OUTSIDE = {4: ("203.0.113.1/24", "203.0.113.2/24"), 6: ("fd99::1/64", "fd99::2/64")}
"""The host's address towards the outside, and that of who is there."""
PORTS = sorted({str(port) for _, port in SERVICES})


class Attempt(NamedTuple):
    """One conversation that is tried."""

    talk: Talk
    family: int


class Crowd:
    """Everybody, each with a talker in a namespace of its own."""

    def __init__(self, fabric: Daemon, talkers: Mapping[str, "subprocess.Popen[str]"]) -> None:
        self.fabric = fabric
        self.talkers = talkers

    def hold(self, expected: Mapping[Attempt, bool]) -> None:
        """Have everybody try all that is expected of them, at once, and compare."""
        by_source: dict[str, list[Attempt]] = {}
        for attempt in expected:
            by_source.setdefault(attempt.talk.source, []).append(attempt)
        with ThreadPoolExecutor(len(by_source)) as pool:
            found = dict(
                pair for pairs in pool.map(lambda each: self._try(each, expected), by_source.values()) for pair in pairs
            )
        wrong = {attempt: found[attempt] for attempt in expected if found[attempt] != expected[attempt]}
        assert not wrong, f"{len(wrong)} of {len(expected)}: {list(wrong.items())[:10]}"

    def _try(self, attempts: list[Attempt], expected: Mapping[Attempt, bool]) -> list[tuple[Attempt, bool]]:
        asked = [
            (each.talk.protocol, address_of(each.talk.destination, each.family), each.talk.port, expected[each])
            for each in attempts
        ]
        reached = ask(self.talkers[attempts[0].talk.source], asked)
        return [(attempt, number in reached) for number, attempt in enumerate(attempts)]


def address_of(who: str, family: int) -> str:
    """Return somebody's address."""
    if who == FAR:
        return OUTSIDE[family][1].partition("/")[0]
    number = 10 + list(PODS).index(who)
    return f"10.77.0.{number}" if family == 4 else f"fd77::{number:x}"


def write_node(mode: str) -> str:
    """Return the configuration: all pods in one network, a way out by the host, a folder of policies."""
    ports = [
        {
            "name": name,
            "network": "own",
            "tap": {"netns": f"@{name}", "ifname": "eth0", "make_netns": True},
            "addresses": [address_of(name, family) for family in FAMILIES],
            **port_fields(name),
        }
        for name in PODS
    ]
    subnets = ["10.77.0.0/24", "fd77::/64"]
    network = {"name": "own", "mode": mode, "subnets": subnets, "masquerade": False}
    node = {"networks": [network], "ports": ports, "uplink": {"mode": "host"}, "manifests": ["policies/"]}
    return json.dumps(node, indent=1)


@pytest.fixture(scope="module", params=["bridge", "routed"])
def crowd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Everybody on a running fabric, whose folder of policies has the namespaces' labels alone."""
    require_tools("nsenter", "nft", "ip", "sysctl")
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "policies").mkdir()
    (folder / "policies" / "namespaces.yaml").write_text(NAMESPACES)
    with ExitStack() as stack:
        (outside,) = stack.enter_context(namespaces("outside"))
        fabric = stack.enter_context(daemon(folder, write_node(request.param)))
        connect(fabric.home, "out0", outside, "eth0")
        for family in FAMILIES:
            set_up(fabric.home, "out0", OUTSIDE[family][0])
            set_up(outside, "eth0", OUTSIDE[family][1])
            gateway = OUTSIDE[family][0].partition("/")[0]
            outside.run("ip", f"-{family}", "route", "add", "default", "via", gateway)
        places = {name: fabric.namespace(name) for name in PODS} | {FAR: outside, HOST: fabric.home}
        talkers = {name: stack.enter_context(talking(place, *PORTS)) for name, place in places.items()}
        everybody = Crowd(fabric, talkers)
        everybody.hold(attempts(lambda talk: True))
        yield everybody


def attempts(allows: Callable[[Talk], bool]) -> dict[Attempt, bool]:
    """Return all that is tried, and whether it is to succeed. The host reaches every pod."""
    hosts = [Talk(HOST, name, *service) for name in PODS for service in SERVICES]
    return {
        Attempt(talk, family): talk.source == HOST or allows(talk) for talk in (*talks(), *hosts) for family in FAMILIES
    }


@pytest.fixture
def policies(crowd: Crowd) -> Iterator[Path]:
    """The file that a recipe goes into; it is gone afterwards, and so are its policies."""
    path = crowd.fabric.config.parent / "policies" / "recipe.yaml"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        crowd.fabric.until(lambda: not names_in_force(crowd.fabric))


def names_in_force(fabric: Daemon) -> set[str]:
    """Return the policies that are in force."""
    return {policy["policy"] for policy in fabric.ask("policies")}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_lets_pass_what_it_is_meant_to(crowd: Crowd, policies: Path, name: str) -> None:
    aside = policies.with_suffix(".new")
    aside.write_text(read_recipe(name))
    aside.replace(policies)
    crowd.fabric.until(lambda: names_in_force(crowd.fabric))
    crowd.hold(attempts(RECIPES[name]))

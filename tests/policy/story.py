"""Stories of policies: who sends what to whom, in a little cluster, and what becomes of it, in a line each.

    tell(
        {"web": pod("app=web"), "db": pod("app=db")},
        Policies("…YAML…"),
        "db > web:80 tcp: denied",
        Policies("…other YAML…"),
        "db > web:80 tcp: passes",
    )

Each story is told over IPv4 and over IPv6, with all pods in one bridge domain and with each alone behind the router, by
a whole replay: files in, verdicts out. The naive twin must tell the same.

    WHO[:PORT] > WHO[:PORT] tcp [FLAGS] | udp | sctp | ping | pong | gre | error: passes | denied [POLICY RULE]

A 4 or a 6 behind that is a packet of one family alone (``tcp6``). ``error`` is the ICMP error of the first about a
datagram of the second's. Ports that are not said are new ones. Beside pods there are ``far``, somebody behind the
uplink, and ``gateway``, the router's own address.

Replays are of ports that are there from the first to the last frame. A story in which some come or go is told by the
pipeline alone, which names no rules.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent
from typing import Any, NamedTuple

from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, GRE, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from control.config import load_configuration
from control.replay.job import Job
from control.replay.run import run_replay
from tests.arrival_files import captures_of
from tests.drive import run_naive_phases, run_phases
from tests.fuzz.oracle import are_alike
from tests.naive.interfaces import router_mac
from tests.naive.switch import Outcome
from tests.packets import BROADCAST, mac, mac_text
from tests.replayed import read_outcomes
from tests.rows.router.world import ip, ping, solicited_group, tcp, udp
from tests.runs import Arrival, Phase

MODES = ("bridge", "routed")
FAMILIES = (4, 6)
FIRST_HOST = 10
BEGIN_NS, STEP_NS = 1_000_000_000, 1_000_000
GATEWAY = {4: "10.1.0.1", 6: "fd00:1::1"}
FAR = {4: "198.51.100.9", 6: "2001:db8:9::9"}
NEXT_HOP = {4: "192.0.2.1", 6: "2001:db8::1"}
NEXT_HOP_MAC = mac(0x31)


@dataclass(frozen=True)
class Station:
    """A port of the story, as the configuration file writes it. What is no endpoint is an address alone."""

    fields: Mapping[str, Any] = field(default_factory=dict)


def pod(labels: str = "", namespace: str = "default", **named_ports: str) -> Station:
    """Return a pod: ``labels`` as "app=web role=x"; ``named_ports`` as http="80/tcp"."""
    pairs = dict(pair.split("=") for pair in labels.split())
    return Station({"namespace": namespace, "labels": pairs, "named_ports": named_ports})


HOST_POD = Station({"endpoint": False})
"""Somebody whom no selector selects."""


@dataclass(frozen=True)
class Policies:
    """Manifests that take the place of all before."""

    text: str = ""


def policy(spec: str, name: str = "p", namespace: str = "default") -> str:
    """Return the YAML of a NetworkPolicy, whose ``spec`` is YAML itself."""
    metadata = f"{{name: {name}, namespace: {namespace}}}"
    body = indent(dedent(spec).strip(), "  ")
    return f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {metadata}\nspec:\n{body}\n---\n"


def cluster_policy(spec: str, name: str = "c") -> str:
    """Return the YAML of a ClusterNetworkPolicy."""
    body = indent(dedent(spec).strip(), "  ")
    version = "policy.networking.k8s.io/v1alpha2"
    return f"apiVersion: {version}\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\nspec:\n{body}\n---\n"


def namespace(name: str, labels: str) -> str:
    """Return the YAML of a Namespace with labels, as "team=a env=prod"."""
    pairs = ", ".join(f"{key}: {value}" for key, value in (pair.split("=") for pair in labels.split()))
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{pairs}}}}}\n---\n"


@dataclass(frozen=True)
class Stations:
    """Pods that take the place of all before; names keep their ports and addresses."""

    stations: Mapping[str, Station]


Line = str | Policies | Stations


class Told(NamedTuple):
    """A line of a story, to whom and what is sent in it, and what is to become of it."""

    line: str
    destination: str
    expected: str
    frames: tuple[Arrival, ...]


def tell(
    stations: Mapping[str, Station],
    *lines: Line,
    modes: Sequence[str] = MODES,
    has_twin: bool = True,
    **network: Any,
) -> None:
    """Tell a story in each of the ``modes`` of its network, whose other fields are ``network``. ``has_twin``: the naive
    twin tells it as well, which takes it long if it is long."""
    for mode in modes:
        try:
            Story(mode, stations, network).tell(lines, has_twin)
        except AssertionError as error:
            error.add_note(f"with the pods' network in mode {mode}")
            raise


class Story:
    """One telling of a story. Its first policies, before any line, are in force from the beginning."""

    def __init__(self, mode: str, stations: Mapping[str, Station], network: Mapping[str, Any]) -> None:
        self.mode, self.stations, self.network = mode, stations, network
        self.hosts: dict[str, int] = {}
        self.policies: Policies | None = None
        self.scenes: list[tuple[int, Path]] = []
        self.events: list[dict[str, object]] = []
        self.now_ns = BEGIN_NS
        self.fresh = count(20_000)

    def tell(self, lines: Sequence[Line], has_twin: bool) -> None:
        """Have it happen, and hold every line against what becomes of it."""
        with TemporaryDirectory(prefix="tapestry-story-") as name:
            folder = Path(name)
            told = self._write(folder, lines)
            arrivals = [arrival for each in told for arrival in each.frames]
            phases = self._phases(arrivals)
            if len({frozenset(port.name for port in phase.configuration.ports) for phase in phases}) == 1:
                job = write_job(folder, self.scenes[0][1], arrivals, self.events)
                run_replay(job, list[str]().append)
                outcomes = read_outcomes(phases[0].configuration, arrivals, job)
                assert job.verdicts
                verdicts = [json.loads(line) for line in job.verdicts.read_text().splitlines()]
            else:
                outcomes = run_phases(phases).outcomes
                verdicts = [{} for _ in outcomes]
        told_of = [each for each in told for _ in each.frames]
        for each, arrival, outcome, verdict in zip(told_of, arrivals, outcomes, verdicts, strict=True):
            hold_line(each, arrival, outcome, verdict)
        twin = run_naive_phases(phases).outcomes if has_twin else outcomes
        for arrival, one, other in zip(arrivals, twin, outcomes, strict=True):
            assert are_alike(one, other), f"{arrival}: the twin says {one}, the pipeline {other}"

    def _phases(self, arrivals: Sequence[Arrival]) -> list[Phase]:
        """Return what is in force, and what comes in meanwhile."""
        begins = [at for at, _ in self.scenes[1:]]
        return [
            Phase(
                load_configuration(path).configuration,
                [arrival for arrival in arrivals if bisect_right(begins, arrival.time_ns) == number],
            )
            for number, (_, path) in enumerate(self.scenes)
        ]

    # What is written

    def _write(self, folder: Path, lines: Sequence[Line]) -> list[Told]:
        """Write what is configured at first and later, and return what is sent."""
        told = []
        for line in lines:
            if isinstance(line, str):
                if not self.scenes:
                    self._change(folder)
                if not told:
                    told.append(self._greeting())
                told.append(self._say(line))
                continue
            self.policies = line if isinstance(line, Policies) else self.policies
            self.stations = line.stations if isinstance(line, Stations) else self.stations
            self._change(folder, by_config=isinstance(line, Stations))
        return told

    def _change(self, folder: Path, by_config: bool = False) -> None:
        """Put what is said by now in force; the first time from the beginning."""
        number = len(self.scenes)
        manifests, config = folder / f"policies-{number}", folder / f"node-{number}.yaml"
        manifests.mkdir()
        if self.policies:
            (manifests / "policies.yaml").write_text(self.policies.text)
        config.write_text(json.dumps(self._configuration(manifests.name)))
        at_ns = self.now_ns + STEP_NS // 2
        if number:
            what = {"config": config.name} if by_config else {"manifests": [f"{manifests.name}/"]}
            self.events.append({"t": at_ns / 10**9} | what)
        self.scenes.append((at_ns, config))

    def _configuration(self, manifests: str) -> dict[str, Any]:
        """Return the file: the stations' network, and a way out."""
        for name in self.stations:
            self.hosts.setdefault(name, FIRST_HOST + len(self.hosts))
        own = {"name": "own", "mode": self.mode, "subnets": ["10.1.0.0/24", "fd00:1::/64"], "masquerade": False}
        ports = [
            {
                "name": name,
                "network": "own",
                "pcap": {},
                "addresses": [self.address(name, family) for family in FAMILIES],
                "mac": mac_text(mac(self.hosts[name])),
                **station.fields,
            }
            for name, station in self.stations.items()
        ]
        return {
            "node": "story",
            "networks": [own | self.network],
            "ports": [*ports, {"name": "wan", "pcap": {}, "endpoint": False}],
            "uplink": {
                "mode": "port",
                "port": "wan",
                "addresses": ["192.0.2.10/24", "2001:db8::10/64"],
                "gateway": list(NEXT_HOP.values()),
            },
            "manifests": [f"{manifests}/"],
        }

    # What is sent

    def address(self, who: str, family: int) -> str:
        """Return somebody's address, or the one that was said."""
        if who in self.hosts:
            return f"10.1.0.{self.hosts[who]}" if family == 4 else f"fd00:1::{self.hosts[who]:x}"
        return {"gateway": GATEWAY, "far": FAR}[who][family]

    def _greeting(self) -> Told:
        """Return how everybody says who they are: the switch learns where they are, and the router who they are."""
        frames = []
        for name, host in self.hosts.items():
            frames += [(name, greeting(mac(host), self.address(name, family), GATEWAY[family])) for family in FAMILIES]
        uplink = {4: "192.0.2.10", 6: "2001:db8::10"}
        frames += [("wan", greeting(NEXT_HOP_MAC, NEXT_HOP[family], uplink[family])) for family in FAMILIES]
        return Told("the greeting", "", "", tuple(Arrival(port, frame, self._tick()) for port, frame in frames))

    def _say(self, line: str) -> Told:
        """Return what is sent in a line, over each family."""
        match = LINE.fullmatch(line)
        assert match, f"not a line: {line}"
        source, sport, destination, dport, kind, family, says, expected = match.groups()
        ports = int(sport or next(self.fresh)), int(dport or next(self.fresh))
        frames = []
        for each in [int(family)] if family else FAMILIES:
            ends = self.address(source, each), self.address(destination, each)
            packet = packet_of(kind, (says or "").strip(), ends, ports)
            frames.append(Arrival(self._port(source), self._frame(source, destination, packet), self._tick()))
        return Told(line, destination, expected, tuple(frames))

    def _port(self, who: str) -> str:
        return who if who in self.hosts else "wan"

    def _frame(self, source: str, destination: str, packet: Packet) -> bytes:
        """Return the frame by which the source sends a packet: to the destination's MAC, or to its router's."""
        is_local = self.mode == "bridge" and source in self.hosts and destination in self.hosts
        sender = mac(self.hosts[source]) if source in self.hosts else NEXT_HOP_MAC
        to = mac(self.hosts[destination]) if is_local else self._router_mac(source)
        return bytes(Ether(dst=mac_text(to), src=mac_text(sender)) / packet)

    def _router_mac(self, who: str) -> bytes:
        return router_mac("story", "own" if who in self.hosts else "")

    def _tick(self) -> int:
        self.now_ns += STEP_NS
        return self.now_ns


LINE = re.compile(
    r"(\w+)(?::(\d+))? > (\w+)(?::(\d+))? (tcp|udp|sctp|ping|pong|gre|error)([46]?)( [A-Z]+)?: ((?:passes|denied).*)"
)


def greeting(sender: bytes, own: str, router: str) -> bytes:
    """Return how a station asks for its router, and so says that it has an address."""
    if ip_address(own).version == 4:
        message = ARP(op=1, hwsrc=mac_text(sender), psrc=own, pdst=router)
        return bytes(Ether(dst=mac_text(BROADCAST), src=mac_text(sender)) / message)
    to, group = solicited_group(router)
    asked = IPv6(src=own, dst=group, hlim=255) / ICMPv6ND_NS(tgt=router)
    return bytes(Ether(dst=mac_text(to), src=mac_text(sender)) / asked / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(sender)))


def packet_of(kind: str, says: str, ends: tuple[str, str], ports: tuple[int, int]) -> Packet:
    """Return the packet that a line means."""
    source, destination = ends
    sport, dport = ports
    if kind == "tcp":
        return tcp(source, destination, sport, dport, says or "S")
    if kind == "udp":
        return udp(source, destination, sport, dport)
    if kind == "sctp":
        return ip(source, destination) / SCTP(sport=sport, dport=dport, tag=0) / SCTPChunkInit(init_tag=9)
    if kind in ("ping", "pong"):
        return ping(source, destination, dport if kind == "ping" else sport, kind == "pong")
    if kind == "gre":
        return ip(source, destination) / GRE() / Raw(b"data")
    quoted = udp(destination, source, dport, sport)
    if ip_address(source).version == 4:
        return ip(source, destination) / ICMP(type=3, code=3) / Raw(bytes(quoted)[:36])
    return ip(source, destination) / ICMPv6DestUnreach(code=4) / Raw(bytes(quoted))


def write_job(folder: Path, config: Path, arrivals: Sequence[Arrival], events: Sequence[Mapping[str, object]]) -> Job:
    """Write what comes in, and the changes on the way; return the replay of it."""
    inputs = {}
    for port, capture in captures_of(arrivals).items():
        path = folder / f"{port}.in"
        path.write_bytes(capture)
        inputs[port] = str(path)
    timeline = folder / "events"
    timeline.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    out, verdicts = folder / "out", folder / "verdicts"
    return Job(config, inputs, out_dir=out, verdicts=verdicts, events=timeline if events else None)


def hold_line(told: Told, arrival: Arrival, outcome: Outcome, verdict: Mapping[str, Any]) -> None:
    """Hold what became of a frame against what its line says."""
    if not told.expected:
        return
    about = f"{told.line}: {outcome.verdict}, {outcome.reason}, {verdict}; of {arrival}"
    expected, _, decided = told.expected.partition(" ")
    receivers = [port for port, _ in outcome.out]
    if expected == "denied":
        assert (outcome.verdict, outcome.reason, receivers) == ("drop", "policy_denied", []), about
    elif told.destination == "gateway":
        assert outcome.reason in (None, "no_service"), about
    else:
        receiver = "wan" if told.destination == "far" else told.destination
        assert (outcome.verdict, receivers) == ("forward", [receiver]), about
    if decided and verdict:
        assert f"{verdict['policy']} {verdict['rule']}" == decided, about

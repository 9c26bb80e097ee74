"""What users see of policies: explain, replay's verdicts, the truth table, proposals and the flow log name the rule."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from typer.testing import CliRunner

from control.cli import build_app
from control.config import load_configuration
from control.errors import UserError
from control.fabric import Fabric
from control.model import Configuration
from control.observe.known import Known
from dataplane.flowlog.build import set_observed, take_events
from tests.engine import begin, carry, in_memory
from tests.replay.captures import write_capture
from tests.runs import CALM, Arrival

pytestmark = pytest.mark.kernel

CONFIGURATION = """
networks: [{name: blue, subnets: [10.0.0.0/24]}]
ports:
  - {name: web, network: blue, pcap: {}, addresses: [10.0.0.2], mac: "02:00:00:00:00:02", namespace: shop,
     labels: {app: web}}
  - {name: db, network: blue, pcap: {}, addresses: [10.0.0.3], mac: "02:00:00:00:00:03", namespace: shop,
     labels: {app: db}}
  - {name: old, network: blue, pcap: {}, addresses: [10.0.0.4], mac: "02:00:00:00:00:04", namespace: shop,
     labels: {app: old}}
manifests: [policies/]
"""
DB_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: 5432}]
"""
WEB_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
"""
AUDITED = 'annotations: {tapestry/audit: "true"}'
EPOCH_NS = 1_700_000_000_000_000_000
MACS = {"10.0.0.2": "02:00:00:00:00:02", "10.0.0.3": "02:00:00:00:00:03", "10.0.0.4": "02:00:00:00:00:04"}
PORTS = {"10.0.0.2": "web", "10.0.0.3": "db", "10.0.0.4": "old"}


def tcp(source: str, destination: str, port: int, source_port: int = 4000, flags: str = "S") -> tuple[str, bytes]:
    """Return a packet and the port that it comes in by."""
    link = Ether(src=MACS[source], dst=MACS[destination])
    return PORTS[source], bytes(
        link / IP(src=source, dst=destination) / TCP(sport=source_port, dport=port, flags=flags)
    )


@dataclass(frozen=True)
class Done:
    status: int
    out: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tapestry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run a command in a folder that holds c.yaml, and policies/ for the database."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIGURATION)
    Path("policies").mkdir()
    Path("policies/db.yaml").write_text(DB_POLICY)
    Path("web.yaml").write_text(WEB_POLICY)

    def run(verb: str, *arguments: str) -> Done:
        result = CliRunner().invoke(build_app(verb), [verb, *arguments])
        if isinstance(result.exception, UserError):
            return Done(result.exception.status, str(result.exception))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout)

    return run


def test_explain_names_the_rule_that_denies_and_the_one_that_allows(tapestry: Callable[..., Done]) -> None:
    asked = "explain", "--config", "c.yaml", "-o", "json"
    denied = tapestry(*asked, "tcp 10.0.0.4:4000 > 10.0.0.3:5432").document
    assert (denied["verdict"], denied["reason"]) == ("drop", "policy_denied")
    assert (denied["policy"], denied["rule"], denied["audited"]) == ("shop/db", "ingress", False)
    assert denied["stages"][-1]["stage"] == "policy"
    assert denied["stages"][-1]["note"].startswith("ingress: shop/db ingress denies")
    allowed = tapestry(*asked, "tcp 10.0.0.2:4000 > 10.0.0.3:5432").document
    assert (allowed["verdict"], allowed["policy"], allowed["rule"]) == ("forward", "shop/db", "ingress[0]")
    assert [stage["stage"] for stage in allowed["stages"]][-2:] == ["policy", "bridge"]
    nobodys = tapestry(*asked, "tcp 10.0.0.2:4000 > 10.0.0.4:80").document
    assert (nobodys["verdict"], nobodys["policy"], nobodys["rule"]) == ("forward", None, None)
    assert "policy" not in [stage["stage"] for stage in nobodys["stages"]]


def test_explain_tells_people_who_decided(tapestry: Callable[..., Done]) -> None:
    told = tapestry("explain", "--config", "c.yaml", "tcp 10.0.0.4:4000 > 10.0.0.3:5432").out
    assert "\ndrop: policy_denied by shop/db ingress\n" in told


def test_what_is_audited_passes_and_says_so(tapestry: Callable[..., Done]) -> None:
    annotated = DB_POLICY.replace("shop}", f"shop, {AUDITED}}}", 1)
    Path("policies/db.yaml").write_text(annotated)
    asked = tapestry("explain", "--config", "c.yaml", "-o", "json", "tcp 10.0.0.4:4000 > 10.0.0.3:5432").document
    assert (asked["verdict"], asked["policy"], asked["rule"], asked["audited"]) == (
        "forward",
        "shop/db",
        "ingress",
        True,
    )


def test_each_line_of_a_replay_names_the_rule(tapestry: Callable[..., Done]) -> None:
    frames = [
        tcp("10.0.0.2", "10.0.0.3", 5432),
        tcp("10.0.0.3", "10.0.0.2", 4000, source_port=5432, flags="SA"),
        tcp("10.0.0.4", "10.0.0.3", 5432),
        tcp("10.0.0.3", "10.0.0.4", 80),
    ]
    inputs = []
    for name in PORTS.values():
        write_capture(
            Path(f"{name}.pcap"), [(EPOCH_NS + n, frame) for n, (port, frame) in enumerate(frames) if port == name]
        )
        inputs += ["--in", f"{name}={name}.pcap"]
    assert tapestry("replay", "--config", "c.yaml", *inputs, "--verdicts", "v.jsonl").status == 0
    lines = [json.loads(line) for line in Path("v.jsonl").read_text().splitlines()]
    assert [(line["verdict"], line["policy"], line["rule"]) for line in lines] == [
        ("forward", "shop/db", "ingress[0]"),
        ("forward", "shop/db", "ingress[0]"),
        ("drop", "shop/db", "ingress"),
        ("forward", None, None),
    ]


def test_the_truth_table_is_of_the_files_policies(tapestry: Callable[..., Done]) -> None:
    table = tapestry("policy", "matrix", "--config", "c.yaml")
    assert [line.split() for line in table.out.splitlines()] == [
        ["from", "\\", "to", "shop/web", "shop/db", "shop/old"],
        ["shop/web", "all", "5432/tcp", "all"],
        ["shop/db", "all", "all", "all"],
        ["shop/old", "all", "none", "all"],
    ]
    cells = tapestry(
        *(
            "policy",
            "matrix",
            "--config",
            "c.yaml",
            "--from",
            "shop/old",
            "--to",
            "db",
            "--port",
            "5432/tcp",
            "-o",
            "json",
        )
    )
    assert cells.document == [
        {
            "source": "shop/old",
            "destination": "shop/db",
            "family": 4,
            "protocol": "tcp",
            "port": 5432,
            "verdict": "drop",
            "policy": "shop/db",
            "rule": "ingress",
        }
    ]


@pytest.mark.parametrize("arguments", [("--from", "nobody"), ("--port", "80"), ("--port", "99999/tcp")])
def test_a_table_of_what_is_not_there_is_refused(tapestry: Callable[..., Done], arguments: tuple[str, str]) -> None:
    assert tapestry("policy", "matrix", "--config", "c.yaml", *arguments).status == 2


def test_a_proposal_is_held_against_a_capture(tapestry: Callable[..., Done]) -> None:
    frames = [tcp("10.0.0.2", "10.0.0.3", 5432)[1], tcp("10.0.0.4", "10.0.0.2", 80)[1]]
    write_capture(Path("a.pcap"), [(EPOCH_NS + n, frame) for n, frame in enumerate(frames)])
    asked = "policy", "diff", "web.yaml", "--pcap", "a.pcap", "--config", "c.yaml"
    done = tapestry(*asked, "-o", "json")
    assert done.status == 1
    (denied,) = done.document
    assert (denied["change"], denied["source"]["pod"], denied["destination"]["pod"]) == ("denied", "web", "db")
    assert denied["after"] == {"verdict": "drop", "policy": "shop/web", "rule": "egress"}
    assert tapestry(*asked).out.splitlines()[-1] == "1 newly denied, of 2 conversations"


def test_a_proposal_that_changes_nothing_is_no_failure(tapestry: Callable[..., Done]) -> None:
    Path("log.jsonl").write_text("")
    done = tapestry("policy", "diff", "policies", "--flows", "log.jsonl", "--config", "c.yaml")
    assert (done.status, done.out) == (0, "no change, of 0 conversations\n")


def test_a_proposal_can_stand_in_place_of_all(tapestry: Callable[..., Done]) -> None:
    write_capture(Path("a.pcap"), [(EPOCH_NS, tcp("10.0.0.4", "10.0.0.3", 5432)[1])])
    Path("none").mkdir()
    done = tapestry("policy", "diff", "none", "--replace", "--pcap", "a.pcap", "--config", "c.yaml", "-o", "json")
    assert [each["change"] for each in done.document] == ["allowed"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("web.yaml",),
        ("web.yaml", "--flows", "a", "--pcap", "b"),
        ("web.yaml", "--flows", "nowhere.jsonl"),
        ("web.yaml", "--pcap", "nowhere.pcap"),
        ("c.yaml", "--flows", "empty.jsonl"),
    ],
)
def test_a_wrong_question_is_refused(tapestry: Callable[..., Done], arguments: tuple[str, ...]) -> None:
    Path("empty.jsonl").write_text("")
    assert tapestry("policy", "diff", *arguments, "--config", "c.yaml").status == 2


class Watched:
    """A fabric by c.yaml, with somebody who observes."""

    def __init__(self) -> None:
        self.fabric = Fabric(self.configuration.limits, seed=1)
        self.sent = 0
        self.apply()
        set_observed(self.fabric.state.flow_head[0], True)

    @property
    def configuration(self) -> Configuration:
        return load_configuration(Path("c.yaml")).configuration

    def apply(self) -> None:
        """Put in force what the files say."""
        self.engine = begin(self.fabric, self.configuration, CALM)

    def told(self, *frames: tuple[str, bytes]) -> list[dict[str, Any]]:
        """Return what is told while frames pass."""
        self.sent += 1
        arrivals = [Arrival(port, frame, EPOCH_NS + 1000 * self.sent) for port, frame in frames]
        carry(self.engine, *in_memory(self.engine, arrivals), 0, len(arrivals))
        events = take_events(self.fabric.state.flow_logs)
        return [json.loads(telling.line) for telling in Known(self.fabric).narrator().tell(events)]


@pytest.fixture
def watched(tapestry: Callable[..., Done]) -> Iterator[Watched]:
    made = Watched()
    yield made
    made.fabric.close()


def test_the_flow_log_names_pods_and_rules(watched: Watched) -> None:
    told = watched.told(tcp("10.0.0.2", "10.0.0.3", 5432), tcp("10.0.0.4", "10.0.0.3", 5432))
    assert [(each["event"], each["verdict"], each["policy"], each["rule"]) for each in told] == [
        ("new", "forward", "shop/db", "ingress[0]"),
        ("denied", "drop", "shop/db", "ingress"),
    ]
    assert [(each["source"]["pod"], each["destination"]["pod"]) for each in told] == [("web", "db"), ("old", "db")]
    assert told[0]["destination"]["identity"] == told[1]["destination"]["identity"] != 0
    assert (told[1]["reason"], told[1]["flow"], told[1]["packets"]) == ("policy_denied", None, 1)


def test_a_conversation_that_may_go_on_no_longer_is_told_by_its_own_ends(watched: Watched) -> None:
    (begun,) = watched.told(tcp("10.0.0.2", "10.0.0.3", 5432))
    Path("policies/db.yaml").write_text(DB_POLICY.replace("{app: web}", "{app: old}"))
    watched.apply()
    (denied,) = watched.told(tcp("10.0.0.3", "10.0.0.2", 4000, source_port=5432, flags="SA"))
    assert (denied["event"], denied["reason"], denied["flow"]) == ("denied", "policy_denied", begun["flow"])
    assert (denied["source"]["pod"], denied["destination"]["pod"]) == ("web", "db")
    assert (denied["direction"], denied["packets"], denied["reply_packets"]) == ("reply", 0, 1)
    assert (denied["policy"], denied["rule"]) == ("shop/db", "ingress")


def test_a_conversation_that_goes_on_by_an_audit_is_told_when_it_is_judged_anew(watched: Watched) -> None:
    watched.told(tcp("10.0.0.2", "10.0.0.3", 5432))
    audited = DB_POLICY.replace("{app: web}", "{app: old}").replace("shop}", f"shop, {AUDITED}}}", 1)
    Path("policies/db.yaml").write_text(audited)
    watched.apply()
    told = watched.told(*[tcp("10.0.0.2", "10.0.0.3", 5432, flags="A")] * 2)
    assert [(each["event"], each["verdict"], each["rule"]) for each in told] == [("audited", "audit", "ingress")]


def test_a_conversation_that_begins_by_an_audit_says_so_once(watched: Watched) -> None:
    Path("policies/db.yaml").write_text(DB_POLICY.replace("shop}", f"shop, {AUDITED}}}", 1))
    watched.apply()
    told = watched.told(tcp("10.0.0.4", "10.0.0.3", 5432))
    assert [(each["event"], each["verdict"], each["policy"]) for each in told] == [("new", "audit", "shop/db")]


def test_what_cannot_be_read_is_told_by_its_port(watched: Watched) -> None:
    watched.told(tcp("10.0.0.3", "10.0.0.4", 80))  # So it is known where the database is.
    link = Ether(src=MACS["10.0.0.4"], dst=MACS["10.0.0.3"], type=0x88B5)
    (denied,) = watched.told(("old", bytes(link / bytes(60))))
    assert (denied["event"], denied["reason"], denied["protocol"]) == ("denied", "policy_unreadable", None)
    assert (denied["source"]["pod"], denied["source"]["address"], denied["in"]) == ("old", None, "old")

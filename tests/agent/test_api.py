"""The API as a client meets it, on a fake machine with fake workers."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control.agent.instance import Instance
from control.client import AgentClient
from control.errors import UserError
from tests.agent.stage import Scene, stage
from tests.agent.test_instance import TWO_PORTS


def ask(tmp_path: Path, questions: Callable[[AgentClient, Scene], Any]) -> None:
    """Ask a running agent from another thread, as another process would."""

    async def scenario(scene: Scene, instance: Instance) -> None:
        await asyncio.to_thread(questions, AgentClient(scene.run_dir.path), scene)

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        status = scene.run_dir.api_socket.stat()
        assert status.st_mode & 0o777 == 0o600
        assert status.st_uid == os.geteuid()

    ask(tmp_path, questions)


def test_status_says_who_and_how(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        status = client.status()
        assert status["state"] == "running"
        assert status["node"] == "n"
        assert status["pid"] == os.getpid()
        assert status["config"] == str(scene.config)
        assert status["ports"] == {"total": 2, "up": 2, "down": 0, "waiting": 0}
        assert [(worker["index"], worker["ready"]) for worker in status["workers"]] == [(0, True), (1, True)]
        assert [(network["name"], network["ports"]) for network in status["networks"]] == [("blue", 2)]
        assert status["fdb"]["entries"] == 0

    ask(tmp_path, questions)


def test_ports_are_told_as_configured_with_state_and_counters(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        a, b = client.ports()
        assert (a["name"], a["kind"], a["state"], a["reason"]) == ("a", "tap", "up", None)
        assert a["tap"] == {"netns": "na", "ifname": "eth0", "make_netns": True, "offloads": True}
        assert a["addresses"] == ["10.0.0.1/24"]
        assert (b["rx_packets"], b["tx_bytes"], b["drops"], b["attached"]) == (0, 0, 0, False)
        assert client.port("b") == b

    ask(tmp_path, questions)


def test_attaching_and_detaching_answer_with_the_port(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        port = client.attach({"name": "c", "network": "blue", "tap": {"ifname": "tap-c"}})
        assert (port["name"], port["state"], port["attached"]) == ("c", "up", True)
        assert client.configuration()["ports"][-1]["name"] == "c"
        assert client.detach("c")["name"] == "c"
        assert [port["name"] for port in client.ports()] == ["a", "b"]

    ask(tmp_path, questions)


def test_tables_are_empty_before_there_was_traffic(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        assert client.fdb() == []
        assert client.flush_fdb() == {"flushed": 0}
        assert client.drops() == {"drops": {}, "ports": {}}

    ask(tmp_path, questions)


def test_a_reload_with_mistakes_tells_them_all_with_the_exit_status_of_mistakes(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        scene.write(TWO_PORTS.replace("network: blue", "network: green"))
        with pytest.raises(UserError, match=r"tapestry.yaml:6: ports\[0\].network: .*\n.*tapestry.yaml:7: ") as refusal:
            client.reload()
        assert refusal.value.status == 2
        scene.write(TWO_PORTS)
        assert client.reload()["state"] == "running"

    ask(tmp_path, questions)


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("GET", "/v1/ports/z", None, "there is no port z"),
        ("DELETE", "/v1/ports/a", None, "port a stands in"),
        ("GET", "/v1/capture/z", None, "there is no port z"),
        ("GET", "/v1/capture/a?count=many", None, "count: expected a number of zero or more, found 'many'"),
        ("POST", "/v1/ports", [1], "expected an object, found list"),
        ("POST", "/v1/ports", {"port": {}}, "port: name: expected"),
        ("GET", "/v2/status", None, "GET /v2/status: Not Found"),
    ],
)
def test_every_mistake_is_a_sentence(tmp_path: Path, method: str, path: str, body: Any, sentence: str) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        with pytest.raises(UserError, match=sentence.replace("?", r"\?")):
            client._call(method, path, body)

    ask(tmp_path, questions)


def test_a_capture_begins_with_its_header_and_ends_with_who_asked(tmp_path: Path) -> None:
    def questions(client: AgentClient, scene: Scene) -> None:
        chunks = client.capture("a")
        assert next(chunks)[:4] == b"\x0a\x0d\x0d\x0a"
        chunks.close()  # type: ignore[attr-defined]

    ask(tmp_path, questions)


def test_nobody_there_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tapestry runs at .*: start one with `tapestry up CONFIG`"):
        AgentClient(tmp_path).status()
    (tmp_path / "api.sock").touch()
    with pytest.raises(UserError, match="no tapestry runs at"):
        AgentClient(tmp_path).status()

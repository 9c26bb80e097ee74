"""A worker as its agent meets it: a process that speaks JSON, forwards whoever is there, and is hard to kill."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from control.fabric import Fabric
from tests.configurations import switch
from tests.dataplane.processes import Agent, WorkerProcess, shared_fabric, worker_process
from tests.dataplane.rig import PLAIN
from tests.packets import BROADCAST, mac, plain
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="a process of its own runs as it always does")

TWO = switch(["p1", "p2"])
FRAME = plain(BROADCAST, mac(1))
IDLE_S = 3.0


class Stage:
    """A worker with tables, two ports whose far ends are here, and an agent that is connected."""

    def __init__(self, worker: WorkerProcess, fabric: Fabric) -> None:
        self.worker = worker
        self.fabric = fabric
        self.open = ExitStack()
        self.agent = self.succeed()
        self.ready = self.agent.ask({"op": "attach"}, fabric.memory_fd)
        assert self.ready["op"] == "ready"
        self.ports: dict[str, socket.socket] = {}
        for name in ("p1", "p2"):
            self.plug_in(name)

    def plug_in(self, name: str) -> None:
        index = self.fabric.index_of(name)
        far, answer = self.agent.open_port(index)
        assert answer == {"op": "port_open", "index": index}
        if name in self.ports:
            self.ports[name].close()
        self.ports[name] = self.open.enter_context(far)
        self.fabric.set_link(name, up=True)

    def succeed(self) -> Agent:
        """Let another agent take the first one's place."""
        self.agent = self.open.enter_context(self.worker.connect())
        return self.agent

    def wait_for_answer(self) -> None:
        """Return when the worker has answered a question."""
        assert self.agent.ask({"op": "close_port", "index": 9}) == {"op": "port_closed", "index": 9}

    def passes(self, frame: bytes = FRAME) -> bool:
        """Return whether a frame comes through from p1 to p2."""
        self.ports["p1"].send(PLAIN + frame)
        return self.ports["p2"].recv(1 << 16) == PLAIN + frame


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker for all tests that leave it running."""
    with ExitStack() as stack:
        fabric = stack.enter_context(shared_fabric(TWO))
        worker = stack.enter_context(worker_process(tmp_path_factory.mktemp("worker")))
        stage = Stage(worker, fabric)
        stack.enter_context(stage.open)
        yield stage
        assert worker.process.poll() is None, "it is still there"


@pytest.fixture
def stage(running: Stage) -> Stage:
    """The running worker, with a new agent and both ports plugged in anew."""
    running.succeed()
    for name in ("p1", "p2"):
        running.plug_in(name)
    return running


def test_it_says_when_it_is_ready(running: Stage) -> None:
    assert running.ready == {"op": "ready", "pid": running.worker.process.pid, "load_s": running.ready["load_s"]}
    assert running.ready["load_s"] > 0


def test_it_forwards_and_counts_where_the_agent_sees_it(stage: Stage) -> None:
    before = stage.fabric.port_counters()["p2"].tx_packets
    assert stage.passes()
    stage.wait_for_answer()  # it comes between two bursts, so the one before has been counted
    assert stage.fabric.port_counters()["p2"].tx_packets == before + 1
    entries = stage.fabric.fdb_entries(time.monotonic_ns())
    assert [(entry.mac, entry.port) for entry in entries] == [(mac(1).hex(":"), "p1")]


def test_what_it_sleeps_through_wakes_it(stage: Stage) -> None:
    assert stage.passes()
    time.sleep(0.05)
    assert stage.passes()


def test_a_closed_port_is_let_go_of(stage: Stage) -> None:
    index = stage.fabric.index_of("p1")
    assert stage.agent.ask({"op": "close_port", "index": index}) == {"op": "port_closed", "index": index}
    assert stage.ports["p1"].recv(1) == b"", "nobody holds the other end"
    assert stage.agent.ask({"op": "close_port", "index": index}) == {"op": "port_closed", "index": index}
    stage.plug_in("p1")
    assert stage.passes()


def test_a_device_that_is_gone_is_reported_once_and_its_link_is_down(stage: Stage) -> None:
    index = stage.fabric.index_of("p1")
    stage.ports["p1"].close()
    assert stage.agent.hear() == {"op": "port_failed", "index": index, "errno": errno.EPIPE}
    assert not stage.fabric.link_is_up("p1")
    stage.plug_in("p1")
    assert stage.passes()


def test_a_device_that_cannot_be_used_is_told(stage: Stage) -> None:
    index = stage.fabric.index_of("p1")
    ring = {"block_size": 8192, "frame_size": 4096, "frame_count": 4}
    asked = {"op": "open_port", "index": index, "kind": "nic", "receive": True, "options": ring}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as no_packet_socket:
        answer = stage.agent.ask(asked, no_packet_socket.fileno())
    assert (answer["op"], answer["index"]) == ("port_failed", index)
    assert answer["errno"] > 0
    stage.plug_in("p1")
    assert stage.passes()


NONSENSE = [
    b"{",
    b"\xff\xfe",
    b"[" * 60_000,
    b'"stop"',
    b"[]",
    b"null",
    {},
    {"op": None},
    {"op": ["stop"]},
    {"op": "stop it"},
    {"op": "x" * 60_000},
    {"op": "attach"},
    {"op": "open_port"},
    {"op": "open_port", "index": 0, "kind": "tap", "receive": True},
    {"op": "open_port", "index": 0, "kind": "wormhole", "receive": True, "options": {}},
    {"op": "open_port", "index": 0, "kind": "tap", "receive": "yes", "options": {}},
    {"op": "open_port", "index": 0, "kind": ["tap"], "receive": True, "options": {}},
    {"op": "open_port", "index": 0, "kind": "tap", "receive": True, "options": []},
    {"op": "open_port", "index": 0, "kind": "nic", "receive": True, "options": {}},
    *(
        {"op": "open_port", "index": index, "kind": "tap", "receive": True, "options": {}}
        for index in (-1, 1024, 0.0, "0", None, True, [], 1 << 70)
    ),
    *(
        {
            "op": "open_port",
            "index": 0,
            "kind": "nic",
            "receive": True,
            "options": {"block_size": block, "frame_size": frame, "frame_count": count},
        }
        for block, frame, count in ((0, 0, 0), (4096, 8192, 1), (8192, 4096, 3), (-4096, -4096, 1), ("a", "b", "c"))
    ),
    {"op": "close_port"},
    {"op": "close_port", "index": -1},
]


def test_what_makes_no_sense_is_refused_and_changes_nothing(stage: Stage) -> None:
    assert stage.passes()
    before = stage.worker.descriptors()
    with open(os.devnull) as unwanted:
        for message in NONSENSE:
            for count in (0, 1, 3):
                answer = stage.agent.ask(message, *[unwanted.fileno()] * count)
                assert answer["op"] == "refused", message
                assert answer["reason"]
    assert stage.passes()
    assert stage.worker.descriptors() == before


def test_a_second_memory_is_refused(stage: Stage) -> None:
    before = stage.worker.descriptors()
    assert stage.agent.ask({"op": "attach"}, stage.fabric.memory_fd)["op"] == "refused"
    assert stage.worker.descriptors() == before


def test_an_agent_may_die_and_the_next_finds_everything_while_frames_pass(stage: Stage) -> None:
    """Frames go on through all of it, in windows that fit the sockets; not one is lost, none changes its place."""
    ended = threading.Event()
    frames = [plain(BROADCAST, mac(1), 60 + k % 1000) + k.to_bytes(4, "big") for k in range(50)]
    windows = []

    def exchange() -> None:
        while not ended.is_set():
            for frame in frames:
                stage.ports["p1"].send(PLAIN + frame)
            windows.append([stage.ports["p2"].recv(1 << 16)[len(PLAIN) :] for _ in frames])

    traffic = threading.Thread(target=exchange)
    traffic.start()
    try:
        for _ in range(5):
            first, successor = stage.agent, stage.succeed()
            first.close()
            successor.say({"op": "hand_over"})
            message, descriptors = successor.hear_with_descriptors()
            memory_fd, *port_fds = descriptors
            assert message == {
                "op": "handed_over",
                "memory": True,
                "ports": [
                    {
                        "index": stage.fabric.index_of(name),
                        "kind": "tap",
                        "receive": True,
                        "options": {},
                        "descriptors": 1,
                    }
                    for name in ("p1", "p2")
                ],
                "more": False,
            }
            assert len(port_fds) == 2
            fabric = Fabric.attach(memory_fd, TWO, stage.fabric.snapshot())
            assert fabric.port_counters()["p1"].rx_packets > 0
            fabric.close()
            for descriptor in port_fds:
                os.close(descriptor)
            successor.close()
            stage.succeed()
    finally:
        ended.set()
        traffic.join()
    assert len(windows) >= 1
    assert all(window == frames for window in windows)


def test_an_agent_that_comes_takes_the_place_of_the_one_before(stage: Stage) -> None:
    first = stage.agent
    stage.succeed()
    with pytest.raises(EOFError):
        first.hear()
    stage.wait_for_answer()


def test_interrupts_are_for_the_agent(stage: Stage) -> None:
    os.kill(stage.worker.process.pid, signal.SIGINT)
    assert stage.passes()


def test_an_idle_worker_sleeps(stage: Stage) -> None:
    """Under 1 % of a core."""
    assert stage.passes()
    time.sleep(0.1)  # It looks a few times more before it sleeps.
    before = stage.worker.cpu_s()
    time.sleep(IDLE_S)
    assert stage.worker.cpu_s() - before < 0.01 * IDLE_S


def test_a_closed_port_whose_device_others_hold_does_not_keep_it_awake(stage: Stage) -> None:
    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    index = stage.fabric.index_of("p1")
    asked = {"op": "open_port", "index": index, "kind": "tap", "receive": True, "options": {}}
    with far, near:
        assert stage.agent.ask(asked, near.fileno())["op"] == "port_open"
        assert stage.agent.ask({"op": "close_port", "index": index})["op"] == "port_closed"
        far.send(PLAIN + FRAME)
        before = stage.worker.cpu_s()
        time.sleep(0.5)
        assert stage.worker.cpu_s() - before < 0.1


def test_before_it_has_tables_it_refuses_wrong_ones_and_has_none_to_hand_over(tmp_path: Path) -> None:
    with ExitStack() as stack:
        worker = stack.enter_context(worker_process(tmp_path, index=1))
        agent = stack.enter_context(worker.connect())
        handed_over = agent.ask({"op": "hand_over"})
        assert handed_over == {"op": "handed_over", "memory": False, "ports": [], "more": False}
        garbage = os.memfd_create("garbage")
        os.write(garbage, b"garbage")
        assert "header" in agent.ask({"op": "attach"}, garbage)["reason"]
        os.close(garbage)
        one = stack.enter_context(shared_fabric(TWO))
        assert "1 workers" in agent.ask({"op": "attach"}, one.memory_fd)["reason"]
        agent.say({"op": "stop"})
        assert worker.process.wait(60) == 0


def test_a_stop_ends_it_and_leaves_no_socket(tmp_path: Path) -> None:
    with shared_fabric(TWO) as fabric, worker_process(tmp_path) as worker:
        stage = Stage(worker, fabric)
        with stage.open:
            assert stage.passes()
            stage.agent.say({"op": "stop"})
            assert worker.process.wait(60) == 0
            assert not worker.path.exists()
            assert [far.recv(1) for far in stage.ports.values()] == [b"", b""]


@pytest.mark.parametrize("arguments", [["--index", "-1"], ["--index", "4"], ["--index", "0", "--vector", "0"]])
def test_impossible_arguments_are_told(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dataplane.worker", "--socket", str(tmp_path / "socket"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "expected" in done.stderr

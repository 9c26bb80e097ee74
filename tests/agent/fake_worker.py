"""A worker process without a dataplane: it keeps to the protocol, keeps descriptors, and writes down what it is asked.

python fake_worker.py --socket PATH --index W          $FAKE_WORKER: how it behaves, a word out of MODES
"""

import argparse
import json
import os
import signal
import socket
import sys
import time
from typing import Any

MODES = ("good", "dies", "mute", "refuses_ports")


class FakeWorker:
    """Serves one agent after the other until told to stop."""

    def __init__(self, path: str, mode: str) -> None:
        self.path = path
        self.mode = mode
        self.memory_fd = -1
        self.ports: dict[int, dict[str, Any]] = {}
        self.descriptors: dict[int, list[int]] = {}

    def serve(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.path)
            listener.listen(1)
            while True:
                connection, _ = listener.accept()
                with connection:
                    if self.converse(connection):
                        return

    def converse(self, connection: socket.socket) -> bool:
        """Answer until the agent hangs up; True if it said stop."""
        while True:
            payload, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 200)
            if not payload:
                return False
            message = json.loads(payload)
            self.note(message)
            if message["op"] == "stop":
                return True
            for answer, answer_descriptors in self.answer(message, descriptors):
                socket.send_fds(connection, [json.dumps(answer).encode()], answer_descriptors)

    def answer(self, message: dict[str, Any], descriptors: list[int]) -> list[tuple[dict[str, Any], list[int]]]:
        match message["op"]:
            case "attach":
                return self.attach(descriptors[0])
            case "open_port":
                return self.open_port(message, list(descriptors))
            case "close_port":
                self.ports.pop(message["index"], None)
                close_all(self.descriptors.pop(message["index"]))
                return [({"op": "port_closed", "index": message["index"]}, [])]
            case "hand_over":
                return self.hand_over()
        raise ValueError(message)

    def attach(self, memory_fd: int) -> list[tuple[dict[str, Any], list[int]]]:
        if self.mode == "dies":
            sys.exit("no compiler on this machine")
        if self.mode == "mute":
            time.sleep(3600)
        self.memory_fd = memory_fd
        progress = [({"op": "compiling", "done": done, "total": 2, "kernel": "k"}, []) for done in (1, 2)]
        return [*progress, ({"op": "ready", "pid": os.getpid(), "load_s": 0.0}, [])]

    def open_port(self, message: dict[str, Any], descriptors: list[int]) -> list[tuple[dict[str, Any], list[int]]]:
        if self.mode == "refuses_ports":
            close_all(descriptors)
            return [({"op": "port_failed", "index": message["index"], "errno": 22}, [])]
        if message["index"] in self.descriptors:
            close_all(self.descriptors[message["index"]])
        self.descriptors[message["index"]] = descriptors
        told = {key: message[key] for key in ("index", "kind", "receive", "options")}
        self.ports[message["index"]] = {**told, "descriptors": len(descriptors)}
        return [({"op": "port_open", "index": message["index"]}, [])]

    def hand_over(self) -> list[tuple[dict[str, Any], list[int]]]:
        """One port a message, so that parts are tested too."""
        indexes = sorted(self.ports)
        first = {"op": "handed_over", "memory": True, "ports": [], "more": bool(indexes)}
        answers: list[tuple[dict[str, Any], list[int]]] = [(first, [self.memory_fd])]
        for index in indexes:
            part = {"op": "handed_over", "ports": [self.ports[index]], "more": index != indexes[-1]}
            answers.append((part, self.descriptors[index]))
        return answers

    def note(self, message: dict[str, Any]) -> None:
        with open(self.path.removesuffix(".sock") + ".asked", "a") as file:
            file.write(json.dumps(message) + "\n")


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--index", required=True)
    arguments = parser.parse_args()
    FakeWorker(arguments.socket, os.environ.get("FAKE_WORKER", "good")).serve()

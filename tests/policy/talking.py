"""Talkers in namespaces, and what is asked of them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.netns import Namespace, end
from tests.policy import talker


@contextmanager
def talking(place: Namespace, *ports: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a talker in a namespace, and return when it serves at these ports."""
    command = ["nsenter", f"--net={place.path}", sys.executable, talker.__file__, *ports]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert json.loads(process.stdout.readline()) == "ready"
        yield process
    finally:
        end(process)


def ask(process: "subprocess.Popen[str]", wanted: Sequence[tuple[str, str, int, bool]]) -> set[int]:
    """Have a talker try protocols, addresses and ports, with what is expected of each; return the indices of those that
    answer. What is not expected is sent first."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(wanted) + "\n")
    process.stdin.flush()
    return set(json.loads(process.stdout.readline()))

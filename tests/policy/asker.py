"""A program that runs inside a pod's namespace and keeps conversations: UDP, one socket for each address, for ever. The
standard library alone.

Each line of its input is JSON: a list of ``[address, port, is_expected]``. It asks all once more in the conversations
that it has, those last that are expected to answer; when these have, it prints as a line of JSON which addresses have.
So what is not to pass has been sent before what is, and by then it would have been answered as well.
"""

import json
import select
import socket
import sys
import time
from contextlib import suppress

PATIENCE_S = 30.0
GRACE_S = 0.1
RESEND_S = 1.0

talks: dict[str, socket.socket] = {}


def talk_to(address: str, port: int) -> socket.socket:
    """Return the conversation with an address."""
    if address not in talks:
        talks[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        talks[address].connect((address, port))
        talks[address].setblocking(False)
    return talks[address]


def answered(wanted: list[tuple[str, int, bool]], number: int) -> list[str]:
    """Return the addresses that answer a question with this number."""
    order = sorted(wanted, key=lambda each: each[2])
    expected = {address for address, _, is_expected in wanted if is_expected}
    found: set[str] = set()
    deadline, sent = time.monotonic() + PATIENCE_S, -RESEND_S
    is_settled = False
    while (now := time.monotonic()) < deadline:
        if now - sent >= RESEND_S:
            sent = now
            for address, port, _ in order:
                with suppress(OSError):
                    talk_to(address, port).send(str(number).encode())
        select.select(list(talks.values()), [], [], 0.02)
        found |= {address for address, talk in talks.items() if has_answered(talk, number)}
        if not is_settled and expected <= found:
            is_settled, deadline = True, min(deadline, time.monotonic() + GRACE_S)
    return sorted(found)


def has_answered(talk: socket.socket, number: int) -> bool:
    """Whether the answer to the question with this number has come."""
    with suppress(OSError):
        while data := talk.recv(64):
            if data == str(number).encode():
                return True
    return False


def main() -> None:
    """Answer questions until there are no more."""
    for number, line in enumerate(sys.stdin):
        print(json.dumps(answered([tuple(each) for each in json.loads(line)], number)), flush=True)


if __name__ == "__main__":
    main()

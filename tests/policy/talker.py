"""A program that runs inside a pod's namespace: it serves, and says when asked whom it reaches. The standard library
alone.

It answers at every port of its command line by TCP and by UDP, over both families. Each line of its input is JSON: a
list of ``[protocol, address, port, is_expected]``. It tries all at once, those last that are expected to answer; when
these have answered, or patience is out, it prints as a line of JSON which of the list have. So what is not to pass has
been sent before what is, and by then it would have been answered as well.
"""

import json
import selectors
import socket
import sys
import threading
import time
from contextlib import suppress

PATIENCE_S = 30.0
GRACE_S = 0.1
RESEND_S = 1.0
NOISE = b"hello"


def serve_tcp(port: int) -> None:
    """Answer every connection, and close it."""
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(NOISE)


def serve_udp(port: int) -> None:
    """Send every datagram back."""
    for family, everybody in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        server = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((everybody, port))
        threading.Thread(target=echo, args=(server,), daemon=True).start()


def echo(server: socket.socket) -> None:
    """Send every datagram back."""
    while True:
        data, sender = server.recvfrom(2048)
        server.sendto(data, sender)


def reach(wanted: list[tuple[str, str, int, bool]]) -> list[int]:
    """Return the indices of those that answer."""
    waiting = selectors.DefaultSelector()
    sockets: dict[int, socket.socket] = {}
    for number in sorted(range(len(wanted)), key=lambda each: wanted[each][3]):
        protocol, address, port, _ = wanted[number]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        sockets[number] = talk = socket.socket(family, kind)
        talk.setblocking(False)
        talk.connect_ex((address, port))
        waiting.register(talk, selectors.EVENT_READ, number)
    expected = {number for number, each in enumerate(wanted) if each[3]}
    answered = collect(waiting, sockets, wanted, expected)
    for talk in sockets.values():
        talk.close()
    return sorted(answered)


def collect(
    waiting: selectors.BaseSelector,
    sockets: dict[int, socket.socket],
    wanted: list[tuple[str, str, int, bool]],
    expected: set[int],
) -> set[int]:
    """Return who answers before all that are expected have, and a little longer."""
    answered: set[int] = set()
    deadline, sent = time.monotonic() + PATIENCE_S, -RESEND_S
    is_settled = False
    while (now := time.monotonic()) < deadline:
        if now - sent >= RESEND_S:
            sent = now
            for number in sockets.keys() - answered:
                if wanted[number][0] == "udp":
                    send(sockets[number])
        for key, _ in waiting.select(0.02):
            if has_answered(sockets[key.data]):
                answered.add(key.data)
            elif wanted[key.data][0] == "udp":
                continue  # It has been told that it was not heard; another datagram may be.
            waiting.unregister(key.fileobj)
        if not is_settled and expected <= answered:
            is_settled, deadline = True, min(deadline, time.monotonic() + GRACE_S)
    return answered


def has_answered(talk: socket.socket) -> bool:
    """Whether something has come."""
    try:
        return bool(talk.recv(2048))
    except OSError:
        return False


def send(talk: socket.socket) -> None:
    """Send a datagram; what an earlier one has met is none of its business."""
    with suppress(OSError):
        talk.send(NOISE)


def main() -> None:
    """Serve, and answer questions until there are no more."""
    for port in map(int, sys.argv[1:]):
        threading.Thread(target=serve_tcp, args=(port,), daemon=True).start()
        serve_udp(port)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(reach([tuple(each) for each in json.loads(line)])), flush=True)


if __name__ == "__main__":
    main()

"""Datagrams that a kernel sends as superframes (UDP_SEGMENT), and what arrives of them; alone, for a namespace to run.

``uso.py receive [merged]`` prints "ready", then, once every byte is there, in how many reads it came, and whether it is
what was sent; ``merged`` lets the kernel hand over what came as one (UDP_GRO). ``uso.py send ADDRESS``. Every send
waits until the one before has arrived, for queues on the way may be short.
"""

import random
import socket
import sys

PORT = 5002
UDP_SEGMENT, UDP_GRO = 103, 104  # linux/udp.h
SEGMENT_BYTES, SEGMENTS, SENDS = 1400, 40, 50
SEED = 11


def bodies() -> list[bytes]:
    """Return what each send sends."""
    chance = random.Random(SEED)
    return [chance.randbytes(SEGMENT_BYTES * SEGMENTS) for _ in range(SENDS)]


def receive(merged: bool) -> None:
    """Receive every byte in order, and say in how many reads."""
    wanted, found, reads = b"".join(bodies()), bytearray(), 0
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_UDP, UDP_GRO, int(merged))
        server.bind(("::", PORT))
        server.settimeout(30)
        print("ready", flush=True)
        while len(found) < len(wanted):
            part, sender = server.recvfrom(1 << 16)
            found += part
            reads += 1
            if len(found) % (SEGMENT_BYTES * SEGMENTS) == 0:
                server.sendto(b"go on", sender)
    print(reads, bytes(found) == wanted, flush=True)


def send(address: str) -> None:
    """Send it all, each send one superframe."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_UDP, UDP_SEGMENT, SEGMENT_BYTES)
        client.connect((address, PORT))
        client.settimeout(30)
        for body in bodies():
            client.send(body)
            client.recv(100)


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive("merged" in sys.argv)
    else:
        send(sys.argv[2])

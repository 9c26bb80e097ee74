"""A server that says who asked and sends back what it got, over TCP and UDP, IPv4 and IPv6; and who asks it.

Alone, so that a namespace can run either by itself: ``talk.py serve PORT``; ``talk.py ask ADDRESS PORT BYTES SIZE…``,
which prints the address that the server saw, and fails if a byte came back otherwise than it went.
"""

import random
import socket
import socketserver
import struct
import sys
import threading

PATIENCE_S = 10.0
TRIES = 20
NAME_BYTES = 64
PAIR = struct.Struct("!Q")


class Stream(socketserver.BaseRequestHandler):
    """Reads a length and so many bytes; answers with the asker's address and the same bytes."""

    def handle(self) -> None:
        length = PAIR.unpack(read(self.request, PAIR.size))[0]
        data = read(self.request, length)
        self.request.sendall(name(self.client_address) + data)


class Datagram(socketserver.BaseRequestHandler):
    """Answers a datagram with the asker's address and the same bytes."""

    def handle(self) -> None:
        data, own = self.request
        own.sendto(name(self.client_address) + data, self.client_address)


class StreamServer(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


class DatagramServer(socketserver.UDPServer):
    address_family = socket.AF_INET6
    max_packet_size = 65535


def name(address: tuple[str, int]) -> bytes:
    """Return the address that asked, padded."""
    return address[0].removeprefix("::ffff:").encode().ljust(NAME_BYTES)


def read(stream: socket.socket, length: int) -> bytes:
    """Return so many bytes; EOFError if the stream ends before."""
    parts = []
    while length:
        part = stream.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def serve(port: int) -> None:
    """Answer for ever."""
    stream, datagram = StreamServer(("::", port), Stream), DatagramServer(("::", port), Datagram)
    print("ready", flush=True)
    threading.Thread(target=stream.serve_forever, daemon=True).start()
    datagram.serve_forever()


def ask_by_stream(address: str, port: int, length: int) -> str:
    """Send ``length`` bytes, get them back, and return the address that the server saw."""
    data = random.Random(length).randbytes(length)
    with socket.create_connection((address, port), timeout=PATIENCE_S) as stream:
        threading.Thread(target=stream.sendall, args=(PAIR.pack(length) + data,), daemon=True).start()
        seen = read(stream, NAME_BYTES)
        assert read(stream, length) == data, "bytes came back otherwise"
    return seen.decode().strip()


def ask_by_datagram(address: str, port: int, size: int) -> str:
    """Send a datagram until its answer comes; return the address that the server saw."""
    data = random.Random(size).randbytes(size)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.connect((address, port))
        datagram.settimeout(PATIENCE_S / TRIES)
        for _ in range(TRIES):
            try:
                datagram.send(data)
                answer = datagram.recv(65535)
            except OSError:  # It is late, or was too big for the way: then the next one is cut.
                continue
            assert answer[NAME_BYTES:] == data, "bytes came back otherwise"
            return answer[:NAME_BYTES].decode().strip()
    raise TimeoutError(f"no answer to datagrams of {size} bytes")


def ask(address: str, port: int, length: int, *sizes: int) -> None:
    """Ask in every way and print the one address that the server saw."""
    seen = {ask_by_datagram(address, port, size) for size in sizes} | {ask_by_stream(address, port, length)}
    print(*seen)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[2], *map(int, sys.argv[3:]))

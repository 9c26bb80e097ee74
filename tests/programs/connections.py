"""Many short connections to an echoing server, and the server; alone, so that a namespace can run either by itself."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

GREETING = b"hello"
TOGETHER = 16


def serve(port: int) -> None:
    """Echo one greeting a connection, for ever."""
    with socket.create_server(("", port), backlog=1024) as server:
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(len(GREETING)))


def connect(address: str, port: int, count: int) -> int:
    """Return how many of ``count`` connections were not answered, said on stderr each."""

    def one(_: int) -> bool:
        try:
            with socket.create_connection((address, port), timeout=20) as connection:
                connection.sendall(GREETING)
                return connection.recv(len(GREETING)) == GREETING
        except OSError as error:
            print(error, file=sys.stderr)
            return False

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(one, range(count))).count(False)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        print(connect(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

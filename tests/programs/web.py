"""A web server that tells its client's address, on IPv4 and IPv6; alone, so that a namespace can run it by itself."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class TellAddress(BaseHTTPRequestHandler):
    """Answers with the client's address; of a path that is a number, with so many bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.path.strip("/")
        body = b"x" * int(asked) if asked.isdecimal() else self.client_address[0].removeprefix("::ffff:").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Takes both families, and many at once."""

    address_family = socket.AF_INET6
    request_queue_size = 1024
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def main() -> None:
    """Serve at the port of the command line."""
    server = Server(("::", int(sys.argv[1])), TellAddress)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

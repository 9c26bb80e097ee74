"""The host's resolvers, as its resolv.conf names them; read again when the file has changed."""

import os
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
MOST = 3
"""As the C library: it asks no more than three."""


class Resolvers:
    """The addresses to ask, in order. A scope (fe80::1%eth0) stays with its address."""

    def __init__(self, path: Path = RESOLV_CONF) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._addresses: tuple[str, ...] = ()

    def addresses(self) -> tuple[str, ...]:
        """Return whom to ask now; nobody if the file names nobody."""
        try:
            status = os.stat(self._path)
        except OSError:
            return ()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            with suppress(OSError):
                self._addresses = parse_resolvers(self._path.read_text(errors="replace"))
                self._stamp = stamp
        return self._addresses


def parse_resolvers(text: str) -> tuple[str, ...]:
    """Return the name servers of a resolv.conf."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with suppress(ValueError):
                ip_address(words[1].partition("%")[0])
                found.append(words[1])
    return tuple(found[:MOST])

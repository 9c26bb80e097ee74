"""What resolv.conf and hosts say to a command that has an address of its own."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from control.model import ROUTED_GATEWAYS

RESOLV_CONF = "/etc/resolv.conf"
HOSTS = "/etc/hosts"

_KEPT = ("search", "domain")


def own_files(
    port: Mapping[str, Any] | None, network: Mapping[str, Any] | None, resolvers: Sequence[str], present: str
) -> dict[str, str]:
    """Return path -> contents of the files that are the command's own.

    ``port`` and ``network`` are as the API shows them, None without a port; ``resolvers`` is what the user asked for;
    ``present`` is the machine's resolv.conf. A network without a gateway has nobody to ask: that file stays.
    """
    files: dict[str, str] = {}
    asked = list(resolvers) or (gateways_of(network) if network is not None else [])
    if asked:
        files[RESOLV_CONF] = render_resolv_conf(asked, present)
    if port is not None:
        files[HOSTS] = render_hosts(port["name"], [str(ip_interface(each).ip) for each in port["addresses"]])
    return files


def gateways_of(network: Mapping[str, Any]) -> list[str]:
    """Return where names are asked for in a network."""
    gateways = [str(gateway) for gateway in network["gateway"]]
    return gateways or ([str(ROUTED_GATEWAYS[0])] if network["mode"] == "routed" else [])


def render_resolv_conf(resolvers: Sequence[str], present: str) -> str:
    """Return a resolv.conf that asks ``resolvers``; search list and options are those of ``present``.

    ``ndots:0``: a name is asked for as it is before it is searched for, so endpoints are found at once.
    """
    lines = [f"nameserver {address}" for address in resolvers]
    options: list[str] = []
    for line in present.splitlines():
        words = line.split()
        if words and words[0] in _KEPT:
            lines.append(" ".join(words))
        elif words and words[0] == "options":
            options += [word for word in words[1:] if not word.startswith("ndots:")]
    return "\n".join([*lines, " ".join(["options", *options, "ndots:0"]), ""])


def render_hosts(name: str, addresses: Sequence[str]) -> str:
    """Return a hosts file that knows the machine itself, and nobody else."""
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    return "\n".join([*lines, *(f"{address}\t{name}" for address in addresses), ""])


def read_resolv_conf() -> str:
    """Return the machine's resolv.conf, empty if it has none."""
    try:
        return Path(RESOLV_CONF).read_text(errors="replace")
    except OSError:
        return ""

"""Small configurations for tests: the model's defaults, with names short enough to read in a table."""

from collections.abc import Sequence
from ipaddress import ip_interface
from typing import Any

from control.model import Configuration, Limits, Network, Pcap, Port, Timeouts, Vlan
from tests.packets import ip4, ip6, mac


def port(name: str, network: str = "blue", **fields: Any) -> Port:
    """Return a pcap port; ``fields`` are the model's own."""
    return Port(name=name, network=network, attachment=Pcap(), **({"mac": mac(0xF00)} | fields))


def guarded(name: str, number: int, **fields: Any) -> Port:
    """Return a port that is held to ``mac(number)``, ``ip4(number)`` and ``ip6(number)``."""
    addresses = (ip_interface(f"{ip4(number)}/8"), ip_interface(f"{ip6(number)}/64"))
    claim = {"mac": mac(number), "mac_known": True, "addresses": addresses, "spoof_check": True}
    return port(name, **(claim | fields))


def access(vlan: int) -> Vlan:
    """Return the VLAN role of an access port."""
    return Vlan(access=vlan)


def trunk(*vlans: int, native: int | None = None) -> Vlan:
    """Return the VLAN role of a trunk."""
    return Vlan(trunk=frozenset(vlans), native=native)


def switch(
    ports: Sequence[Port | str], *, icc: bool = True, fdb_s: int = 300, fdb: int = 65536, workers: int = 1
) -> Configuration:
    """Return a node with the given ports (a bare name is a plain port) and one network for each name that they use."""
    made = tuple(port(p) if isinstance(p, str) else p for p in ports)
    names = dict.fromkeys(p.network for p in made)
    return Configuration(
        node="test",
        workers=workers,
        networks=tuple(Network(name=name, icc=icc) for name in names),
        ports=made,
        timeouts=Timeouts(fdb_s=fdb_s),
        limits=Limits(fdb=fdb),
    )

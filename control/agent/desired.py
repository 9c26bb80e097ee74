"""The desired state: what the configuration file says, and what was attached since, as one configuration. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from control.agent.record import AttachedPort
from control.model import Configuration, Port


def add_attached(configuration: Configuration, attached: Iterable[AttachedPort]) -> Configuration:
    """Return the configuration with the attached ports in it; UserError where one does not fit (any more)."""
    from control.config.ports import parse_port

    for entry in attached:
        configuration = with_port(configuration, parse_port(entry.port, configuration))
    return configuration


def with_port(configuration: Configuration, port: Port) -> Configuration:
    """Return the configuration with one more port."""
    return replace(configuration, ports=(*configuration.ports, port))


def without_port(configuration: Configuration, name: str) -> Configuration:
    """Return the configuration without the port of that name."""
    return replace(configuration, ports=tuple(port for port in configuration.ports if port.name != name))


def pin_addresses(entry: dict[str, Any], port: Port) -> dict[str, Any]:
    """Return the port's entry with the addresses it was given, so that it means the same whenever it is read again."""
    if "addresses" in entry or not port.addresses:
        return entry
    return entry | {"addresses": [str(address.ip) for address in port.addresses]}


def keep_capacities(configuration: Configuration, running: Configuration) -> tuple[Configuration, list[str]]:
    """Return the configuration with what cannot change in a running fabric as it is, and a sentence for each such field."""
    kept = []
    if configuration.workers != running.workers:
        kept.append(f"workers stays {running.workers} until the next start (the file says {configuration.workers})")
    if configuration.limits.fdb != running.limits.fdb:
        kept.append(
            f"limits.fdb stays {running.limits.fdb} until the next start (the file says {configuration.limits.fdb})"
        )
    limits = replace(configuration.limits, fdb=running.limits.fdb)
    return replace(configuration, workers=running.workers, limits=limits), kept

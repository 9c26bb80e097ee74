"""The desired state: what the configuration file says, and what was attached since, as one configuration. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from control.model import Configuration, Port


def with_port(configuration: Configuration, port: Port) -> Configuration:
    """Return the configuration with one more port."""
    return replace(configuration, ports=(*configuration.ports, port))


def without_port(configuration: Configuration, name: str) -> Configuration:
    """Return the configuration without the port of that name."""
    return replace(configuration, ports=tuple(port for port in configuration.ports if port.name != name))


def ports_named(configuration: Configuration, names: Iterable[str]) -> tuple[Port, ...]:
    """Return the ports that have one of the names, in the configuration's order."""
    wanted = set(names)
    return tuple(port for port in configuration.ports if port.name in wanted)


def keep_capacities(configuration: Configuration, running: Configuration) -> tuple[Configuration, tuple[str, ...]]:
    """Return the configuration with what a running fabric cannot change left as it is, and a sentence each."""
    fields = {
        "workers": (configuration.workers, running.workers),
        "limits.fdb": (configuration.limits.fdb, running.limits.fdb),
    }
    kept = tuple(
        f"{field} stays {now} until the next start (the file says {wanted})"
        for field, (wanted, now) in fields.items()
        if wanted != now
    )
    limits = replace(configuration.limits, fdb=running.limits.fdb)
    return replace(configuration, workers=running.workers, limits=limits), kept

"""The desired state: what the configuration file says, and what was attached since, as one configuration. Pure."""

from collections.abc import Iterable
from dataclasses import fields, replace

from control.model import Configuration, Limits, Port

_PER_PORT = "macs_per_port"
"""The one limit that shapes no memory."""


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
    shaping = {field.name: getattr(running.limits, field.name) for field in fields(Limits) if field.name != _PER_PORT}
    changed = {
        "workers": (configuration.workers, running.workers),
        **{f"limits.{name}": (getattr(configuration.limits, name), now) for name, now in shaping.items()},
    }
    kept = tuple(
        f"{field} stays {now} until the next start (the file says {wanted})"
        for field, (wanted, now) in changed.items()
        if wanted != now
    )
    limits = replace(configuration.limits, **shaping)
    return replace(configuration, workers=running.workers, limits=limits), kept

"""The ``manifests`` of the file: which files and folders, what they hold, and what else must then be so."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, NamedTuple

from control.config.mistakes import Mistakes, Path
from control.errors import ConfigurationError
from control.model import Address, Configuration, Peer, Port
from control.policy.model import Manifests

if TYPE_CHECKING:
    from control.manifests import Library

_HERE: Path = ("manifests",)


class Loaded(NamedTuple):
    """A configuration, and what its reader should be told besides: a line each."""

    configuration: Configuration
    warnings: tuple[str, ...]


class Policies(NamedTuple):
    """What is written of policies. ``manifests`` is None where nothing is, or where ``refused`` says what is wrong."""

    manifests: Manifests | None = None
    paths: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def resolve_policies(written: list[str | None] | None, folder: FilePath, library: "Library") -> Policies:
    """Return what the files and folders of ``manifests`` hold; they are relative to ``folder``."""
    if written is None:
        return Policies()
    paths = tuple(str(folder / path) for path in written if path is not None)
    try:
        found = library.read(map(FilePath, paths))
    except ConfigurationError as error:
        return Policies(None, paths, error.mistakes)
    return Policies(found.manifests, paths, (), found.warnings)


def with_manifests(
    configuration: Configuration,
    paths: tuple[str, ...],
    library: "Library",
    changed: frozenset[FilePath] | None = None,
) -> Loaded:
    """Return the configuration with what the files and folders at ``paths`` hold by now; ConfigurationError with every
    mistake in them. ``changed``: the only files that may be others than the library knows, if that is known."""
    found = library.read(map(FilePath, paths), changed)
    if configuration.manifests is None:
        mistakes = Mistakes("manifests")
        peers = configuration.overlay.peers if configuration.overlay else ()
        refuse_shared_addresses(configuration.ports, peers, [], mistakes)
        mistakes.raise_any()
    return Loaded(replace(configuration, manifests=found.manifests, manifest_paths=paths), found.warnings)


def refuse_shared_addresses(
    ports: Iterable[Port], peers: Iterable[Peer], names: list[object], mistakes: Mistakes
) -> None:
    """Refuse two endpoints with one address, as networks apart from each other may have them: policies tell endpoints
    by their addresses. ``names`` are those of the file's ports, in its order."""
    holders: dict[Address, str] = {}
    for address, holder, port in _held(ports, peers):
        first = holders.setdefault(address, holder)
        if first != holder:
            path: Path = ("ports", names.index(port), "addresses") if port in names else _HERE
            expected = "an address that no other endpoint has, since policies tell endpoints by their addresses"
            mistakes.add(path, expected, f"{address} of {holder}, which {first} has")


def _held(ports: Iterable[Port], peers: Iterable[Peer]) -> Iterator[tuple[Address, str, str]]:
    """Yield every endpoint's address, what a sentence calls the endpoint, and its port's name."""
    for peer in peers:
        for endpoint in peer.endpoints:
            yield endpoint.address, f"peer {peer.node}'s endpoint in network {endpoint.network}", ""
    for port in ports:
        if port.endpoint:
            for interface in port.addresses:
                yield interface.ip, f"port {port.name}", port.name

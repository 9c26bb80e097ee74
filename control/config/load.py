"""A configuration file -> the model, or every mistake in it at once."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, NamedTuple

from control.config.check import check_attached
from control.config.lines import read_json, read_yaml
from control.config.mistakes import Mistakes, describe
from control.config.networks import resolve_networks
from control.config.notyet import refuse_not_yet
from control.config.overlay import check_fed, made_port, resolve_overlay, settle_networks
from control.config.parts import claim_parts
from control.config.peers import Land, resolve_peers
from control.config.policies import Loaded, refuse_shared_addresses, resolve_policies
from control.config.quick import read_large_yaml
from control.config.resolve import Surroundings, resolve_ports
from control.config.routes import resolve_nat, resolve_routes
from control.config.schema import MAX_WORKERS, FileFields, LimitFields, TimeoutFields
from control.config.underlay import UnderlayMtus
from control.config.uplink import resolve_uplink
from control.errors import ConfigurationError
from control.model import Configuration, Limits, Peer, Port, Timeouts
from control.overlay.claims import OwnPorts, PeerClaims

if TYPE_CHECKING:
    from control.manifests import Library

MAX_FILE_BYTES = 16 << 20


def load_configuration(
    path: FilePath,
    previous: Configuration | None = None,
    attached: Sequence[Port] = (),
    underlay_mtus: UnderlayMtus | None = None,
    fed: Sequence[Peer] = (),
    library: "Library | None" = None,
) -> Loaded:
    """Return what the file at ``path`` says; see ``parse_configuration``."""
    text = _read_text(path)
    return parse_configuration(
        text, str(path), previous, attached, underlay_mtus=underlay_mtus, fed=fed, library=library
    )


def parse_configuration(
    text: str,
    filename: str,
    previous: Configuration | None = None,
    attached: Sequence[Port] = (),
    hostname: str | None = None,
    cores: int | None = None,
    underlay_mtus: UnderlayMtus | None = None,
    fed: Sequence[Peer] = (),
    library: "Library | None" = None,
) -> Loaded:
    """Return what ``text`` says, or raise ConfigurationError with every mistake, named after ``filename``.

    A port that ``previous`` has too, on the same network, keeps its addresses if it states none. ``attached`` ports did
    not come from a file: nothing in this one may clash with them, and they follow its own in the result. ``hostname``
    and ``cores`` are this machine's unless given. ``underlay_mtus`` tells the MTUs of the ways to other nodes; where
    there is none, that of ``previous`` stays. ``fed`` are peers that did not come from a file.
    ``library`` reads the manifests, which are relative to the file, and remembers them.
    """
    from control.manifests import Library  # It is built on this package's ways to read and to tell.

    folder = FilePath(filename).parent
    around = _Around(previous, attached, hostname, cores, underlay_mtus, fed, folder, library or Library())
    if (quick := read_json(text) or read_large_yaml(text)) is not None:
        with suppress(ConfigurationError):
            loaded = _resolve(quick, around, Mistakes(filename, {}))
            if not loaded.warnings:
                return loaded
    # What there is to tell needs the lines that it stands on.
    mistakes = Mistakes(filename, {})
    data = read_yaml(text, mistakes)
    if not isinstance(data, dict):
        if not mistakes.touch(()):
            mistakes.add((), "a mapping such as `networks:` and `ports:`", describe(data))
        mistakes.raise_any()
    return _resolve(data, around, mistakes)


class _Around(NamedTuple):
    """What a file is read in: the parameters of ``parse_configuration``."""

    previous: Configuration | None
    attached: Sequence[Port]
    hostname: str | None
    cores: int | None
    underlay_mtus: UnderlayMtus | None
    fed: Sequence[Peer]
    folder: FilePath
    library: "Library"


def _resolve(data: object, around: _Around, mistakes: Mistakes) -> Loaded:
    fields = FileFields.read(data, (), mistakes) or FileFields()
    refuse_not_yet(data, mistakes)
    networks, complete = resolve_networks(fields.networks or (), fields.overlay is not None, mistakes)
    complete = complete and not (fields.networks is None and mistakes.touch(("networks",)))
    check_attached(around.attached, networks, complete, mistakes)
    node = fields.node or around.hostname or os.uname().nodename
    limits = Limits(**_written(fields.limits))
    known = {port.name: port for port in around.previous.ports} if around.previous else {}
    names = [item.get("name") for item in fields.ports or () if isinstance(item, dict)]
    way_out = resolve_uplink(fields.uplink, names, networks, node, mistakes)
    in_force = around.previous.overlay if around.previous else None
    overlay, peers = resolve_overlay(fields.overlay, way_out, networks, around.underlay_mtus, in_force, mistakes)
    settle_networks(networks, fields.networks or (), overlay, mistakes)
    claims = PeerClaims(OwnPorts(around.attached))
    for peer in around.fed:
        claims.add(peer)
    if overlay is not None:
        check_fed(around.fed, overlay, mistakes)
        claim_parts(overlay, networks, complete, claims, mistakes)
    land = Land(networks, complete, overlay, way_out.uplink, node)
    known_peers = resolve_peers(
        ((("overlay", "peers", n), peer) for n, peer in enumerate(peers)), land, claims, mistakes
    )
    surroundings = Surroundings(
        node=node,
        networks=networks,
        all_networks=complete,
        macs_per_port=limits.macs_per_port,
        way_out=way_out,
        attached=around.attached,
        previous=known,
        tunnel=made_port(overlay),
        elsewhere=claims,
    )
    items = [(("ports", index), item) for index, item in enumerate(fields.ports or ())]
    ports = resolve_ports(items, surroundings, mistakes)
    routes = resolve_routes(fields.routes or (), networks, complete, way_out, mistakes)
    nat = resolve_nat(fields.nat, networks, complete, way_out, mistakes)
    policies = resolve_policies(fields.manifests, around.folder, around.library)
    if fields.manifests is not None:
        refuse_shared_addresses((*ports, *around.attached), (*known_peers, *around.fed), names, mistakes)
    mistakes.raise_any(policies.refused)
    configuration = Configuration(
        node=node,
        workers=fields.workers or min(around.cores or len(os.sched_getaffinity(0)), MAX_WORKERS),
        networks=tuple(network for network in networks.values() if network is not None),
        ports=(*ports, *(port for port in (way_out.makes, surroundings.tunnel) if port is not None), *around.attached),
        uplink=way_out.uplink,
        overlay=None if overlay is None else replace(overlay, peers=known_peers),
        routes=routes,
        nat=nat,
        timeouts=Timeouts(**_written(fields.timeouts)),
        limits=limits,
        manifests=policies.manifests,
        manifest_paths=policies.paths,
    )
    return Loaded(configuration, (*mistakes.warnings, *policies.warnings))


def _written(fields: LimitFields | TimeoutFields | None) -> dict[str, int]:
    return {} if fields is None else fields.model_dump(exclude_none=True)


def _read_text(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError((f"{path}: expected a configuration file to read, found {reason}",)) from None
    except ValueError as error:
        raise ConfigurationError((f"{str(path)!r}: expected the path of a file, found {error}",)) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError((f"{path}: expected at most {MAX_FILE_BYTES} bytes, found more",))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise ConfigurationError((f"{path}:{line}: configuration: expected text in UTF-8, found {found}",)) from None

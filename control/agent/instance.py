"""The agent's core: the desired state, the tables, and everything that is kept as desired says. One change at a time.

A change is checked as a whole first (the file, the tables' room, the namespaces it names); only then anything is
touched. A device that cannot be opened afterwards is waited for, except at the first start and in an attachment, which
fail instead and leave nothing.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from control.agent.answers import AnswerFeed
from control.agent.desired import keep_capacities, ports_named, with_port, without_port
from control.agent.executor import Executor
from control.agent.keeper import PortKeeper, Surroundings
from control.agent.namespaces import Namespaces
from control.agent.outside import Outside
from control.agent.owners import Owners
from control.agent.peers import PeerFeed
from control.agent.process import ProcessId
from control.agent.record import AttachedPort, Record, RecordFile
from control.agent.rundir import RunDir
from control.agent.system import System
from control.agent.worker import HandedOver
from control.agent.workers import WorkerPool
from control.errors import UserError
from control.manifests import Library
from control.model import (
    Configuration,
    Pcap,
    Port,
    only_peers_differ,
    only_policies_differ,
    without_peers,
    without_policies,
)
from control.overlay.journal import PeerJournal
from control.reconcile import Committed, commit_to, namespaces_of, plan_actions

if TYPE_CHECKING:
    from control.fabric import Fabric

log = logging.getLogger(__name__)

REMEMBER_AFTER_S = 0.02


class NoSuchPortError(UserError):
    """Asked for a port that is not there."""


class Instance:
    """One running fabric: ``configuration`` is in force, ``fabric`` holds its tables, ``workers`` forward by them."""

    def __init__(
        self,
        path: Path,
        fabric: "Fabric",
        workers: WorkerPool,
        system: System,
        record: RecordFile,
        before: Record | None = None,
        library: Library | None = None,
    ) -> None:
        """``path`` is the configuration file; ``before`` is what an agent before this one left; ``library`` has read
        the manifests in force."""
        self.path = path
        self._library = library or Library()
        self.fabric = fabric
        self.workers = workers
        self.warnings: tuple[str, ...] = ()
        self.refused_manifests: tuple[str, ...] = ()
        """What is wrong with the manifests as they are now; those in force are older then."""
        self.started_at = time.monotonic()
        self.state = "starting"
        self._attached: tuple[AttachedPort, ...] = before.attached if before else ()
        self._record = record
        self._remembering: asyncio.TimerHandle | None = None
        self._changing = asyncio.Lock()
        self.peers = PeerFeed(fabric, PeerJournal(RunDir(record.place).peers), self._changing)
        self._owners = Owners(self._owner_is_gone)
        self._system = system
        self._watch = system.watch_links(lambda change: self._executor.hear_link(change))
        made = before.made_namespaces if before else frozenset()
        self._namespaces = Namespaces(system, record, made)
        around = Surroundings(system, self._namespaces, workers, self._watch, self._set_link, self._remember_soon)
        self._executor = Executor(around, fabric.index_of, Committed({}, made))
        self._answers = AnswerFeed(fabric, self._changing, self._remember_soon)
        self._outside = Outside(
            system, record, lambda: self.configuration, self._is_open, self._take_lease, self._answers.hear
        )

    @property
    def keepers(self) -> Mapping[str, PortKeeper]:
        """The keepers by port name."""
        return self._executor.keepers

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports that a user knows of: all but that of the agent's own services."""
        configuration = self.configuration
        return tuple(port for port in configuration.ports if port.name != configuration.services)

    def is_attached(self, name: str) -> bool:
        """Return whether the port came through the API."""
        return any(port.name == name for port in self._attached)

    @property
    def configuration(self) -> Configuration:
        """What is in force."""
        return self.fabric.configuration

    async def bring_up(self, configuration: Configuration) -> None:
        """Put a configuration in force for the first time; UserError if any of its devices cannot be opened."""
        async with self._changing:
            await self._apply(self._outside.complete(configuration), strict=True)

    async def take_over(self, configuration: Configuration, handed_over: HandedOver, before: Record) -> None:
        """Go on where the agent before this one stopped, then put ``configuration`` in force by its difference."""
        async with self._changing:
            # What was written down is older than what the workers hold, where the agent died in between.
            devices = {**commit_to(self.configuration).devices, **{d.port: d for d in before.open_devices}}
            indexes = {self.fabric.index_of(port.name): port.name for port in self.configuration.ports}
            held = {index: devices[indexes[index]] for index in handed_over.ports if indexes.get(index) in devices}
            self._executor.applied = Committed({}, self._namespaces.made | namespaces_of(held.values()))
            self._executor.adopt(held.values())
            for index in set(handed_over.ports) - set(held):
                await self.workers.close_port(index)
            await self._apply(self._outside.complete(configuration), strict=False)
        for entry in self._attached:
            if entry.owner is not None:
                self._owners.watch(entry.name, entry.owner)

    async def reload(self) -> None:
        """Read the file again and apply the difference; UserError, and the old state in force, if it is wrong."""
        from control.config import load_configuration

        async with self._changing:
            attached = ports_named(self.configuration, [port.name for port in self._attached])
            ways, before = self._system.underlay_mtus, self.configuration
            fed, library = self.peers.fed, self._library
            loaded = await asyncio.to_thread(load_configuration, self.path, before, attached, ways, fed, library)
            configuration, kept = keep_capacities(loaded.configuration, self.configuration)
            await self._change(self._outside.complete(configuration), strict=False)
            self.warnings = (*loaded.warnings, *kept)
            self.refused_manifests = ()
        for warning in self.warnings:
            log.warning("%s", warning)

    async def reload_manifests(self, changed: frozenset[Path] | None = None) -> bool:
        """Read the manifests again and apply the difference; return whether there is any. UserError, and all of the
        old ones in force, if anything in them is wrong. ``changed``: the only files that may be
        others, if anybody knows."""
        from control.config import with_manifests

        async with self._changing:
            before, known = self.configuration, self._library.warnings
            if before.manifests is None or self.state == "stopping":
                return False
            try:
                found = await asyncio.to_thread(with_manifests, before, before.manifest_paths, self._library, changed)
                has_changed = found.configuration != before
                if has_changed:
                    await self._change(found.configuration, strict=False)
            except UserError as error:
                self.refused_manifests = tuple(str(error).splitlines())
                raise
            self.refused_manifests = ()
            self.warnings = (*(each for each in self.warnings if each not in known), *found.warnings)
        for warning in found.warnings:
            if warning not in known:
                log.warning("%s", warning)
        return has_changed

    async def attach(self, entry: Mapping[str, Any], owner: ProcessId | None) -> str:
        """Attach a port written as in a configuration file; return its name. Where it fails nothing is left of it."""
        from control.config.ports import parse_port

        async with self._changing:
            port = parse_port(entry, self.configuration, elsewhere=self.peers.store.claims)
            if isinstance(port.attachment, Pcap):
                raise UserError(f"port {port.name}: a pcap port is for `tapestry replay`; attach a tap or a nic")
            attached = self._attached
            self._attached = (*attached, AttachedPort(port.name, owner))
            try:
                await self._change(with_port(self.configuration, port), strict=True)
            except UserError:
                self._attached = attached
                self._remember()
                raise
        if owner is not None:
            self._owners.watch(port.name, owner)
        return port.name

    async def detach(self, name: str) -> None:
        """Take away a port that was attached; UserError if there is none, or the configuration file holds it."""
        async with self._changing:
            if not self.is_attached(name):
                self.require_port(name)
                raise UserError(f"port {name} stands in {self.path}: take it out there, and `tapestry reload`")
            self._owners.forget(name)
            self._attached = tuple(port for port in self._attached if port.name != name)
            await self._change(without_port(self.configuration, name), strict=False)

    async def flush_fdb(self) -> int:
        """Forget every address that was learned; return how many there were."""
        async with self._changing:
            flushed = await asyncio.to_thread(self.fabric.flush_fdb)
            self._remember()
        return flushed

    async def close(self) -> None:
        """Let go of every device, stop the workers, remove what was made."""
        self.state = "stopping"
        self._owners.close()
        self.peers.close()
        self._answers.close()
        async with self._changing:
            self._watch.close()
            await self._outside.close()
            await self.workers.stop()
            await self._executor.close()
            self._remember()
            self.fabric.close()

    def leave(self) -> None:
        """Leave workers, devices and namespaces to the next agent."""
        self._owners.close()
        self._watch.close()
        self.peers.close()
        self._answers.close()
        self._outside.leave()
        self._remember()
        self.workers.hang_up()

    def require_port(self, name: str) -> None:
        """Raise NoSuchPortError unless there is a port of that name."""
        if all(port.name != name for port in self.ports):
            raise NoSuchPortError(f"there is no port {name}: `tapestry ports` lists those there are")

    def hear_failure(self, index: int, error_number: int) -> None:
        """Take in that a worker lost a device."""
        self._executor.hear_failure(index, error_number)

    def hear_worker_end(self, worker: int) -> None:
        """Take in that a worker process has ended: the tables must not wait for it."""
        self.fabric.forget_worker(worker)

    async def _change(self, configuration: Configuration, *, strict: bool) -> None:
        """Put another configuration in force; UserError, with the old one in force, if that fails on the way."""
        before = self.configuration
        try:
            await self._apply(configuration, strict=strict)
        except UserError:
            if self.configuration is not before:
                await self._apply(before, strict=False)
            raise

    async def _apply(self, configuration: Configuration, *, strict: bool) -> None:
        before = self.configuration
        if only_peers_differ(before, configuration) or only_policies_differ(before, configuration):
            await asyncio.to_thread(self.fabric.apply, configuration, time.monotonic())
        else:
            await self._apply_all(configuration, strict=strict)
        self.peers.watch_leases()

    async def _apply_all(self, configuration: Configuration, *, strict: bool) -> None:
        plan = plan_actions(self._executor.applied, commit_to(configuration))
        self._executor.check(plan)
        await asyncio.to_thread(self._outside.check, self.configuration, configuration)
        # In a thread: it waits until every worker has seen the change, and a worker may end meanwhile.
        await asyncio.to_thread(self.fabric.apply, configuration, time.monotonic())
        self._remember()
        await self._executor.execute(plan, strict=strict)
        self._remember()
        await self._outside.settle(configuration)

    async def _take_lease(self) -> None:
        async with self._changing:
            if self.state == "stopping":
                return
            try:
                await self._change(self._outside.complete(self.configuration), strict=False)
            except UserError as error:
                log.warning("uplink: %s", error)

    async def _owner_is_gone(self, name: str) -> None:
        log.info("port %s: the process it was attached for has ended", name)
        try:
            await self.detach(name)
        except UserError as error:
            log.warning("%s", error)

    def _set_link(self, port: str, up: bool) -> None:
        with suppress(KeyError):  # A port that is just leaving has no link any more.
            self.fabric.set_link(port, up)
        self._outside.hear_link(port, up)

    def _is_open(self, port: str) -> bool:
        keeper = self.keepers.get(port)
        return keeper is not None and keeper.is_open

    def _remember_soon(self) -> None:
        """Write down what the next agent must know, once for changes that come together."""
        if self._remembering is None:
            self._remembering = asyncio.get_running_loop().call_later(REMEMBER_AFTER_S, self._remember)

    def _remember(self) -> None:
        """Write down what the next agent must know."""
        if self._remembering is not None:
            self._remembering.cancel()
            self._remembering = None
        self._record.update(
            workers=self.workers.records,
            configuration=without_policies(without_peers(self.configuration)),  # Peers have a journal; policies, files.
            fabric=self.fabric.snapshot(),
            open_devices=tuple(keeper.device for keeper in self.keepers.values() if keeper.is_open),
            made_namespaces=self._namespaces.made,
            attached=self._attached,
        )

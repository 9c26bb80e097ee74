"""The other nodes of a fabric: what is known of them, and its tables, the one always as the other says.

What the configuration file says of them is one source of several. As long as the ground is the same (ground.py), a
change is made in place, at once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from control.errors import UserError
from control.fabric.ground import Ground, ground_of
from control.fabric.peers import PeerTables, Routes
from control.fabric.plan import Plan
from control.fabric.policy import FabricPolicy
from control.fabric.router import Router
from control.fabric.routes import PlannedRoute
from control.model import TUNNEL, Configuration, Subnet
from control.overlay.claims import OwnPorts
from control.overlay.store import PeerPlan, PeerStore
from dataplane.fdb.build import void_place
from dataplane.vector import MAX_PORTS

FILE = "file"
"""The source that the configuration file is."""


class OtherNodes:
    """Writes what the agent writes of peers into a ``State``, with the routes to them."""

    def __init__(self, state: Any, router: Router, policy: FabricPolicy) -> None:
        self.store = PeerStore()
        self.tables = PeerTables(state, router)
        self._policy = policy
        self._state = state

    def feed(self, plan: PeerPlan) -> None:
        """Make what is planned so. UserError, and all is as it was, if the tables cannot hold it."""
        known = self._policy.feed(plan.changes)  # First, so that nobody is taken for another by what is forwarded.
        try:
            gone = self.tables.change(plan.changes)
        except UserError:
            self._policy.restore(known)
            raise
        self.store.take_in(plan)
        for number in gone:
            self._forget(number)

    @property
    def names(self) -> dict[int, str]:
        """Return the nodes by number."""
        return {number: node for node, number in self.tables.numbers.items()}

    def places(self) -> dict[int, tuple[str, str]]:
        """Return the port and the node of every place that a node is to the FDB."""
        return {MAX_PORTS + number: (TUNNEL, node) for number, node in self.names.items()}

    def void_learned(self) -> None:
        """Let nothing count any more that frames taught of where addresses are behind other nodes."""
        for number in self.tables.writer.peers:
            self._forget(number)

    def feed_file(self, configuration: Configuration, now_s: float) -> None:
        """Let the file's peers be those of a configuration; errors as ``feed``."""
        peers = () if configuration.overlay is None else configuration.overlay.peers
        self.feed(self.store.plan_source(FILE, peers, now_s))

    def settle(self, plan: Plan, base: Mapping[Subnet, PlannedRoute], now_s: float) -> Routes:
        """Stand on the ground of a plan, with the peers of its configuration; ``base`` are the routes without theirs.

        Returns the routes with theirs, for the caller to write. UserError, and all is as it was, if the tables cannot
        hold it.
        """
        own_before = self.store.claims.own
        self._set_own(plan.configuration)
        try:
            if ground_of(plan) == self.tables.ground:
                self.tables.guard(self.store.claims.own)
                self.feed_file(plan.configuration, now_s)
                self.tables.base = base
            else:
                self._move(plan, base, now_s, own_before)
        except UserError:
            self.store.claims.own = own_before
            self.tables.guard(own_before)
            raise
        return self.tables.all_routes()

    def take_over(self, plan: Plan, base: Mapping[Subnet, PlannedRoute], fed: Iterable[PeerPlan]) -> Routes:
        """Begin with what another agent left in the tables, where ``fed`` was known besides; returns as ``settle``."""
        self._set_own(plan.configuration)
        for each in fed:
            self.store.take_in(each)
        self.tables.take_over(ground_of(plan), base, self.store.known.values())
        return self.tables.all_routes()

    def _set_own(self, configuration: Configuration) -> None:
        overlay = configuration.overlay
        self.store.set_own(configuration.ports, () if overlay is None else overlay.subnets)

    def mend(self) -> None:
        """Have the tables hold what is known, and nothing else, whatever an agent before this one left."""
        self._write(self.tables.ground, self.tables.base, self.store.claims.own)

    def _move(self, plan: Plan, base: Mapping[Subnet, PlannedRoute], now_s: float, own_before: OwnPorts) -> None:
        overlay = plan.configuration.overlay
        ground_before, base_before, peers_before = self.tables.ground, self.tables.base, self.store.peers_of(FILE)
        self.store.take_in(self.store.plan_source(FILE, () if overlay is None else overlay.peers, now_s))
        try:
            self._write(ground_of(plan), base, self.store.claims.own)
        except UserError:
            self.store.take_in(self.store.plan_source(FILE, peers_before, now_s))
            self._write(ground_before, base_before, own_before)
            raise

    def _write(self, ground: Ground, base: Mapping[Subnet, PlannedRoute], own: OwnPorts) -> None:
        for number in self.tables.settle(ground, base, self.store.known.values(), own):
            self._forget(number)

    def _forget(self, number: int) -> None:
        """Let nothing count any more that was learned of a peer: its number will be another's."""
        void_place(self._state.fdb_head[0], self._state.fdb_rules, MAX_PORTS + number)

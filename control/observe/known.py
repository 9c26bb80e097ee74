"""What a fabric knows of pods, ports and rules: a narrator that is made anew only when some of it has changed."""

import time
from typing import TYPE_CHECKING

from control.fabric.cluster import cluster_in
from control.observe.narrator import Narrator
from control.observe.who import Directory
from control.policy.book import PolicyBook

if TYPE_CHECKING:
    from control.fabric import Fabric
    from control.fabric.plan import Plan


class Known:
    """Makes narrators of one fabric."""

    def __init__(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self._narrator: Narrator | None = None
        self._plan: Plan | None = None
        self._basis: tuple[int, ...] = ()

    def narrator(self) -> Narrator:
        """Return one by what is known now."""
        fabric = self._fabric
        basis = (int(fabric.state.policy_head[0].stamp[0]), fabric.others.store.revision)
        if self._narrator is None or self._plan is not fabric.plan or self._basis != basis:
            self._narrator, self._plan, self._basis = self._make(basis[0]), fabric.plan, basis
        # The workers' clock is the monotonic one; what it is by the wall clock may change while somebody observes.
        self._narrator.clock_ns = time.time_ns() - time.monotonic_ns()
        return self._narrator

    def _make(self, stamp: int) -> Narrator:
        fabric, book = self._fabric, self._fabric.policy.book
        pods = cluster_in(fabric).pods.values()
        ports = {plan.index: name for name, plan in fabric.plan.ports.items()}
        return Narrator(fabric.configuration.node, Directory.of(pods), rule_names(book), ports, book.identity_of, stamp)


def rule_names(book: PolicyBook) -> dict[int, tuple[str, str]]:
    """Return policy and rule by number."""
    return {number: (name.policy, name.rule) for number, name in book.names.items()}

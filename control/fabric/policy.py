"""The policies of one node: ports and other nodes' endpoints become pods, and the book of them writes the tables.

What is behind a port is judged from its first frame: its end is in the copy that comes into force with the port. All
else is in place, so that a change of manifests, or of other nodes' endpoints, needs no generation.

A node that has never had a manifest has no book, and its tables are untouched memory. An agent that takes tables over
leaves in force what it finds until it is told what is wanted.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from control.fabric.domains import Domains
from control.fabric.plan import Plan
from control.model import Address, Configuration, RemoteEndpoint
from control.overlay.store import PeerChange, PeerStore
from control.policy.book import PolicyBook, Wanted
from control.policy.model import Manifests, Pod
from control.policy.notables import NoTables
from control.policy.taking import take_over
from dataplane.generation.build import free_copy
from dataplane.generation.grace import WorkersGrace
from dataplane.policy.build import PolicyWriter, write_policy

NOBODY: frozenset[Address] = frozenset()
Answers = Mapping[str, frozenset[Address]]


class FabricPolicy:
    """What a fabric's policies are. ``book`` has no tables while policy is off."""

    def __init__(self, state: Any, grace: WorkersGrace) -> None:
        self._state = state
        self._grace = grace
        self._writer: PolicyWriter | None = None
        self._has_former = bool(state.policy[1 - free_copy(state.control[0])].is_on)
        self.book = PolicyBook(NoTables())
        self.answers: Answers = {}
        """The addresses that names were answered with."""

    @property
    def is_in_place(self) -> bool:
        """Whether the tables are this agent's own work: else nothing of policy is changed in place."""
        return not self._has_former

    def change(self, manifests: Manifests) -> None:
        """Have other manifests count at once, where all else is the same; errors as ``settle``."""
        self._settle_now(self.book.wanted._replace(manifests=manifests))

    def settle(self, plan: Plan, store: PeerStore) -> None:
        """Have the tables say what a plan's manifests come to for its pods, before the plan is in force.

        UserError, and all is as it was, if they cannot hold it. Followed by ``write`` and ``release``.
        """
        configuration = plan.configuration
        if configuration.manifests is None:
            return
        pods = {pod.name: pod for pod in pods_of(configuration, store)}
        wanted = Wanted(pods, configuration.manifests, own_addresses(plan), self.answers)
        if self._writer is None:
            self._begin(wanted, plan)
        else:
            self.book.settle(wanted)

    def _begin(self, wanted: Wanted, plan: Plan) -> None:
        writer = PolicyWriter(self._state, self._grace)
        book = PolicyBook(writer)
        if self._has_former:
            take_over(book, writer, wanted, {name: port.index for name, port in plan.ports.items()})
        else:
            self._writer, self.book = writer, book  # Even if this is refused: nobody else knows what it has written.
        book.settle(wanted)
        self._writer, self.book = writer, book

    def revert(self, plan: Plan, store: PeerStore) -> None:
        """Have the tables say again what the plan in force comes to. What another agent had settled nobody knows: then
        what is wanted stays settled."""
        if self.is_in_place:
            self.settle(plan, store)

    def write(self, copy: int, plan: Plan) -> None:
        """Write a copy of what has two, for a plan that was settled."""
        is_on = plan.configuration.manifests is not None
        ends = self.book.ends if is_on else {}
        write_policy(self._state.policy[copy], is_on, {plan.ports[name].index: end for name, end in ends.items()})

    def release(self, plan: Plan) -> None:
        """Let go of what is out of use, now that the plan that was written is in force for all workers."""
        if self._writer is None:
            return
        if plan.configuration.manifests is None:
            self.book.settle(Wanted())
        self.book.release()
        if self._has_former:
            self._writer.retire_former()
            self._has_former = False

    def feed(self, changes: Iterable[PeerChange]) -> Wanted:
        """Know what other nodes have, at once; errors as ``settle``. Returns what was known before."""
        before = self.book.wanted
        if self._writer is None:
            return before
        pods = dict(self.book.wanted.pods)
        for change in changes:
            for endpoint in change.gone:
                pods.pop(remote_name(change.node, endpoint), None)
            for endpoint in change.come:
                pod = remote_pod(change.node, endpoint)
                pods[pod.name] = pod
        self._settle_now(before._replace(pods=pods))
        return before

    def restore(self, known: Wanted) -> None:
        """Know again what was known before."""
        if self._writer is not None:
            self._settle_now(known)

    def learn(self, answers: Answers) -> None:
        """Know which addresses names were answered with, at once; errors as ``settle``."""
        if self._writer is not None:
            self._settle_now(self.book.wanted._replace(names=answers))
        self.answers = answers

    def _settle_now(self, wanted: Wanted) -> None:
        if wanted != self.book.wanted:
            self.book.settle(wanted)
            self.book.release()


def answers_of(snapshot: Mapping[str, Any]) -> Answers:
    """Return the addresses that names were answered with before a snapshot of the fabric."""
    found = snapshot.get("answers", {}).items()
    return {name: frozenset(map(ip_address, addresses)) for name, addresses in found}


def pods_of(configuration: Configuration, store: PeerStore) -> Iterable[Pod]:
    """Yield all pods that are known: endpoints of this node, and of others."""
    domains = Domains(configuration)
    for port in configuration.ports:
        if port.endpoint and port.network and not domains.is_way_out(port):
            addresses = tuple(dict.fromkeys(interface.ip for interface in port.addresses))
            yield Pod(port.name, port.namespace, port.labels, port.named_ports, addresses, port.name)
    for node, known in store.known.items():
        for endpoint in known.endpoints.values():
            yield remote_pod(node, endpoint)


def remote_pod(node: str, endpoint: RemoteEndpoint) -> Pod:
    """Return an endpoint of another node as a pod."""
    return Pod(remote_name(node, endpoint), endpoint.namespace, endpoint.labels, (), (endpoint.address,))


def remote_name(node: str, endpoint: RemoteEndpoint) -> str:
    """Return what tells another node's endpoint from all others."""
    return f"{node}/{endpoint.network}/{endpoint.address}"


def own_addresses(plan: Plan) -> frozenset[Address]:
    """Return the addresses that are this node's own, in every network and at the uplink."""
    return NOBODY.union(*(interface.addresses for interface in plan.interfaces.values()))

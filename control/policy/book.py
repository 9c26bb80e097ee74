"""The book of policies: who there is and what the manifests say -> the tables that workers judge by, by difference.

    pods, nodes, names  -> roster.py    members: who has which address, and its identity and block
    policies            -> judges.py    for each kind of pod here its rows; whom their clauses are about
    both                -> rows.py      each row's list for each party
                        -> writing.py   into the tables, in place; release.py gives back what is idle

A change costs what it changes: a pod is found by its labels, not by asking every selector, and so the other way round.

Invariant: what the tables say is what was settled last, or, while a change is being written, for each word this or what
was before. What cannot be written is taken back whole.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import compress, count
from operator import is_not
from typing import NamedTuple

from control.errors import UserError
from control.model import Address
from control.policy.changes import Changed
from control.policy.entries import Entry, RuleName
from control.policy.judges import Judges, PolicyKey, SubjectKey
from control.policy.model import ClusterPolicy, Manifests, NetworkPolicy, Pod
from control.policy.notables import NoTables
from control.policy.parties import AddressPeer, Identity
from control.policy.release import Releasing
from control.policy.roster import Member, Roster
from control.policy.selectors import Namespaces, is_meant
from control.policy.writing import Tables, Writing
from dataplane.route.blocks import TableFullError

Policy = NetworkPolicy | ClusterPolicy


class Wanted(NamedTuple):
    """All that a book is made of. ``pods`` by name; ``own``: this node's own addresses; ``names``: the addresses that
    were answered for each name."""

    pods: Mapping[str, Pod] = {}
    manifests: Manifests = Manifests()
    own: frozenset[Address] = frozenset()
    names: Mapping[str, frozenset[Address]] = {}


class PolicyBook:
    """What the policies of a cluster come to on one node. It is the only writer of ``tables``."""

    def __init__(self, tables: Tables) -> None:
        self.changed = Changed()
        self.roster = Roster(self.changed)
        self.judges = Judges(self.changed, self.roster.prefixes)
        self.writing = Writing(tables, self.roster, self.judges, self.changed)
        self.releasing = Releasing(self.writing)
        self.wanted = Wanted()

    @classmethod
    def alone(cls, pods: Iterable[Pod], manifests: Manifests, own: Iterable[Address] = ()) -> "PolicyBook":
        """Return a book without tables, in which every pod is judged as if it were here: to ask, not to forward."""
        book = cls(NoTables())
        here = {pod.name: pod if pod.port else replace(pod, port=pod.name) for pod in pods}
        book.settle(Wanted(here, manifests, frozenset(own)))
        book.release()
        return book

    def settle(self, wanted: Wanted) -> None:
        """Have the tables say what is wanted. UserError, and all is as it was, if they cannot hold it.

        What went out of use is kept until ``release``, and conversations are judged again only after that.
        """
        before = self.wanted
        with uncollected():
            self.plan(wanted)
            try:
                self._write()
            except TableFullError as error:
                self.plan(before)
                with suppress(TableFullError):  # There was room before, unless nothing was written yet at all.
                    self.writing.write()
                    self.release()
                raise UserError(f"policies: {error}; use fewer") from error

    def _write(self) -> None:
        """Write what is planned; if there is no room for it, once more without the remains of what is gone."""
        try:
            self.writing.write()
        except TableFullError:
            self.writing.tables.tidy()
            self.writing.write()

    def release(self) -> None:
        """Let what was settled count for conversations too, and let go of what nothing uses any more."""
        self.releasing.release()
        self.writing.tables.advance_stamp()
        self.releasing.tidy()

    # What it says.

    @property
    def names(self) -> Mapping[int, RuleName]:
        """The rules that may decide here, by number; a rule keeps its number while it is there."""
        return self.writing.rule_of

    @property
    def ends(self) -> dict[str, int]:
        """The end of what is behind each port that is a pod's, by the port's name."""
        found = {}
        for name, members in self.roster.of_pod.items():
            port = self.roster.pods[name].port
            if port:
                found[port] = next(iter(members.values())).end
        return found

    def member_at(self, address: Address) -> Member | None:
        """Return what is known of an address, if anything is but its block."""
        return self.roster.holder(address)

    def identity_of(self, address: Address) -> int:
        """Return the number of what rules can tell of an address by labels and names."""
        member = self.roster.holder(address)
        return (self.roster.stranger if member is None else member.identity).number

    def selected(self, policy: str) -> tuple[Pod, ...]:
        """Return the pods here that a policy is about, ``NAMESPACE/NAME`` or a cluster policy's name."""
        entries = [entry for entry in self.judges.entries.values() if entry.name == policy]
        return tuple(
            self.roster.pods[name]
            for key, subject in self.judges.subjects.items()
            if any(self._is_about(entry, key) for entry in entries)
            for name in sorted(subject.pods)
        )

    def _is_about(self, entry: Entry, key: SubjectKey) -> bool:
        owner = self.judges.owner(key.namespace, dict(key.labels))
        return is_meant(entry.subject, entry.namespace, owner)

    # Plans: who and what there is, in this process's memory alone.

    def plan(self, wanted: Wanted) -> None:
        """Know what is wanted, and write nothing yet."""
        before, self.wanted = self.wanted, wanted
        namespaces, entries = self._take_policies(before.manifests, wanted.manifests)
        changed = changed_pods(before.pods, wanted.pods)
        new = self._take_subjects(changed)
        concerned = {*new, *self.judges.concerned(entries, namespaces)}
        for key in self.judges.settle_subjects(concerned):
            self._note_rows(key)
        peers = self.judges.begin_selections()
        addresses = self._take_addresses(wanted, peers)
        self.roster.settle_blocks(list(self.changed.blocks))
        for name, pod in changed.items():
            self.roster.set_pod(name, pod)
        self.roster.settle_addresses({*addresses, *self.changed.orphans})
        self.changed.orphans.clear()
        self.judges.settle_parties(self._within(namespaces))

    def _take_policies(self, before: Manifests, after: Manifests) -> tuple[set[str], list[Entry]]:
        """Know the namespaces and policies; return the namespaces that are others, and the policies as they were and
        are that are."""
        namespaces: set[str] = set()
        if before is after:
            return namespaces, []
        audited: set[str] = set()
        if before.namespaces is not after.namespaces:
            known, present = Namespaces(after.namespaces), self.judges.namespaces
            namespaces = present.differing(known)
            audited = {name for name in namespaces if present.is_audited(name) != known.is_audited(name)}
            self.judges.namespaces = known
        gone, come = policies_differing(before, after)
        if audited:
            come |= {key_of(each): each for each in after.policies if each.namespace in audited}
        found = {**dict.fromkeys(gone), **come}
        return namespaces, [entry for key, policy in found.items() for entry in self.judges.put_policy(key, policy)]

    def _take_subjects(self, changed: Mapping[str, Pod | None]) -> set[SubjectKey]:
        """Know which pods are judged here; return the kinds of those that are others now."""
        kinds: set[SubjectKey] = set()
        for name, pod in changed.items():
            before = self.roster.pods.get(name)
            if before is not None and before.port:
                kinds.add(self.judges.leave(before))
            if pod is not None and pod.port:
                kinds.add(self.judges.join(pod))
        return kinds

    def _note_rows(self, key: SubjectKey) -> None:
        """Have the ends of all pods of a kind written anew."""
        subject = self.judges.subjects.get(key)
        for name in subject.pods if subject is not None else ():
            for member in self.roster.of_pod.get(name, {}).values():
                self.changed.members[member] = None

    def _take_addresses(self, wanted: Wanted, peers: Iterable[AddressPeer]) -> set[Address]:
        """Know what is said by address; return the addresses of which that is news."""
        groups = self.roster.groups
        asked = list(peers)
        news = groups.tell(wanted.manifests.nodes, wanted.names) | groups.begin(asked)
        if any(peer in groups.blocks for peer in asked):
            news |= {address for address, holders in self.roster.at.items() if any(each.pod for each in holders)}
        self.roster.own = wanted.own
        return news

    def _within(self, namespaces: set[str]) -> list[Identity]:
        """Return the identities of pods in some namespaces."""
        if not namespaces:
            return []
        return [each for key, each in self.roster.identities.items() if key.namespace in namespaces]


@contextmanager
def uncollected() -> Iterator[None]:
    """Make a great many objects without the collector's walking through all of them again and again: none is part of a
    circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def policies_differing(before: Manifests, after: Manifests) -> tuple[dict[PolicyKey, Policy], dict[PolicyKey, Policy]]:
    """Return the policies that are there no longer, and those that are new."""
    pairs = [
        differing(before.policies, after.policies),
        differing(before.cluster_policies, after.cluster_policies),
    ]
    gone = {key_of(each): each for old, _ in pairs for each in old}
    come = {key_of(each): each for _, new in pairs for each in new}
    for key in [key for key, each in come.items() if gone.get(key) == each]:
        del gone[key], come[key]
    return gone, come


def differing(old: Sequence[Policy], new: Sequence[Policy]) -> tuple[Sequence[Policy], Sequence[Policy]]:
    """Return what lies between the first and the last place where two sorted sequences are not the same objects."""
    shorter = min(len(old), len(new))
    first = next(compress(count(), map(is_not, old, new)), shorter)
    last = next(compress(count(), map(is_not, reversed(old), reversed(new))), shorter)
    last = min(last, shorter - first)
    return old[first : len(old) - last], new[first : len(new) - last]


def key_of(policy: Policy) -> PolicyKey:
    """Return what a policy is known by."""
    if isinstance(policy, NetworkPolicy):
        return "network", policy.namespace, policy.name
    return "cluster", "", policy.name


def changed_pods(before: Mapping[str, Pod], after: Mapping[str, Pod]) -> dict[str, Pod | None]:
    """Return the pods that are others now, None for those that are gone."""
    if before is after:
        return {}
    gone: dict[str, Pod | None] = dict.fromkeys(before.keys() - after.keys())
    others = compress(after, map(is_not, map(before.get, after), after.values()))
    return gone | {name: after[name] for name in others if before.get(name) != after[name]}

"""Who is judged by what: the policies, the rows of the pods here, and whom the rows' clauses are about."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from control.model import Subnet
from control.policy.changes import Changed
from control.policy.entries import TIERS, Addressed, Block, Callers, Entry, Pods, Whom
from control.policy.model import BlockPeer, ClusterPolicy, Direction, Labels, NetworkPolicy, Pod, PodPeer
from control.policy.parties import AddressPeer, BlockParty, Identity, Party, Prefixes, is_within
from control.policy.rows import Row, RowKey, Selection
from control.policy.selectors import (
    Filed,
    Namespaces,
    Owner,
    Place,
    is_meant,
    places_held,
    places_wanted,
    selects,
)
from control.policy.spans import NamedPorts

PolicyKey = tuple[str, str, str]
Concerned = dict[Party, dict[Row, None]]
"""In which rows a party may have another list than before."""
DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")


class SubjectKey(NamedTuple):
    """What decides by which rows a pod is judged."""

    namespace: str
    labels: Labels
    named_ports: NamedPorts


class Subject:
    """Pods here that are alike. ``rows``: by direction, the first of each, None where nobody isolates them."""

    def __init__(self, key: SubjectKey) -> None:
        self.key = key
        self.pods: set[str] = set()
        self.rows: dict[Direction, Row | None] = {"ingress": None, "egress": None}


def subject_of(pod: Pod) -> SubjectKey:
    """Return what a pod's rows depend on."""
    return SubjectKey(pod.namespace, pod.labels, pod.named_ports)


class Judges:
    """Policies, subjects, rows and selections; ``prefixes`` are those of the roster."""

    def __init__(self, changed: Changed, prefixes: Prefixes) -> None:
        self.changed = changed
        self.prefixes = prefixes
        self.namespaces = Namespaces()
        self.entries: dict[PolicyKey, Entry] = {}
        self.subjects: dict[SubjectKey, Subject] = {}
        self.rows: dict[RowKey, Row] = {}
        self.turned: dict[Row, None] = {}
        self.selections: dict[Whom, Selection] = {}
        self.blocks: dict[Subnet, BlockParty] = {}
        self._filed_entries: Filed[Entry] = Filed()
        self._filed_selections: Filed[Selection] = Filed()
        self._filed_identities: Filed[Identity] = Filed()
        self._namespaces_of: dict[str, int] = {}
        self._by_cidr: dict[Subnet, dict[Selection, None]] = {}

    # Policies.

    def put_policy(self, key: PolicyKey, policy: NetworkPolicy | ClusterPolicy | None) -> list[Entry]:
        """Let a policy be so, or be there no longer; return what it was and is."""
        before = self.entries.pop(key, None)
        if before is not None:
            self._filed_entries.remove(before, places_wanted(before.subject, before.namespace))
        if policy is None:
            return [] if before is None else [before]
        entry = self.entries[key] = Entry(policy, self.is_audited(policy))
        self._filed_entries.add(entry, places_wanted(entry.subject, entry.namespace))
        return [entry] if before is None else [before, entry]

    def is_audited(self, policy: NetworkPolicy | ClusterPolicy) -> bool:
        """Whether what a policy would drop passes."""
        if isinstance(policy, NetworkPolicy) and self.namespaces.is_audited(policy.namespace):
            return True
        return policy.audited

    # Subjects.

    def join(self, pod: Pod) -> SubjectKey:
        """Have one more pod to judge; return its subject's key."""
        key = subject_of(pod)
        subject = self.subjects.setdefault(key, Subject(key))
        subject.pods.add(pod.name)
        return key

    def leave(self, pod: Pod) -> SubjectKey:
        """Have one less."""
        key = subject_of(pod)
        self.subjects[key].pods.discard(pod.name)
        return key

    def concerned(self, entries: Iterable[Entry], namespaces: set[str]) -> Iterator[SubjectKey]:
        """Yield the subjects that any of some policies selects, and those of some namespaces."""
        asked: dict[str | None, list[Entry]] = {}
        for entry in entries:
            asked.setdefault(entry.namespace, []).append(entry)
        if not asked and not namespaces:
            return
        for key in self.subjects:
            near = [*asked.get(key.namespace, ()), *asked.get(None, ())]
            if key.namespace in namespaces or (near and self._is_about_any(near, key)):
                yield key

    def _is_about_any(self, entries: Iterable[Entry], key: SubjectKey) -> bool:
        owner = self.owner(key.namespace, dict(key.labels))
        return any(is_meant(each.subject, each.namespace, owner) for each in entries)

    def settle_subjects(self, keys: Iterable[SubjectKey]) -> list[SubjectKey]:
        """Find the rows of some subjects anew; return those that have others now."""
        other = []
        for key in keys:
            subject = self.subjects.get(key)
            if subject is None:
                continue
            rows = self._rows_of(key) if subject.pods else dict.fromkeys(DIRECTIONS)
            if rows != subject.rows:
                before, subject.rows = subject.rows, rows
                for row in rows.values():
                    self._use(row)
                for row in before.values():
                    self._let_go(row)
                other.append(key)
            if not subject.pods:
                del self.subjects[key]
        return other

    def owner(self, namespace: str, labels: Mapping[str, str]) -> Owner:
        """Return what selectors ask about."""
        return Owner(namespace, self.namespaces.labels_of(namespace), labels)

    def entries_about(self, key: SubjectKey) -> list[Entry]:
        """Return the policies that select a pod, in order within each tier."""
        owner = self.owner(key.namespace, dict(key.labels))
        near = self._filed_entries.at(places_held(key.namespace, key.labels))
        return sorted(
            (each for each in near if is_meant(each.subject, each.namespace, owner)), key=lambda each: each.rank
        )

    def _rows_of(self, key: SubjectKey) -> dict[Direction, Row | None]:
        entries = self.entries_about(key)
        return {direction: self._chain(entries, direction, key.named_ports) for direction in DIRECTIONS}

    def _chain(self, entries: list[Entry], direction: Direction, named_ports: NamedPorts) -> Row | None:
        row: Row | None = None
        for tier in reversed(TIERS):
            those = tuple(each for each in entries if each.tier == tier and each.rules(direction) is not None)
            if those:
                asks = direction == "ingress" and any(each.has_names(direction) for each in those)
                after = row if tier != "network" else None
                row = self._row(
                    RowKey(direction, tier, those, named_ports if asks else (), None if after is None else after.key)
                )
        return row

    def _row(self, key: RowKey) -> Row:
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(key, None if key.after is None else self.rows[key.after])
            self._use(row.after)
            self.changed.rows.append(row)
            self.changed.numberless.append(row)
            self.changed.idle_rows[row] = None
        return row

    def _use(self, row: Row | None) -> None:
        if row is not None:
            row.users += 1

    def _let_go(self, row: Row | None) -> None:
        if row is not None:
            row.users -= 1
            if not row.users:
                self.changed.idle_rows[row] = None

    # Selections.

    def begin_selections(self) -> list[AddressPeer]:
        """Have a selection for all that new rows are about; return the peers by address among what is new."""
        peers = []
        for row in self.changed.rows:
            for whom in row.whom():
                if whom not in self.selections:
                    selection = self.selections[whom] = Selection(whom)
                    self.changed.selections.append(selection)
                    if isinstance(whom, Addressed):
                        peers.append(whom.peer)
                    elif isinstance(whom, Block):
                        self._begin_block(selection, whom.peer)
        return peers

    def _begin_block(self, selection: Selection, peer: BlockPeer) -> None:
        self._by_cidr.setdefault(peer.cidr, {})[selection] = None
        for subnet in (peer.cidr, *peer.excepts):
            block = self.blocks.get(subnet)
            if block is None:
                block = self.blocks[subnet] = BlockParty(subnet)
                self.prefixes.put(block)
                self.changed.blocks.append(block)
                self.changed.numberless.append(block)
            block.users += 1

    def settle_parties(self, identities: Iterable[Identity]) -> None:
        """Know which selections are about parties that are new, or in a namespace whose labels are others, and which
        parties new selections are about; work out the cells that this changes, and new rows."""
        concerned: Concerned = {}
        new_selections = set(self.changed.selections)
        for identity in self.changed.identities:
            self._file(identity)
            concerned[identity] = dict(self.turned)
            self._place(identity, set(self._about(identity)) - new_selections, concerned)
        for identity in set(identities).difference(self.changed.identities):
            self._place_anew(identity, concerned)
        for block in self.changed.blocks:
            self._place(block, set(self._around(block)) - new_selections, concerned)
        for selection in self.changed.selections:
            if isinstance(selection.whom, Pods):
                self._filed_selections.add(selection, places_wanted(selection.whom.peer, selection.whom.namespace))
            selection.parties = set(self._parties_of(selection.whom))
        for party, rows in concerned.items():
            for row in rows:
                if row.refresh(party):
                    self.changed.note_cell(row, party)
        everybody = list(self._filed_identities.at([(None, "", "")])) if self.changed.rows else []
        for row in self.changed.rows:
            row.fill(self.selections, everybody)
            if row.is_turned:
                self.turned[row] = None
        for unwritten in (self.changed.identities, self.changed.blocks, self.changed.selections, self.changed.rows):
            unwritten.clear()

    def _place(self, party: Party, about: Iterable[Selection], concerned: Concerned) -> None:
        for selection in about:
            selection.parties.add(party)
            concerned.setdefault(party, {}).update(selection.rows)

    def _place_anew(self, identity: Identity, concerned: Concerned) -> None:
        """See anew which selections are about an identity whose namespace has other labels: its own are the same."""
        owner = self.owner(identity.key.namespace or "", identity.labels)
        for selection in self._filed_selections.at(places_held(owner.namespace, identity.key.labels)):
            assert isinstance(selection.whom, Pods)
            is_about = is_meant(selection.whom.peer, selection.whom.namespace, owner)
            if is_about != (identity in selection.parties):
                (selection.parties.add if is_about else selection.parties.discard)(identity)
                concerned.setdefault(identity, {}).update(selection.rows)

    def drop_selection(self, selection: Selection) -> None:
        """Ask no more for what no row is about."""
        whom = selection.whom
        del self.selections[whom]
        if isinstance(whom, Pods):
            self._filed_selections.remove(selection, places_wanted(whom.peer, whom.namespace))
        elif isinstance(whom, Block):
            alike = self._by_cidr[whom.peer.cidr]
            del alike[selection]
            if not alike:
                del self._by_cidr[whom.peer.cidr]
            for subnet in (whom.peer.cidr, *whom.peer.excepts):
                block = self.blocks[subnet]
                block.users -= 1
                if not block.users:
                    self.changed.idle_blocks[block] = None

    def drop_block(self, block: BlockParty) -> None:
        """Forget a prefix that nobody asks for."""
        self._forget(block, self._around(block), ())
        del self.blocks[block.subnet]
        self.prefixes.drop(block)

    def drop_identity(self, identity: Identity) -> None:
        """Forget an identity that nobody has."""
        self._forget(identity, self._about(identity), self.turned)
        namespace = identity.key.namespace
        self._filed_identities.remove(identity, self._places(identity))
        if namespace is not None:
            self._namespaces_of[namespace] -= 1
            if not self._namespaces_of[namespace]:
                del self._namespaces_of[namespace]

    def _forget(self, party: Party, about: Iterable[Selection], turned: Iterable[Row]) -> None:
        rows = dict.fromkeys(turned)
        for selection in list(about):
            selection.parties.discard(party)
            rows.update(selection.rows)
        for row in rows:
            row.cells.pop(party, None)

    def _places(self, identity: Identity) -> list[Place]:
        namespace = identity.key.namespace
        return [(None, "", "")] if namespace is None else list(places_held(namespace, identity.key.labels))

    def _file(self, identity: Identity) -> None:
        namespace = identity.key.namespace
        self._filed_identities.add(identity, self._places(identity))
        if namespace is not None:
            self._namespaces_of[namespace] = self._namespaces_of.get(namespace, 0) + 1

    def _about(self, identity: Identity) -> Iterator[Selection]:
        """Yield the selections that are about an identity."""
        key = identity.key
        whom: list[Whom] = [Addressed(peer) for peer in key.groups]
        whom += [Callers(name) for name in dict.fromkeys(name for name, _, _ in key.named_ports)]
        yield from (self.selections[each] for each in whom if each in self.selections)
        if key.namespace is None:
            return
        owner = self.owner(key.namespace, identity.labels)
        for selection in self._filed_selections.at(places_held(key.namespace, key.labels)):
            assert isinstance(selection.whom, Pods)
            if is_meant(selection.whom.peer, selection.whom.namespace, owner):
                yield selection

    def _around(self, block: BlockParty) -> Iterator[Selection]:
        """Yield the selections that are about a block."""
        subnet = block.subnet
        for outer in self.prefixes.around(subnet.version, int(subnet.network_address), subnet.prefixlen):
            for selection in self._by_cidr.get(outer.subnet, ()):
                assert isinstance(selection.whom, Block)
                if is_within(subnet, selection.whom.peer):
                    yield selection

    def _parties_of(self, whom: Whom) -> Iterator[Party]:
        """Yield all that a selection is about."""
        if isinstance(whom, Block):
            yield from (block for block in self.blocks.values() if is_within(block.subnet, whom.peer))
        elif isinstance(whom, Pods):
            yield from self._selected(whom.peer, whom.namespace)
        else:
            everybody = self._filed_identities.at([(None, "", "")])
            if isinstance(whom, Addressed):
                yield from (each for each in everybody if whom.peer in each.key.groups)
            else:
                yield from (each for each in everybody if any(whom.name == name for name, *_ in each.named_ports))

    def _selected(self, peer: PodPeer, namespace: str | None) -> Iterator[Identity]:
        places = places_wanted(peer, namespace)
        if peer.namespaces is None:
            near = self._filed_identities.at(places)
        elif places == [(None, "", "")]:
            names = (each for each in self._namespaces_of if selects_namespace(self.namespaces, peer, each))
            near = self._filed_identities.at((name, "", "") for name in names)
        else:
            near = self._filed_identities.at(places)
        for identity in near:
            key = identity.key
            if key.namespace is not None and is_meant(peer, namespace, self.owner(key.namespace, identity.labels)):
                yield identity


def selects_namespace(namespaces: Namespaces, peer: PodPeer, name: str) -> bool:
    """Whether a peer is about pods of a namespace."""
    return peer.namespaces is not None and selects(peer.namespaces, namespaces.labels_of(name))

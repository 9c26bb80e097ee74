"""Who has which address: every pod, every address that rules ask for, and what rules can tell of it.

A *member* is what the tables call an end: a pod at one of its addresses, or an address of nobody we know but that a
rule asks for. A pod's first member stands for the pod itself, whatever it sends from.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from control.model import Address, Subnet
from control.policy.changes import Changed
from control.policy.groups import NO_PEERS, Groups
from control.policy.model import Pod
from control.policy.parties import STRANGER, BlockParty, Identity, IdentityKey, Prefixes


class Member:
    """One end. ``first`` is the member that stands for its pod; None where there is no pod."""

    __slots__ = ("address", "block", "end", "first", "identity", "pod")

    def __init__(self, pod: Pod | None, address: Address | None, identity: Identity) -> None:
        self.pod = pod
        self.address = address
        self.identity = identity
        self.block: BlockParty | None = None
        self.first: Member | None = None
        self.end = 0


class Roster:
    """All members. What differs after a change is noted in ``changed``."""

    def __init__(self, changed: Changed) -> None:
        self.changed = changed
        self.pods: dict[str, Pod] = {}
        self.of_pod: dict[str, dict[Address | None, Member]] = {}
        self.others: dict[Address, Member] = {}
        self.identities: dict[IdentityKey, Identity] = {}
        self.prefixes = Prefixes()
        self.own: frozenset[Address] = frozenset()
        """This node's own addresses. No table holds them: that a packet names one does not make it the node's."""
        self.at: dict[Address, dict[Member, None]] = {}
        """Who has an address: of several the first counts."""
        self.groups = Groups()
        self._sorted: dict[int, list[int] | None] = {4: None, 6: None}
        self.stranger = self._identity(STRANGER)
        self.stranger.users += 1

    def set_pod(self, name: str, pod: Pod | None) -> None:
        """Let a pod be so, or be there no longer."""
        if pod is None:
            self.pods.pop(name, None)
        else:
            self.pods[name] = pod
        before = dict(self.of_pod.pop(name, {}))
        wanted: Iterable[Address | None] = () if pod is None else pod.addresses or ((None,) if pod.port else ())
        after = {address: before.pop(address, None) for address in wanted}
        for member in before.values():
            self._drop(member)
        if pod is None or not after:
            return
        found = {address: self._settle(member, pod, address) for address, member in after.items()}
        self.of_pod[name] = found
        first = next(iter(found.values()))
        for member in found.values():
            if member.first is not first:
                member.first = first
                self.changed.members[member] = None
        for address in pod.addresses:
            self._forget_other(address)

    def _settle(self, member: Member | None, pod: Pod | None, address: Address | None) -> Member:
        """Return a member that is as it should be, new or not."""
        groups = NO_PEERS if address is None else self.groups.of(address)
        key = IdentityKey(groups=groups)
        if pod is not None:
            key = IdentityKey(pod.namespace, pod.labels, pod.named_ports, groups)
        identity = self._identity(key)
        if member is None:
            member = self.changed.gone.pop((_name(pod), address), None) or Member(pod, address, identity)
            member.identity, member.block = identity, None
            identity.users += 1
            self.changed.members[member] = None
            self._enter(member)
        elif member.identity is not identity:
            identity.users += 1
            self._leave_identity(member)
            member.identity = identity
            self.changed.members[member] = None
        if member.pod is not pod:  # Its rows may be others.
            member.pod = pod
            self.changed.members[member] = None
        self.set_block(member)
        return member

    def settle_addresses(self, addresses: Iterable[Address]) -> None:
        """See anew what is known of some addresses."""
        for address in addresses:
            holders = [each for each in self.at.get(address, ()) if each.pod is not None]
            for member in holders:
                self._settle(member, member.pod, address)
            if holders or address not in self.groups.listed:
                self._forget_other(address)
                continue
            self.others[address] = self._settle(self.others.get(address), None, address)

    def set_block(self, member: Member) -> None:
        """Find the block that a member's address lies in."""
        address = member.address
        block = None if address is None else self.prefixes.longest(address.version, int(address))
        if member.block is not block:
            member.block = block
            self.changed.members[member] = None

    def settle_blocks(self, blocks: Iterable[BlockParty]) -> None:
        """See anew who lies where, now that some blocks have come or gone."""
        for block in blocks:
            self.changed.prefixes[block.subnet] = None
            for address in self.within(block.subnet):
                for member in self.at[address]:
                    self.set_block(member)

    def within(self, subnet: Subnet) -> Iterator[Address]:
        """Yield the addresses in a prefix that anybody has."""
        version = subnet.version
        known = self._sorted[version]
        if known is None:
            known = self._sorted[version] = sorted(int(each) for each in self.at if each.version == version)
        make = type(subnet.network_address)
        at, last = bisect_left(known, int(subnet.network_address)), int(subnet.broadcast_address)
        while at < len(known) and known[at] <= last:
            yield make(known[at])
            at += 1

    def members(self) -> Iterator[Member]:
        """Yield all."""
        for members in self.of_pod.values():
            yield from members.values()
        yield from self.others.values()

    def holder(self, address: Address) -> Member | None:
        """Return who has an address."""
        return next(iter(self.at.get(address, ())), None)

    def _identity(self, key: IdentityKey) -> Identity:
        identity = self.identities.get(key)
        if identity is None:
            identity = self.identities[key] = Identity(key)
            self.changed.identities.append(identity)
            self.changed.numberless.append(identity)
        return identity

    def _enter(self, member: Member) -> None:
        if member.address is not None:
            holders = self.at.setdefault(member.address, {})
            if not holders:
                self._sorted[member.address.version] = None
            holders[member] = None
            self.changed.prefixes[single(member.address)] = None

    def _drop(self, member: Member) -> None:
        self._leave_identity(member)
        self.changed.members.pop(member, None)
        self.changed.gone[_name(member.pod), member.address] = member
        if member.address is not None:
            holders = self.at[member.address]
            del holders[member]
            if not holders:
                del self.at[member.address]
                self._sorted[member.address.version] = None
                self.changed.orphans.add(member.address)
            self.changed.prefixes[single(member.address)] = None

    def _forget_other(self, address: Address) -> None:
        member = self.others.pop(address, None)
        if member is not None:
            self._drop(member)

    def _leave_identity(self, member: Member) -> None:
        member.identity.users -= 1
        if not member.identity.users:
            self.changed.idle_identities[member.identity] = None


def _name(pod: Pod | None) -> str:
    return "" if pod is None else pod.name


@lru_cache(1 << 16)
def single(address: Address) -> Subnet:
    """Return the prefix that is one address alone."""
    return IPv4Network((int(address), 32)) if address.version == 4 else IPv6Network((int(address), 128))

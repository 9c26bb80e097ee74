"""What a change of policies would mean for conversations that have taken place."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from control.model import Address
from control.policy.answers import Answer, Decide, answer_of
from control.policy.model import ClusterPolicy, Manifests, Namespace, NetworkPolicy, Node

Object = TypeVar("Object", NetworkPolicy, ClusterPolicy, Namespace, Node)


class Conversation(NamedTuple):
    """Who talked to whom: the source by its own address, the destination as it really is. ``port`` is 0 where the
    protocol (tcp, udp, sctp, icmp, a number) has none."""

    source: Address
    destination: Address
    protocol: str
    port: int


class Difference(NamedTuple):
    """A conversation that another verdict would meet; how many times it was recorded."""

    conversation: Conversation
    times: int
    before: Answer
    after: Answer


def differences(before: Decide, after: Decide, recorded: Iterable[tuple[Conversation, int]]) -> Iterator[Difference]:
    """Yield the conversations that one would let pass and the other would not, or that only one audits."""
    for conversation, times in recorded:
        asked = conversation.source, conversation.destination, conversation.protocol, conversation.port
        was, would_be = answer_of(*before(*asked)), answer_of(*after(*asked))
        if was.verdict != would_be.verdict:
            yield Difference(conversation, times, was, would_be)


def with_changes(manifests: Manifests, new: Manifests) -> Manifests:
    """Return what ``manifests`` are when ``new`` is applied: each object takes the place of the one of its name."""
    return replace(
        manifests,
        policies=_merge(manifests.policies, new.policies),
        cluster_policies=_merge(manifests.cluster_policies, new.cluster_policies),
        namespaces=_merge(manifests.namespaces, new.namespaces),
        nodes=_merge(manifests.nodes, new.nodes),
    )


def _merge(old: tuple[Object, ...], new: tuple[Object, ...]) -> tuple[Object, ...]:
    by_name: dict[tuple[str, str], Object] = {_key(each): each for each in old}
    by_name |= {_key(each): each for each in new}
    return tuple(by_name[key] for key in sorted(by_name))


def _key(each: NetworkPolicy | ClusterPolicy | Namespace | Node) -> tuple[str, str]:
    return (each.namespace, each.name) if isinstance(each, NetworkPolicy) else ("", each.name)

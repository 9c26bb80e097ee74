"""A cluster of which nothing is in force: its pods and policies, to be asked about."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial

from control.model import Configuration, Peer
from control.observe.who import pods_of
from control.policy.answers import Decide
from control.policy.model import Manifests, Pod


@dataclass(frozen=True)
class Cluster:
    """All pods that are known, and all objects that say who may talk to whom."""

    pods: tuple[Pod, ...]
    manifests: Manifests

    @cached_property
    def decide(self) -> Decide:
        """What answers questions, by the tables that the policies compile to."""
        from control.policy.asking import decide
        from control.policy.book import PolicyBook

        return partial(decide, PolicyBook.alone(self.pods, self.manifests))

    def with_manifests(self, manifests: Manifests) -> "Cluster":
        """Return the same pods under other policies."""
        return replace(self, manifests=manifests)


def cluster_of(configuration: Configuration, peers: Iterable[Peer]) -> Cluster:
    """Return the pods of a node and of its peers, with the manifests of its configuration."""
    return Cluster(tuple(pods_of(configuration, peers)), configuration.manifests or Manifests())

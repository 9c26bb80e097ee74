"""A cluster of which nothing is in force: its pods and policies, to be asked about."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from control.agent.encode import decode, encode
from control.model import Address
from control.policy.answers import Decide
from control.policy.asking import decide
from control.policy.book import PolicyBook, Wanted
from control.policy.model import Manifests, Pod


@dataclass(frozen=True)
class Cluster:
    """All pods that are known, all objects that say who may talk to whom, and the addresses of the node itself."""

    pods: tuple[Pod, ...]
    manifests: Manifests
    own: tuple[Address, ...] = ()

    @classmethod
    def of(cls, wanted: Wanted) -> "Cluster":
        """Return what a book was made of."""
        return cls(tuple(wanted.pods.values()), wanted.manifests, tuple(sorted(wanted.own, key=str)))

    @classmethod
    def read(cls, document: Any) -> "Cluster":
        """Return what ``document`` says."""
        return cls(decode(document["pods"]), decode(document["manifests"]), decode(document["own"]))

    def document(self) -> dict[str, Any]:
        """Return it as JSON, for a process of the same version."""
        return {"pods": encode(self.pods), "manifests": encode(self.manifests), "own": encode(self.own)}

    @cached_property
    def decide(self) -> Decide:
        """What answers questions, by what the policies compile to."""
        return partial(decide, PolicyBook.alone(self.pods, self.manifests, self.own))

    def with_manifests(self, manifests: Manifests) -> "Cluster":
        """Return the same pods under other policies."""
        return replace(self, manifests=manifests)

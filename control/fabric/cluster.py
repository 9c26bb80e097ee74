"""Who there is and what policies say, as one question for them: of a fabric, or of a file that nothing runs by."""

from typing import TYPE_CHECKING

from control.fabric.plan import Numbers, Plan, make_plan
from control.fabric.policy import own_addresses, pods_of
from control.model import Configuration
from control.overlay.store import PeerStore
from control.policy.book import Wanted
from control.policy.model import Manifests
from dataplane.generation.build import free_copy

if TYPE_CHECKING:
    from control.fabric import Fabric

FILE = "file"


def cluster_of(configuration: Configuration) -> Wanted:
    """Return the pods of a node and of the peers that its file knows, and its manifests."""
    store = PeerStore()
    peers = () if configuration.overlay is None else configuration.overlay.peers
    store.take_in(store.plan_source(FILE, peers, 0.0))
    return wanted_of(make_plan(configuration, Numbers()), store)


def cluster_in(fabric: "Fabric") -> Wanted:
    """Return what is in force."""
    return fabric.policy.book.wanted if is_on(fabric) else wanted_of(fabric.plan, fabric.others.store)


def wanted_of(plan: Plan, store: PeerStore) -> Wanted:
    """Return what a plan and what is known of other nodes come to."""
    pods = {pod.name: pod for pod in pods_of(plan.configuration, store)}
    return Wanted(pods, plan.configuration.manifests or Manifests(), own_addresses(plan))


def is_on(fabric: "Fabric") -> bool:
    """Whether conversations are judged."""
    return fabric.configuration.manifests is not None


def is_judging(fabric: "Fabric") -> bool:
    """Whether workers judge conversations, whoever has told them to."""
    state = fabric.state
    return bool(state.policy[1 - free_copy(state.control[0])].is_on)

"""What tables say of a cluster's packets beside what the specification does: compiled, and asked by the real kernels.

One state serves many clusters, each put in place of the one before, as pods and policies come and go. Run by itself it
goes through as many as it is told: ``python -m tests.policy.compared --clusters 10000 --seed 1``.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from random import Random, SystemRandom
from typing import NamedTuple

from control.policy.book import PolicyBook, Wanted
from control.policy.model import Decision, Direction, Pod
from dataplane.policy.tables import ACTION_MASK, ACTION_SHIFT, AUDIT, DENY, RULE_MASK
from tests.generate.policies import (
    Question,
    World,
    random_manifests,
    random_pod,
    random_question,
    random_world,
)
from tests.naive.policy import Cluster, decide
from tests.policy.matching import end_of, judge, make_state, make_writer

QUESTIONS = 60
PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


class Verdict(NamedTuple):
    """Whether a packet may pass, and what each direction that was asked said."""

    allowed: bool
    egress: Decision | None
    ingress: Decision | None


class Compiled:
    """The tables of one node, in which a world is put after the other."""

    def __init__(self) -> None:
        self.state = make_state()
        self.book = PolicyBook(make_writer(self.state))

    def settle(self, world: World) -> None:
        """Have the tables say what a world's policies do."""
        pods = {pod.name: pod for pod in world.pods}
        self.own = world.own
        self.book.settle(Wanted(pods, world.manifests, world.own, world.names))
        self.book.release()

    def clear(self) -> None:
        """Have the tables say nothing."""
        self.book.settle(Wanted())
        self.book.release()

    def ask(self, question: Question) -> Verdict:
        """Return what workers would find."""
        ends = end_of(self.state, str(question.source)), end_of(self.state, str(question.destination))
        is_node = question.source in self.own  # Where it comes in says so to workers, no table does.
        allowed, egress, ingress = judge(self.state, *ends, question.protocol, question.port, is_node)
        return Verdict(allowed, self._said(egress), self._said(ingress))

    def _said(self, judgement: int) -> Decision | None:
        """Return what a judgement says, None if no rule has decided."""
        action = judgement >> int(ACTION_SHIFT) & int(ACTION_MASK)
        name = self.book.names.get(judgement & int(RULE_MASK))
        if name is None:
            assert action != DENY or not judgement, "what is denied is denied by a rule"
            return None
        return Decision(action != DENY, name.policy, name.rule, audited=action == AUDIT)


def ask_specification(world: World, question: Question) -> Verdict:
    """Return what the specification says, as far as it is asked on this node."""
    cluster = Cluster(world.pods, world.own, world.names)
    ends = cluster.at(question.source), cluster.at(question.destination)
    protocol = PROTOCOLS.get(question.protocol, "")

    def asked(direction: Direction, pod: Pod | None) -> Decision | None:
        if pod is None or not pod.port:
            return None
        said = decide(cluster, world.manifests, direction, *ends, protocol, question.port)
        return said if said.policy else None

    egress = asked("egress", ends[0].pod)
    if egress and not egress.allowed:
        return Verdict(False, egress, None)
    ingress = asked("ingress", ends[1].pod)
    return Verdict(ingress is None or ingress.allowed, egress, ingress)


def compare(compiled: Compiled, world: World, random: Random, questions: int = QUESTIONS) -> None:
    """Hold the tables against the specification."""
    compiled.settle(world)
    for _ in range(questions):
        question = random_question(random, world)
        expected, found = ask_specification(world, question), compiled.ask(question)
        assert expected == found, f"{question}: specified {expected}, compiled {found}\nof {world}"


def changed(random: Random, world: World) -> World:
    """Return a world in which something is different."""
    kind = random.random()
    if kind < 0.4:
        pods = [random_pod(random, number) if random.random() < 0.2 else pod for number, pod in enumerate(world.pods)]
        return replace(world, pods=tuple(pods))
    other = random_manifests(random)
    part: Mapping[str, object] = {
        name: getattr(other, name)
        for name in ("policies", "cluster_policies", "namespaces", "nodes")
        if random.random() < 0.5
    }
    return replace(world, manifests=replace(world.manifests, **part))


def main() -> None:
    """Compare as many clusters as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clusters", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed} (repeat with --seed {seed})")
    random, compiled = Random(seed), Compiled()
    world = random_world(random)
    for number in range(1, options.clusters + 1):
        try:
            compare(compiled, world, random)
        except AssertionError as error:
            error.add_note(f"in cluster {number} of seed {seed}")
            raise
        if number % 1000 == 0 or number == options.clusters:
            print(f"{number} clusters, {number * QUESTIONS} packets: alike")
        world = changed(random, world) if random.random() < 0.5 else random_world(random)


if __name__ == "__main__":
    main()

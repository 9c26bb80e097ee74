"""Whether a book of policies, or the tables that it wrote, say of everybody and everybody what policies say."""

from collections.abc import Callable, Iterator

from hypothesis import strategies as st

from control.model import Address
from control.policy.asking import end_of
from control.policy.book import PolicyBook, Wanted
from control.policy.model import Decision, Pod
from control.policy.spans import key_of
from dataplane.state import State
from tests.naive.policy import Cluster, End, decide_both
from tests.policy import clusters
from tests.policy.matching import RULE, call_find_end, halves, judge

KEYS = [("tcp", 80), ("tcp", 81), ("tcp", 443), ("udp", 80), ("udp", 443), ("sctp", 80), ("tcp", 1), ("icmp", 0)]

everything = st.builds(
    lambda pods, *rest: Wanted({pod.name: pod for pod in pods}, *rest),
    clusters.pods(),
    clusters.manifests,
    clusters.own,
    clusters.answers,
)


def ends_of(wanted: Wanted) -> Iterator[Pod | Address]:
    yield from clusters.addresses_of(tuple(wanted.pods.values()))
    yield from (pod for pod in wanted.pods.values() if pod.port and not pod.addresses)


Asking = Callable[[Pod | Address, Pod | Address, str, int], tuple[Decision, Decision]]


def require_agreement(decide: Asking, wanted: Wanted) -> None:
    """Ask about everybody and everybody."""
    cluster = Cluster(tuple(wanted.pods.values()), wanted.own, wanted.names)
    for source in ends_of(wanted):
        for destination in ends_of(wanted):
            for protocol, port in KEYS:
                ends = [
                    End(each, None) if isinstance(each, Pod) else cluster.at(each) for each in (source, destination)
                ]
                expected = decide_both(cluster, wanted.manifests, *ends, protocol, port)
                # Who is not here is judged by another node.
                egress, ingress = (
                    decision if end.pod is not None and end.pod.port else type(decision)(True)
                    for decision, end in zip(expected, ends, strict=True)
                )
                if not egress.allowed:  # Then nobody asks further.
                    ingress = Decision(True)
                assert decide(source, destination, protocol, port) == (egress, ingress)


def asked_of(state: State, book: PolicyBook) -> Asking:
    """Return what asks the tables of a state, by kernels. Where the source may not, the destination is not asked."""

    def ask(source: Pod | Address, destination: Pod | Address, protocol: str, port: int) -> tuple[Decision, Decision]:
        ends = [end_number(state, book, each) for each in (source, destination)]
        is_node = end_of(book, source).is_node  # Where it comes in says so to kernels, no table does.
        _, *judgements = judge(state, ends[0], ends[1], key_of(protocol, port) >> 16, port, is_node)
        egress, ingress = (decision_of(book, each) for each in judgements)
        return egress, ingress

    return ask


def end_number(state: State, book: PolicyBook, who: Pod | Address) -> int:
    return book.ends[who.port] if isinstance(who, Pod) else int(call_find_end(state.routers[0], *halves(who)))


def decision_of(book: PolicyBook, judgement: int) -> Decision:
    """Return a judgement in words."""
    name = book.names.get(judgement & RULE)
    if name is None:
        return Decision(True)
    return Decision(judgement >> 18 != 0, name.policy, name.rule, audited=judgement >> 18 == 2)

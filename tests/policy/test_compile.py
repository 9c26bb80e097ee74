"""The book of policies against their straight reading: whatever the cluster, and however it came to be as it is."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from control.model import Address
from control.policy.asking import decide
from control.policy.book import PolicyBook, Wanted
from control.policy.model import Pod
from control.policy.notables import NoTables
from tests.naive.policy import Cluster, End, decide_both
from tests.policy import clusters

KEYS = [("tcp", 80), ("tcp", 81), ("tcp", 443), ("udp", 80), ("udp", 443), ("sctp", 80), ("tcp", 1), ("icmp", 0)]

wanted = st.builds(
    lambda pods, *rest: Wanted({pod.name: pod for pod in pods}, *rest),
    clusters.pods(),
    clusters.manifests,
    clusters.own,
    clusters.answers,
)


def ends_of(wanted: Wanted) -> Iterator[Pod | Address]:
    yield from clusters.addresses_of(tuple(wanted.pods.values()))
    yield from (pod for pod in wanted.pods.values() if pod.port and not pod.addresses)


def require_agreement(book: PolicyBook, wanted: Wanted) -> None:
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
                assert decide(book, source, destination, protocol, port) == (egress, ingress)


@given(wanted)
@settings(max_examples=150, deadline=None)
def test_a_book_decides_as_its_policies_read(wanted: Wanted) -> None:
    book = PolicyBook(NoTables())
    book.settle(wanted)
    require_agreement(book, wanted)
    book.release()
    require_agreement(book, wanted)


@given(st.lists(wanted, min_size=2, max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_book_that_has_changed_decides_as_a_new_one(steps: list[Wanted]) -> None:
    book = PolicyBook(NoTables())
    for wanted in steps:
        book.settle(wanted)
        require_agreement(book, wanted)
        book.release()
    require_agreement(book, steps[-1])
    book.settle(Wanted())
    book.release()
    assert_nothing_is_left(book)


def assert_nothing_is_left(book: PolicyBook) -> None:
    book.release()
    assert not book.judges.rows
    assert not book.judges.selections
    assert not book.judges.blocks
    assert not book.judges.subjects
    assert not book.writing.prefixes
    assert not book.names
    assert list(book.roster.identities.values()) == [book.roster.stranger]

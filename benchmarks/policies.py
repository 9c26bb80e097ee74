"""``python -m benchmarks.policies``: how long it takes until the policies of a whole cluster are in force on one node.

10,000 policies over 5,000 pods in 500 namespaces; as many of the pods as a node has ports for are here. Objects in
memory at the start, tables written at the end: reading files is not in it, nor is waiting for workers, of whom there
are none. Then single changes, each from the new objects to the new stamp; the agent's memory, and the tables'.
"""

import argparse
import gc
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

from rich.console import Console
from rich.table import Table

from control.policy.book import PolicyBook, Wanted
from control.policy.model import (
    NAME_LABEL,
    BlockPeer,
    Labels,
    Manifests,
    Namespace,
    NetworkPolicy,
    Peer,
    Pod,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
)
from dataplane.policy.build import PolicyWriter
from dataplane.state import Capacities, create_state

NAMESPACES, PODS, POLICIES, HERE = 500, 5_000, 10_000, 500
APPS, TEAMS = 5, 20
CHANGES = 40


def labelled(**labels: str) -> Selector:
    """Return a selector by labels that must be there."""
    return Selector(tuple(Requirement(key, "In", frozenset([value])) for key, value in sorted(labels.items())))


def namespaces() -> tuple[Namespace, ...]:
    """Return the namespaces: each of one of the teams."""
    names = [f"space-{n:03}" for n in range(NAMESPACES)]
    return tuple(
        Namespace(name, tuple(sorted({NAME_LABEL: name, "team": f"team-{n % TEAMS}"}.items())))
        for n, name in enumerate(names)
    )


def pod(n: int, here: int, **labels: str) -> Pod:
    """Return a pod: one of several applications of its namespace, with a label that no other has, as pods of a
    StatefulSet have; those that are here are spread over all namespaces."""
    own = {"app": f"app-{n // NAMESPACES % APPS}", "pod-name": f"pod-{n}", **labels}
    port = f"port-{n}" if n < here else ""
    addresses = (ip_address((10 << 24) + n), ip_address((0xFD00 << 112) + n))
    return Pod(f"pod-{n}", f"space-{n % NAMESPACES:03}", as_labels(own), (("http", 8080, "tcp"),), addresses, port)


def as_labels(labels: dict[str, str]) -> Labels:
    """Return labels as pods have them."""
    return tuple(sorted(labels.items()))


def policy(n: int, rng: random.Random) -> NetworkPolicy:
    """Return one of a namespace's twenty policies: one in ten denies by default, the others let some pods in by ports,
    and half of them let out to a few places."""
    name, space = f"policy-{n // NAMESPACES:02}", f"space-{n % NAMESPACES:03}"
    if n // NAMESPACES % 10 == 0:
        return NetworkPolicy(space, name, ingress=(), egress=None if n % 2 else ())
    ports = (PortMatch("tcp", 1000 + rng.randrange(200)), PortMatch("tcp", name="http"))
    ingress = (Rule(tuple(peers(rng)), ports), Rule((PodPeer(labelled(app=f"app-{rng.randrange(APPS)}")),)))
    egress = (Rule(tuple(peers(rng)), (PortMatch("tcp", 443, 443), PortMatch("udp", 53, 53))),)
    chosen = labelled(app=f"app-{rng.randrange(APPS)}")
    return NetworkPolicy(space, name, chosen, ingress, egress if n % 2 else None)


def peers(rng: random.Random) -> Iterator[Peer]:
    """Yield pods of the namespace, of one or all teams' namespaces, and now and then a block with an exception."""
    yield PodPeer(labelled(app=f"app-{rng.randrange(APPS)}"))
    kind = rng.randrange(8)
    if kind < 3:
        yield PodPeer(namespaces=labelled(team=f"team-{rng.randrange(TEAMS)}"))
    elif kind == 3:
        yield PodPeer(labelled(app=f"app-{rng.randrange(APPS)}"), Selector())
    elif kind == 4:
        third = rng.randrange(200)
        yield BlockPeer(ip_network(f"192.168.{third}.0/24"), (ip_network(f"192.168.{third}.128/25"),))


def cluster(here: int) -> Wanted:
    """Return a whole cluster, the same in each run."""
    rng = random.Random(5)
    everybody = {each.name: each for each in (pod(n, here) for n in range(PODS))}
    policies = tuple(sorted((policy(n, rng) for n in range(POLICIES)), key=lambda each: (each.namespace, each.name)))
    return Wanted(everybody, Manifests(policies, (), namespaces()))


def settle(book: PolicyBook, wanted: Wanted) -> tuple[float, float]:
    """Put it in force; return how many milliseconds that took, and how many of them this process was at work."""
    began, at_work = time.perf_counter(), time.process_time()
    book.settle(wanted)
    book.release()
    return (time.perf_counter() - began) * 1000, (time.process_time() - at_work) * 1000


def with_policy(wanted: Wanted, n: int) -> Wanted:
    """Return the cluster where a policy has one rule more."""
    policies = list(wanted.manifests.policies)
    changed = policies[n]
    extra = Rule((PodPeer(labelled(app="app-0")),), (PortMatch("tcp", n, n),))
    policies[n] = replace(changed, ingress=(*(changed.ingress or ()), extra))
    return wanted._replace(manifests=replace(wanted.manifests, policies=tuple(policies)))


def with_pod(wanted: Wanted, changed: Pod) -> Wanted:
    """Return the cluster with a pod as it is now."""
    return wanted._replace(pods={**wanted.pods, changed.name: changed})


def changes(here: int) -> list[tuple[str, Callable[[Wanted, int], Wanted]]]:
    """Return single changes by what they are; each is made of a cluster and a number."""

    def of_pod(n: int, **labels: str) -> Pod:
        return pod(n, here, **labels)

    return [
        ("a policy has a rule more", lambda wanted, n: with_policy(wanted, 250 * n)),
        ("a pod here has another label", lambda w, n: with_pod(w, of_pod(n, app=f"app-{(n + 1) % APPS}"))),
        ("a pod elsewhere has another label", lambda w, n: with_pod(w, of_pod(here + n, app=f"app-{n % APPS}"))),
        ("a pod has another address", lambda w, n: with_pod(w, moved(w.pods[f"pod-{here + n}"], n))),
        ("a pod comes", lambda wanted, n: with_pod(wanted, arrived(n))),
        ("a namespace has another label", lambda wanted, n: with_team(wanted, n)),
    ]


def moved(before: Pod, n: int) -> Pod:
    """Return a pod with another address."""
    return replace(before, addresses=(ip_address((11 << 24) + n), *before.addresses[1:]))


def arrived(n: int) -> Pod:
    """Return a pod that was not there."""
    labels = as_labels({"app": f"app-{n % APPS}", "pod-name": f"new-{n}"})
    return Pod(f"new-{n}", f"space-{n:03}", labels, (), (ip_address((12 << 24) + n),))


def with_team(wanted: Wanted, n: int) -> Wanted:
    """Return the cluster where a namespace belongs to another team."""
    known = list(wanted.manifests.namespaces)
    labels = {**dict(known[n].labels), "team": f"team-{(n + 1) % TEAMS}"}
    known[n] = replace(known[n], labels=as_labels(labels))
    return wanted._replace(manifests=replace(wanted.manifests, namespaces=tuple(known)))


def tables_of(book: PolicyBook) -> str:
    """Say what the tables hold."""
    writer = book.writing.tables
    assert isinstance(writer, PolicyWriter)
    prefixes = sum(table.bytes_in_use for table in writer.prefixes.values())
    steps = sum(len(steps) for steps in writer.lists.number_of)
    used = 8 * (writer.cells.count + steps + len(writer.lists)) + 16 * len(book.writing.prefixes) + prefixes
    return (
        f"{len(book.judges.rows):,} rows, {len(book.roster.identities):,} identities, {writer.cells.count:,} cells, "
        f"{len(writer.lists):,} lists of {steps:,} steps, {len(book.writing.rules) - 1:,} rules: {used / 2**20:.1f} MiB"
    )


def resident() -> float:
    """Return how much memory the process has, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", type=int, default=HERE, help="pods of this node, up to 1,000")
    here = parser.parse_args().here
    wanted = cluster(here)
    gc.collect()
    state, _region = create_state(Capacities(1024), 1, shared=True, seed=1)
    before = resident()
    book = PolicyBook(PolicyWriter(state))
    title = f"{POLICIES:,} policies, {PODS:,} pods, {here:,} of them here"
    table = Table("policies", "median", "longest", "processor time", title=title)
    took, at_work = settle(book, wanted)
    table.add_row("first compile", f"{took:,.0f} ms", "", f"{at_work:,.0f} ms")
    table.add_row("memory of the process, tables included", f"{resident() - before:,.0f} MiB", "", "")
    for what, change in changes(here):
        rows = []
        for n in range(CHANGES):
            wanted = change(wanted, n)
            rows.append(settle(book, wanted))
        wall, work = zip(*rows, strict=True)
        table.add_row(
            what, *(f"{each:.2f} ms" for each in (statistics.median(wall), max(wall), statistics.median(work)))
        )
    Console().print(table)
    print(tables_of(book))


if __name__ == "__main__":
    main()
